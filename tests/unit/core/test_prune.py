"""Guards against deleting: each one alone keeps an object, and the limits at their edges."""

from dataclasses import replace
from typing import Any

import pytest

from gitops.api.group import PRUNE_ANNOTATION
from gitops.core.directives import PruneMode, of_live
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.core.problem import Reason
from gitops.core.prune import (
    GUARDS,
    Candidate,
    PruneLimit,
    PrunePolicy,
    refusal,
    refused_as_a_whole,
)
from tests.unit.core.support import CAFE, SHOP, key, live, marks, member

A = key("a")
ENABLED = PrunePolicy()


def candidate(seen: Observed, *desired_uids: str) -> Candidate:
    return Candidate(seen, SHOP, desired_uids)


def kept(seen: Observed, policy: PrunePolicy = ENABLED, *desired_uids: str) -> Reason | None:
    found = refusal(candidate(seen, *desired_uids), policy)
    return found.problem.reason if found else None


def test_a_member_that_nothing_speaks_for_goes() -> None:
    assert kept(member(A)) is None


def test_a_copy_stays_in_silence() -> None:
    found = refusal(candidate(live(A, marks(key("original"))).observed), ENABLED)
    assert found
    assert found.silent


def test_an_object_of_another_application_stays() -> None:
    assert kept(member(A, CAFE))


@pytest.mark.parametrize("lost", ["labels", "managedFields"])
def test_a_damaged_object_stays_and_is_reported(lost: str) -> None:
    found = refusal(candidate(live(A, marks(A) | {lost: None}).observed), ENABLED)
    assert found
    assert not found.silent
    assert found.problem.reason is Reason.PRUNE_BLOCKED


def test_an_object_that_is_desired_under_another_name_of_its_type_stays() -> None:
    assert kept(member(A), ENABLED, f"uid-of-{A}") is Reason.PRUNE_BLOCKED
    assert kept(member(A), ENABLED, "another") is None


@pytest.mark.parametrize(
    ("owners", "reason"),
    [
        ((), None),
        ((SHOP.uid,), None),
        (("x",), Reason.PRUNE_BLOCKED),
        ((SHOP.uid, "x"), Reason.PRUNE_BLOCKED),
    ],
)
def test_an_object_with_another_owner_is_that_owners_to_delete(
    owners: tuple[str, ...], reason: object
) -> None:
    assert kept(replace(member(A), owners=owners)) == reason


CONFIRMED = [
    key("x", "Namespace", namespace=""),
    key("x", "CustomResourceDefinition", "apiextensions.k8s.io", ""),
    key("x", "PersistentVolume", namespace=""),
    key("x", "PersistentVolumeClaim"),
]


@pytest.mark.parametrize("at", CONFIRMED, ids=lambda at: at.kind)
def test_what_holds_other_peoples_things_waits_for_a_confirmation(at: ObjectKey) -> None:
    assert kept(member(at)) is Reason.PRUNE_UNCONFIRMED
    assert kept(member(at), PrunePolicy(approved=True)) is None
    assert kept(replace(member(at), directives=of_live({PRUNE_ANNOTATION: "Enabled"}))) is None


CONFIG_MAP, CLAIM = A, CONFIRMED[3]
YES, NO, ASK = None, Reason.PRUNE_BLOCKED, Reason.PRUNE_UNCONFIRMED


@pytest.mark.parametrize(
    ("mode", "annotation", "approved", "config_map", "claim"),
    [
        (PruneMode.ENABLED, "", False, YES, ASK),
        (PruneMode.ENABLED, "", True, YES, YES),
        (PruneMode.ENABLED, "Disabled", True, NO, NO),
        (PruneMode.ENABLED, "Confirm", False, ASK, ASK),
        (PruneMode.ENABLED, "Confirm", True, YES, YES),
        (PruneMode.ENABLED, "nonsense", False, YES, ASK),
        (PruneMode.CONFIRM, "", False, ASK, ASK),
        (PruneMode.CONFIRM, "", True, YES, YES),
        (PruneMode.CONFIRM, "Enabled", False, YES, YES),
        (PruneMode.DISABLED, "", True, NO, NO),
        (PruneMode.DISABLED, "Enabled", False, YES, YES),
        (PruneMode.DISABLED, "Confirm", False, ASK, ASK),
    ],
)
def test_the_annotation_wins_over_the_policy_and_that_over_the_kinds_default(
    mode: PruneMode, annotation: str, approved: bool, config_map: Reason | None, claim: Reason | None
) -> None:
    policy = PrunePolicy(mode, approved=approved)
    assert (
        kept(replace(member(CONFIG_MAP), directives=of_live({PRUNE_ANNOTATION: annotation})), policy)
        == config_map
    )
    assert kept(replace(member(CLAIM), directives=of_live({PRUNE_ANNOTATION: annotation})), policy) == claim


def test_an_approval_does_not_open_the_other_guards() -> None:
    approved = PrunePolicy(approved=True)
    assert kept(member(A, CAFE), approved)
    assert kept(replace(member(A), owners=("x",)), approved)
    assert kept(member(A), approved, f"uid-of-{A}")


def test_every_guard_has_something_to_say() -> None:
    refused = [
        candidate(member(A, CAFE)),
        candidate(member(A), f"uid-of-{A}"),
        candidate(replace(member(A), owners=("x",))),
        candidate(member(CLAIM)),
    ]
    for index, guard in enumerate(GUARDS):
        assert [bool(guard(one, ENABLED)) for one in refused] == [n == index for n in range(4)]


def keys(count: int, namespace: str = "shop") -> list[ObjectKey]:
    return [key(f"n{index}", namespace=namespace) for index in range(count)]


def whole(deletions: int, members: int, desired: int = 1, **policy: Any) -> bool:
    found = refused_as_a_whole(deletions, keys(members), keys(desired), PrunePolicy(**policy))
    return found is not None


@pytest.mark.parametrize(
    ("deletions", "members", "refused"),
    [
        (10, 10, False),  # all of them, but few
        (11, 11, True),
        (11, 22, False),  # exactly half
        (11, 21, True),
        (1000, 2000, False),
        (1001, 2000, True),
        (0, 0, False),
    ],
)
def test_a_prune_is_refused_above_both_limits_only(deletions: int, members: int, refused: bool) -> None:
    assert whole(deletions, members) is refused


def test_the_limits_are_the_applications() -> None:
    assert whole(1, 4, limit=PruneLimit(percent=20, objects=0))
    assert not whole(1, 5, limit=PruneLimit(percent=20, objects=0))
    assert not whole(4, 4, limit=PruneLimit(percent=100, objects=0))


def test_a_revision_without_objects_deletes_nothing_whatever_the_limits() -> None:
    assert whole(1, 1, 0, limit=PruneLimit(100, 10**6))
    assert not whole(0, 5, 0)


@pytest.mark.parametrize(
    ("members", "desired", "refused"),
    [
        (keys(5, "a"), keys(5, "b"), True),
        (keys(5, "a"), keys(5, ""), True),  # cluster-scoped objects are left, nothing else
        (keys(5, "a") + keys(5, "b"), keys(1, "b"), False),
        (keys(5, ""), keys(5, "b"), False),  # it never had any
    ],
)
def test_a_revision_that_lost_all_its_namespaces_deletes_nothing(
    members: list[ObjectKey], desired: list[ObjectKey], refused: bool
) -> None:
    found = refused_as_a_whole(1, members, desired, PrunePolicy(limit=PruneLimit(100, 10**6)))
    assert (found is not None) is refused


def test_an_approval_lifts_the_limits() -> None:
    assert not whole(1000, 1000, 0, approved=True)


def test_a_refusal_says_how_many_of_how_many() -> None:
    problem = refused_as_a_whole(11, keys(12), keys(1), ENABLED)
    assert problem
    assert "11 of 12 objects" in problem.message
    assert "gitops.dev/approve" in problem.advice
