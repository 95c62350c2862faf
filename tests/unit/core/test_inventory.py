"""What is remembered of a live object, and how it stands to an Application."""

from typing import Any

import pytest

from gitops.core.fields import ownership_digest
from gitops.core.health import HEALTHY
from gitops.core.identity import Owner
from gitops.core.inventory import Membership, observe
from tests.unit.core.support import CAFE, SHOP, entry, key, live, marks

A = key("a")
M, D, F = Membership.MEMBER, Membership.DAMAGED, Membership.FOREIGN
OURS, COPY, THEIRS = marks(A), marks(key("original")), marks(A, CAFE)


@pytest.mark.parametrize(
    ("metadata", "membership"),
    [
        (OURS, M),
        (OURS | {"labels": {}}, D),
        (OURS | {"managedFields": []}, D),
        (OURS | {"labels": {}, "managedFields": []}, F),
        (OURS | {"annotations": {}}, F),
        (COPY, F),
        (COPY | {"labels": {}}, F),
        (THEIRS, F),
        (THEIRS | {"labels": OURS["labels"]}, F),
        (THEIRS | {"managedFields": OURS["managedFields"]}, F),
        (OURS | {"managedFields": [entry(SHOP.manager, "Update")]}, D),
        (OURS | {"managedFields": [entry(SHOP.manager, subresource="status")]}, D),
        (OURS | {"managedFields": THEIRS["managedFields"]}, D),
        (OURS | {"managedFields": THEIRS["managedFields"] + OURS["managedFields"]}, M),
        ({}, F),
    ],
)
def test_a_member_has_all_three_marks(metadata: dict[str, Any], membership: Membership) -> None:
    assert live(A, metadata).observed.membership(SHOP) is membership


def test_an_object_is_a_member_of_one_application_at_most() -> None:
    assert live(A, OURS).observed.membership(CAFE) is F
    assert live(A, THEIRS).observed.membership(CAFE) is M


def test_an_application_made_anew_by_the_same_name_keeps_its_members() -> None:
    assert live(A, OURS).observed.membership(Owner("team-a", "shop", "another uid")) is M


def test_finalizers_are_remembered_only_of_what_is_being_deleted() -> None:
    assert live(A, finalizers=["x"]).observed.finalizers == ()
    going = live(A, finalizers=["x"], deletionTimestamp="2026-01-01T00:00:00Z").observed
    assert (going.deleting, going.finalizers) == (True, ("x",))


def test_nothing_of_an_objects_data_is_remembered() -> None:
    metadata = {"name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "1"}
    seen = observe({"metadata": metadata, "data": {"k": "hunter2"}}, A.group_kind, HEALTHY)
    assert "hunter2" not in repr(seen)


BASE = ("uid", None, entry(SHOP.manager))


@pytest.mark.parametrize(
    "other",
    [
        ("another", None, entry(SHOP.manager)),
        ("uid", "2026-01-01T00:00:00Z", entry(SHOP.manager)),
        ("uid", None, None),
        ("uid", None, entry(SHOP.manager, fields={"f:data": {}})),
        ("uid", None, entry(SHOP.manager, time="2026-01-01T00:00:01Z")),
        ("uid", None, entry(SHOP.manager, apiVersion="v2")),
    ],
)
def test_the_ownership_digest_changes_with_each_of_its_parts(other: Any) -> None:
    assert ownership_digest(*other) != ownership_digest(*BASE)


def test_the_ownership_digest_does_not_depend_on_the_order_of_fields() -> None:
    one = entry(SHOP.manager, fields={"f:a": {}, "f:b": {}})
    two = entry(SHOP.manager, fields={"f:b": {}, "f:a": {}})
    assert ownership_digest("uid", None, one) == ownership_digest("uid", None, two)


def test_the_ownership_digest_does_not_see_what_others_write() -> None:
    more = {
        "generation": 7,
        "resourceVersion": "99",
        "managedFields": [*OURS["managedFields"], entry("hpa", "Update")],
    }
    assert live(A, OURS | more).observed.digest == live(A, OURS).observed.digest
