"""Prune guards: reasons not to delete, each one an accident that happened to somebody."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from gitops.api.group import APPROVE_ANNOTATION, PRUNE_ANNOTATION
from gitops.core.directives import PruneMode
from gitops.core.identity import Owner
from gitops.core.inventory import Membership, Observed
from gitops.core.model import ObjectKey
from gitops.core.order import CONFIRMED_KINDS
from gitops.core.problem import Blame, Problem, Reason


@dataclass(frozen=True, slots=True)
class PruneLimit:
    """A prune is refused when it exceeds both: a share of the members, and a number of objects."""

    percent: int = 50
    objects: int = 10


@dataclass(frozen=True, slots=True)
class PrunePolicy:
    """`approved`: somebody said yes to this very revision, by annotation or command."""

    mode: PruneMode = PruneMode.ENABLED
    limit: PruneLimit = field(default_factory=PruneLimit)
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A live object that Git no longer wants."""

    observed: Observed
    owner: Owner
    desired_uids: Collection[str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an object stays. `silent`: that is what was asked for, nobody needs to act."""

    problem: Problem
    silent: bool = False


Guard: TypeAlias = Callable[[Candidate, PrunePolicy], Refusal | None]


def _refuse(candidate: Candidate, message: str, advice: str, *, silent: bool = False) -> Refusal:
    problem = Problem(Reason.PRUNE_BLOCKED, message, Blame.SPEC, advice=advice, key=candidate.observed.key)
    return Refusal(problem, silent)


def unless_ours(candidate: Candidate, _: PrunePolicy) -> Refusal | None:
    """Labels are copied by people and controllers; the identity and our Apply entry are not."""
    membership = candidate.observed.membership(candidate.owner)
    if membership is Membership.MEMBER:
        return None
    if membership is Membership.DAMAGED:
        return _refuse(
            candidate,
            "left Git, but somebody removed its label or our field manager entry, so it is kept",
            "delete it by hand if nobody needs it",
        )
    return _refuse(candidate, "carries our label, but is a copy of another object", "", silent=True)


def unless_desired_elsewhere(candidate: Candidate, _: PrunePolicy) -> Refusal | None:
    """The same object under another API group or version: deleting one deletes both."""
    if candidate.observed.uid not in candidate.desired_uids:
        return None
    return _refuse(candidate, "is the same object as a desired one", "", silent=True)


def unless_controlled(candidate: Candidate, _: PrunePolicy) -> Refusal | None:
    """An object with another owner is that owner's to delete."""
    foreign = [uid for uid in candidate.observed.owners if uid != candidate.owner.uid]
    if not foreign:
        return None
    return _refuse(
        candidate, "left Git, but has an ownerReference to something else", "its owner decides about it"
    )


def unless_kept(candidate: Candidate, policy: PrunePolicy) -> Refusal | None:
    """The annotation wins over the Application's policy, and that over the kind's default."""
    mode = _mode(candidate.observed, policy)
    if mode is PruneMode.ENABLED:
        return None
    if mode is PruneMode.DISABLED:
        asked_for = candidate.observed.directives.prune is PruneMode.DISABLED
        advice = "" if asked_for else "delete it by hand, or set sync.prune to Enabled"
        return _refuse(candidate, "left Git and is kept, as pruning is disabled", advice, silent=asked_for)
    if policy.approved:
        return None
    return Refusal(
        Problem(
            Reason.PRUNE_UNCONFIRMED,
            "left Git and waits for a confirmation before it is deleted",
            Blame.SPEC,
            advice=f"annotate the Application with {APPROVE_ANNOTATION}: <revision>, "
            f"or the object with {PRUNE_ANNOTATION}: Enabled to delete it, Disabled to keep it",
            key=candidate.observed.key,
        )
    )


def _mode(observed: Observed, policy: PrunePolicy) -> PruneMode:
    if observed.directives.prune is not None:
        return observed.directives.prune
    if policy.mode is PruneMode.ENABLED and observed.key.group_kind in CONFIRMED_KINDS:
        return PruneMode.CONFIRM
    return policy.mode


GUARDS: tuple[Guard, ...] = (unless_ours, unless_desired_elsewhere, unless_controlled, unless_kept)


def refusal(candidate: Candidate, policy: PrunePolicy) -> Refusal | None:
    """The first guard that objects to deleting this object; None: it may go."""
    for guard in GUARDS:
        found = guard(candidate, policy)
        if found:
            return found
    return None


def refused_as_a_whole(
    deletions: int, members: Collection[ObjectKey], desired: Collection[ObjectKey], policy: PrunePolicy
) -> Problem | None:
    """A prune so large that it is more likely an accident: a wrong path, an empty folder, a bad template."""
    if policy.approved or not deletions:
        return None
    total, limit = len(members), policy.limit
    here = {key.namespace for key in members if key.namespace}
    there = {key.namespace for key in desired if key.namespace}
    if not desired:
        message = f"the revision has no objects at all, and {deletions} would be deleted"
    elif here and not here & there:
        places = ", ".join(sorted(here)[:5])
        message = f"the revision has no objects in {places} any more, and {deletions} would be deleted"
    elif deletions > limit.objects and deletions * 100 > total * limit.percent:
        message = (
            f"{deletions} of {total} objects would be deleted, "
            f"more than {limit.percent} % and more than {limit.objects}"
        )
    else:
        return None
    return Problem(
        Reason.PRUNE_REFUSED,
        message,
        Blame.REPOSITORY,
        advice=f"if it is meant, annotate the Application with {APPROVE_ANNOTATION}: <revision>; "
        "till then nothing is deleted",
    )
