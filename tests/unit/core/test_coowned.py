"""Paths with two owners: who shares one, what is taken over, what is reported."""

from typing import Any

import pytest

from gitops.core.coowned import merged, retained, sharers, shares
from gitops.core.fields import without_traces
from gitops.core.problem import Reason
from tests.unit.core.support import SHOP, entry, key

KUBECTL, OPERATOR = "kubectl", "some-operator"
ITEM = 'k:{"name":"x"}'


def data(*names: str) -> dict[str, Any]:
    return {"f:data": {f"f:{name}": {} for name in names}}


def ours(fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return entry(SHOP.manager, "Apply", fields, **more)


def theirs(fields: dict[str, Any], manager: str = KUBECTL, **more: str) -> dict[str, Any]:
    return entry(manager, "Update", fields, **more)


def items(**inner: Any) -> dict[str, Any]:
    return {"f:list": {ITEM: {".": {}, **{f"f:{name}": below for name, below in inner.items()}}}}


SHARING: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "the same key": (data("a", "b"), data("b"), True),
    "another key of the same map": (data("a"), data("b"), False),
    "something inside a list item of ours": (items(name={}), {"f:list": {ITEM: {"f:more": {}}}}, True),
    "an item of its own": (items(name={}), {"f:list": {'k:{"name":"y"}': {".": {}}}}, False),
    "a map whose keys we don't own": ({"f:data": {}}, data("a"), False),
}


@pytest.mark.parametrize("case", SHARING)
def test_a_sharer_owns_a_path_of_ours_or_something_in_an_item_of_ours(case: str) -> None:
    mine, other, shared = SHARING[case]
    assert sharers([ours(mine), theirs(other)], ours(mine)) == ((KUBECTL,) if shared else ())


def test_status_and_scale_share_nothing() -> None:
    scaled = theirs(data("a"), "autoscaler", subresource="scale")
    assert sharers([ours(data("a")), scaled], ours(data("a"))) == ()
    assert shares([ours(data("a")), scaled], [ours(data())], SHOP.manager, ("autoscaler",)) == []


def test_what_leaves_git_moves_from_a_former_manager_to_us_and_nothing_else_does() -> None:
    before = [ours(data("a", "b")), theirs(data("a", "b", "own"))]
    found = shares(before, [ours(data("a"))], SHOP.manager, (KUBECTL,))
    assert merged(before, SHOP.manager, found) == [ours(data("a", "b")), theirs(data("a", "own"))]
    assert retained(found, key("x")) == []


def test_an_entry_of_which_nothing_is_left_goes() -> None:
    before = [ours(data("b")), theirs(data("b")), theirs(data("b"), OPERATOR)]
    found = shares(before, [ours({})], SHOP.manager, (KUBECTL,))
    assert merged(before, SHOP.manager, found) == [ours(data("b")), theirs(data("b"), OPERATOR)]


def test_a_list_item_that_leaves_git_goes_with_what_others_put_into_it() -> None:
    before = [ours(items(image={})), theirs({"f:list": {ITEM: {"f:limits": {}}}})]
    found = shares(before, [ours({})], SHOP.manager, (KUBECTL,))
    assert merged(before, SHOP.manager, found) == [ours(items(image={}, limits={}))]


def test_a_list_item_that_loses_a_field_keeps_what_others_put_into_it() -> None:
    before = [ours(items(image={}, env={})), theirs({"f:list": {ITEM: {"f:limits": {}}}})]
    found = shares(before, [ours(items(image={}))], SHOP.manager, (KUBECTL,))
    assert merged(before, SHOP.manager, found) is None


def test_a_manager_that_is_not_taken_over_is_named_with_what_it_keeps() -> None:
    before = [ours(data("a", "b")), theirs(data("b"), OPERATOR)]
    found = shares(before, [ours(data("a"))], SHOP.manager, (KUBECTL,))
    assert merged(before, SHOP.manager, found) is None
    (problem,) = retained(found, key("x"))
    assert problem.reason is Reason.RETAINED_BY
    assert OPERATOR in problem.message
    assert "/data/b" in problem.message


def test_paths_of_another_api_version_are_not_taken() -> None:
    before = [ours(data("b")), theirs(data("b"), apiVersion="v2")]
    found = shares(before, [ours({})], SHOP.manager, (KUBECTL,))
    assert merged(before, SHOP.manager, found) is None
    assert [share.manager for share in found] == [KUBECTL]
    assert shares(before, [ours({}, apiVersion="v2")], SHOP.manager, (KUBECTL,)) == []


def test_beside_an_invalid_update_all_that_former_managers_share_is_taken_and_nothing_reported() -> None:
    before = [ours(items(image={})), theirs({"f:list": {ITEM: {"f:limits": {}}}}), theirs(items(), OPERATOR)]
    found = shares(before, None, SHOP.manager, (KUBECTL,))
    assert [share.manager for share in found] == [KUBECTL]
    assert merged(before, SHOP.manager, found) == [ours(items(image={}, limits={})), before[2]]


def test_what_a_hand_over_left_under_our_own_name_is_found_and_taken_out() -> None:
    mine, trace = ours(data("a")), theirs(data("a"), SHOP.manager)
    assert sharers([mine, trace], mine) == (SHOP.manager,)
    assert shares([mine, trace], [mine], SHOP.manager, ()) == []
    assert without_traces([mine, trace], SHOP.manager) == [mine]
    assert without_traces([mine, theirs(data("a"))], SHOP.manager) is None
