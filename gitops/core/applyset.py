"""What an Application says of itself as the parent of an ApplySet (KEP-3659): kinds and namespaces."""

from gitops.api.application import Metadata
from gitops.api.group import APPLYSET_GROUP_KINDS_ANNOTATION, APPLYSET_NAMESPACES_ANNOTATION
from gitops.core.model import GroupKind


def kinds_of(metadata: Metadata) -> set[GroupKind]:
    """The kinds that the ApplySet annotation lists: all that the Application has or had objects of."""
    text = metadata.annotations.get(APPLYSET_GROUP_KINDS_ANNOTATION, "")
    return {_group_kind(word) for word in text.split(",") if word}


def namespaces_of(metadata: Metadata) -> set[str]:
    """The namespaces that the ApplySet consists of: the Application's own, and those that are listed."""
    text = metadata.annotations.get(APPLYSET_NAMESPACES_ANNOTATION, "")
    return {metadata.namespace, *(word for word in text.split(",") if word)}


def _group_kind(word: str) -> GroupKind:
    kind, _, group = word.partition(".")
    return GroupKind(group, kind)
