"""Hand-over: before an object is pruned, every other Application that may want it is heard.

An object that moves from one Application to another is never deleted, whichever of the two sees
its new revision first. "Could not be asked" is not "does not want it".
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL, APPROVE_ANNOTATION
from gitops.core.fields import apply_entry
from gitops.core.identity import Owner
from gitops.core.inventory import Live
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Blame, Problem, Reason


class Stand(StrEnum):
    """How far an Application's word counts now."""

    SETTLED = "settled"  # it wants exactly what its newest revision renders to
    PENDING = "pending"  # it will say soon
    BROKEN = "broken"  # it can't say: its newest revision can't be had or rendered
    SUSPENDED = "suspended"  # it stays with what it has applied
    SILENT = "silent"  # it is being deleted, or has nobody to write as: it wants nothing


@dataclass(frozen=True, slots=True)
class Claimant:
    """Another Application, as it is asked. `wanted` are the keys of its last good render."""

    owner: Owner
    stand: Stand
    wanted: Collection[ObjectKey]
    namespaces: Collection[str]  # its destination, and those in which it has, had or wants objects
    kinds: Collection[GroupKind]  # of which it has, had or wants objects
    near: bool = False  # it reads the same repository

    def reaches(self, key: ObjectKey) -> bool:
        """Whether an object is where this Application works, as far as is known without its render.

        Elsewhere its next revision could put objects, too. But one broken Application must not
        hold up every prune of the cluster.
        """
        if key.namespace:
            return key.namespace in self.namespaces
        return not self.kinds or key.group_kind in self.kinds


class Right(StrEnum):
    """What a dry run as the claimant's account said."""

    GRANTED = "granted"
    DENIED = "denied"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class HandTo:
    """The object is given to this Application instead of being deleted."""

    heir: Owner


@dataclass(frozen=True, slots=True)
class WaitFor:
    """The object stays where it is for now. `passing`: an answer is on its way, no approval is heard."""

    problem: Problem
    passing: bool = False


Answer: TypeAlias = HandTo | WaitFor


@dataclass(frozen=True, slots=True)
class Heard:
    """What all others say of one object, before anybody's rights were looked at."""

    claims: tuple[Claimant, ...] = ()
    pending: tuple[Claimant, ...] = ()
    doubtful: tuple[Claimant, ...] = ()

    @property
    def nobody(self) -> bool:
        return not (self.claims or self.pending or self.doubtful)


def hear(key: ObjectKey, others: Iterable[Claimant]) -> Heard:
    """Sort the others by what they say of an object that its owner would prune."""
    claims, pending, doubtful = [], [], []
    for one in others:
        if one.stand is Stand.SILENT:
            continue
        reaches = one.reaches(key)
        if one.stand is Stand.PENDING:
            if one.near or reaches:
                pending.append(one)
        elif not reaches:
            continue
        elif key in one.wanted:
            claims.append(one)
        elif one.stand is Stand.BROKEN:
            doubtful.append(one)
    claims.sort(key=lambda one: (one.stand is not Stand.SETTLED, str(one.owner)))
    return Heard(tuple(claims), tuple(pending), tuple(doubtful))


def answer(
    key: ObjectKey,
    heard: Heard,
    rights: Mapping[Owner, Right],
    words: Mapping[Owner, str] = {},
) -> Answer | None:
    """What becomes of the object; None: nobody else may have it, so that it can be deleted.

    A claim counts only with the right to write the object: naming somebody else's object gives
    nobody a hold on it. `words` say why a right is unclear.
    """
    unclear = None
    for one in heard.claims:
        right = rights.get(one.owner, Right.UNCLEAR)
        if right is Right.DENIED:
            continue
        if right is Right.GRANTED and one.stand is not Stand.SUSPENDED:
            return HandTo(one.owner)
        unclear = unclear or one
    if unclear:
        return WaitFor(_unclear(key, unclear, words.get(unclear.owner, "")))
    if heard.pending:
        return WaitFor(_pending(key, heard.pending[0]), passing=True)
    for one in heard.doubtful:
        if rights.get(one.owner, Right.UNCLEAR) is not Right.DENIED:
            return WaitFor(_doubtful(key, one))
    return None


_APPROVE = (
    f"to delete the object all the same, annotate its Application with {APPROVE_ANNOTATION}: <revision>"
)


def _unclear(key: ObjectKey, one: Claimant, words: str) -> Problem:
    why = (
        "is suspended" if one.stand is Stand.SUSPENDED else f"can't take it over: {words or 'not tried yet'}"
    )
    return Problem(
        Reason.PRUNE_WAITING,
        f"left Git; the Application {one.owner} wants it and {why}",
        Blame.SPEC,
        advice=f"mend or resume {one.owner}; {_APPROVE}",
        key=key,
    )


def _pending(key: ObjectKey, one: Claimant) -> Problem:
    return Problem(
        Reason.WAITING,
        f"left Git; whether the Application {one.owner} wants it is being asked",
        Blame.CLUSTER,
        advice="its answer is awaited",
        key=key,
    )


def _doubtful(key: ObjectKey, one: Claimant) -> Problem:
    return Problem(
        Reason.PRUNE_WAITING,
        f"left Git; whether the Application {one.owner} wants it is not known, "
        "as its newest revision can't be had or rendered",
        Blame.SPEC,
        advice=f"mend {one.owner}; {_APPROVE}",
        key=key,
    )


def transfer(live: Live, owner: Owner, heir: Owner) -> list[dict[str, Any]]:
    """The operations of the one patch that makes `heir` the owner: label, annotation, Apply entry.

    The content digest stays that of the former owner, so that the object differs from what the
    heir wants and is applied by its next pass, also if the controller is killed right here.
    """
    key = live.observed.key
    entries = live.metadata.get("managedFields") or ()
    mine = apply_entry(entries, owner.manager) or {}
    # Whatever else stands under the two names is a trace of patches like this one.
    others = [
        dict(entry)
        for entry in entries
        if entry.get("subresource") or entry.get("manager") not in (owner.manager, heir.manager)
    ]
    return [
        {"op": "replace", "path": _path("labels", APPLYSET_PART_OF_LABEL), "value": heir.applyset_id},
        {
            "op": "replace",
            "path": _path("annotations", APPLIED_ANNOTATION),
            "value": f"{heir.identity_of(key)}.{live.observed.content}",
        },
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [{**mine, "manager": heir.manager}, *others],
        },
    ]


def _path(where: str, name: str) -> str:
    return f"/metadata/{where}/{name.replace('~', '~0').replace('/', '~1')}"


def may_write(rules: Iterable[Mapping[str, Any]], group: str, plural: str, name: str) -> bool:
    """Whether the rules of a SelfSubjectRulesReview allow to patch an object."""

    def has(listed: Any, *values: str) -> bool:
        return any(value in ("*", *values) for value in listed or ())

    return any(
        has(rule.get("verbs"), "patch")
        and has(rule.get("apiGroups"), group)
        and has(rule.get("resources"), plural)
        and (not rule.get("resourceNames") or name in rule["resourceNames"])
        for rule in rules
    )
