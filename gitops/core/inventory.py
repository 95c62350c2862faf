"""What is known of live objects: members as the watches show them, and answers to "look at this one"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from sys import intern
from typing import Any, TypeAlias

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.core.coowned import sharers
from gitops.core.directives import PLAIN, Directives, of_live
from gitops.core.fields import Entry, apply_entry, our_entries, ownership_digest
from gitops.core.health import HEALTHY, Health
from gitops.core.identity import Owner, application_of, applyset_id, identity
from gitops.core.managers import scaler_of
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Problem


class Membership(StrEnum):
    """How an object stands to one Application."""

    MEMBER = "member"  # label, Apply entry and an identity that is its own
    DAMAGED = "damaged"  # its own identity, but only one of label and Apply entry
    FOREIGN = "foreign"  # everything else, copies included


@dataclass(frozen=True, slots=True)
class Observed:
    """One live object as the controller remembers it: digests and health, never its data."""

    key: ObjectKey
    uid: str
    resource_version: str
    part_of: str  # the label; empty when it has none
    identity: str  # of the annotation
    content: str  # of the annotation
    manager: str  # of our Apply entry; empty when there is none
    digest: str  # ownership digest
    generation: int = 0
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()  # uids of ownerReferences
    directives: Directives = PLAIN  # of its annotations
    health: Health = HEALTHY
    scaler: str = ""  # the manager that scales it without being a person
    genuine: bool = False  # the identity is right for the Application that `manager` names
    shared: tuple[str, ...] = ()  # managers that own paths of ours too

    def membership(self, owner: Owner) -> Membership:
        """Labels get copied, managedFields too; the identity can't be."""
        same = self.manager == owner.manager
        if same and self.genuine and self.part_of == owner.applyset_id:
            return Membership.MEMBER
        if not (self.genuine if same else self.identity == owner.identity_of(self.key)):
            return Membership.FOREIGN
        marks = (self.part_of == owner.applyset_id) + (self.manager == owner.manager)
        return (Membership.FOREIGN, Membership.DAMAGED, Membership.MEMBER)[marks]


def observe(
    obj: Mapping[str, Any], kind: GroupKind, health: Health, key: ObjectKey | None = None
) -> Observed:
    """Read a live object (or its PartialObjectMetadata) into what is remembered of it.

    `key`, where the caller has it, is the object's own: of many thousands, each is kept once.
    """
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    mark, _, content = annotations.get(APPLIED_ANNOTATION, "").partition(".")
    part_of = intern((metadata.get("labels") or {}).get(APPLYSET_PART_OF_LABEL, ""))
    entries = metadata.get("managedFields") or ()
    entry = _own_entry(entries, part_of)
    manager = intern(str(entry.get("manager", ""))) if entry else ""
    application = application_of(manager)
    key = key or ObjectKey(kind.group, kind.kind, intern(metadata.get("namespace", "")), metadata["name"])
    deletion = metadata.get("deletionTimestamp")
    return Observed(
        key=key,
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        part_of=part_of,
        identity=mark,
        content=content,
        manager=manager,
        digest=ownership_digest(metadata["uid"], deletion, entry),
        generation=metadata.get("generation", 0),
        deleting=deletion is not None,
        finalizers=tuple(metadata.get("finalizers") or ()) if deletion else (),
        owners=tuple(ref["uid"] for ref in metadata.get("ownerReferences") or ()),
        directives=of_live(annotations),
        health=health,
        scaler=intern(next(filter(None, map(scaler_of, entries)), "")),
        genuine=application is not None and mark == identity(*application, key),
        shared=sharers(metadata.get("managedFields") or (), entry),
    )


def _own_entry(entries: Iterable[Entry], part_of: str) -> Entry | None:
    """Our Apply entry: that of the Application which the label names, if several wrote."""
    found = list(our_entries(entries))
    if len(found) < 2:
        return found[0] if found else None
    for entry in found:
        application = application_of(str(entry.get("manager")))
        if application and applyset_id(*application) == part_of:
            return entry
    return found[0]


@dataclass(frozen=True, slots=True)
class Live:
    """An object that was looked at by name: its metadata, and what is remembered of it."""

    observed: Observed
    metadata: Mapping[str, Any] = field(repr=False)

    def apply_entry(self, manager: str) -> Entry | None:
        return apply_entry(self.metadata.get("managedFields") or (), manager)


@dataclass(frozen=True, slots=True)
class Absent:
    """The API server said that there is no such object."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nobody knows: the read failed. It is never taken for absent."""

    problem: Problem


Look: TypeAlias = Live | Absent | Unreadable


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that planning knows of the cluster.

    `members` are the objects that carry the Application's label; `looks` the answers for
    desired objects that are not among them; `unreadable` the kinds whose members can't be read now.
    """

    members: Mapping[ObjectKey, Observed]
    looks: Mapping[ObjectKey, Look] = field(default_factory=dict)
    unreadable: Mapping[GroupKind, Problem] = field(default_factory=dict)
