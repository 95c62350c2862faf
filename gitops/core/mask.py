"""The one masker: Secret values never leave the program, whatever prints them."""

from collections.abc import Mapping
from typing import Any

from gitops.core.diff import ABSENT, Change, Segment

HIDDEN = "***"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# All others are hidden: a misspelt `data` holds what `data` should.
_OPEN_FIELDS = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})


def is_secret(obj: Mapping[str, Any]) -> bool:
    """Whether an object's `data` is secret: a core Secret, or a copy of one under another version."""
    return obj.get("kind") == "Secret" and "/" not in str(obj.get("apiVersion", "v1"))


def masked(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object with every Secret value hidden, copies in kubectl's annotation included."""
    shown = dict(obj)
    if not is_secret(obj):
        return shown
    for name in shown.keys() - _OPEN_FIELDS:
        values = shown[name]
        shown[name] = dict.fromkeys(values, HIDDEN) if isinstance(values, Mapping) else HIDDEN
    metadata = dict(shown.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    if LAST_APPLIED in annotations:
        annotations[LAST_APPLIED] = HIDDEN
        metadata["annotations"] = annotations
        shown["metadata"] = metadata
    return shown


def masked_change(change: Change, *, secret: bool) -> Change:
    """A change with hidden values, where it is one of a Secret's data: only that it changed is shown."""
    if not secret or not _is_hidden(change.path):
        return change
    return Change(change.path, _hidden(change.before, "before"), _hidden(change.after, "after"))


def _is_hidden(path: tuple[Segment, ...]) -> bool:
    return bool(path) and (path[0] not in _OPEN_FIELDS or LAST_APPLIED in path)


def _hidden(value: Any, side: str) -> Any:
    if value is ABSENT:
        return ABSENT
    if isinstance(value, Mapping):
        return dict.fromkeys(value, f"{HIDDEN} ({side})")
    return f"{HIDDEN} ({side})"
