"""What leaves an Application: members that its revision no longer wants."""

from collections.abc import Collection, Mapping

from gitops.api.group import APPROVE_ANNOTATION
from gitops.core.identity import Owner
from gitops.core.inventory import Inventory, Live, Membership, Observed
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Problem, Reason


def can_be_ours(key: ObjectKey, namespaces: Collection[str] | None) -> bool:
    """Whoever may write in a namespace can forge all marks of a member there; elsewhere they don't count.

    `namespaces` are those in which members can be; None: anywhere.
    """
    return namespaces is None or not key.namespace or key.namespace in namespaces


def leaving(
    members: Mapping[ObjectKey, Observed],
    wanted: Collection[ObjectKey],
    unplaced: Collection[ObjectKey],
    namespaces: Collection[str] | None,
) -> list[Observed]:
    """Members that nobody wants, but for those that are being deleted already.

    What is wanted but could not be placed may be in any namespace.
    """
    names = {(key.group, key.kind, key.name) for key in unplaced}
    return [
        seen
        for key, seen in members.items()
        if key not in wanted
        and (key.group, key.kind, key.name) not in names
        and not seen.deleting
        and can_be_ours(key, namespaces)
    ]


def ours_among(
    members: Mapping[ObjectKey, Observed], owner: Owner, namespaces: Collection[str] | None
) -> list[ObjectKey]:
    """Those that are members beyond doubt: what a share of the members is counted from."""
    return [
        key
        for key, seen in members.items()
        if seen.membership(owner) is Membership.MEMBER and can_be_ours(key, namespaces)
    ]


def uids_of(wanted: Collection[ObjectKey], inventory: Inventory) -> set[str]:
    """By these an object is known under another API group or version, too."""
    members, looks = inventory.members, inventory.looks
    uids = {members[key].uid for key in wanted if key in members}
    uids.update(look.observed.uid for key in wanted if isinstance(look := looks.get(key), Live))
    return uids


def nothing_desired() -> Problem:
    """Of a revision without any object: more likely a wrong path than meant."""
    return Problem(
        Reason.EMPTY_RENDER,
        "the revision has no objects",
        Blame.REPOSITORY,
        "spec.source.path",
        f"correct the path, or add manifests; if it is meant, annotate the Application with "
        f"{APPROVE_ANNOTATION}: <revision>",
    )
