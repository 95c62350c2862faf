"""The trie of owned fields: union, coverage, and the merge that takes fields over."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core import fields
from gitops.core.fields import merge_managers, overlaps, union
from tests.unit.core.support import SHOP, entry

SEGMENTS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"', "."])
TRIES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.just({}),
    lambda below: st.dictionaries(SEGMENTS.filter(lambda s: s != "."), below, max_size=3),
    max_leaves=8,
)


def leaves(trie: Any, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """All nodes below the root: what a trie owns, leaf or not."""
    return {
        path for name, below in trie.items() for path in ({(*prefix, name)} | leaves(below, (*prefix, name)))
    }


@given(TRIES, TRIES)
def test_a_union_owns_what_either_owns_and_nothing_else(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert leaves(union(left, right)) == leaves(left) | leaves(right)


@given(TRIES, TRIES)
def test_a_union_does_not_change_its_parts(left: dict[str, Any], right: dict[str, Any]) -> None:
    before = repr((left, right))
    merged = union(left, right)
    union(merged, {"f:new": {"f:newer": {}}})
    assert repr((left, right)) == before


@given(TRIES)
def test_a_union_with_itself_or_nothing_is_itself(trie: dict[str, Any]) -> None:
    assert union(trie, trie) == union(trie, {}) == union({}, trie) == trie


KUBECTL = "kubectl-client-side-apply"
OURS = entry(SHOP.manager, fields={"f:data": {"f:k": {}}})
THEIRS = entry(KUBECTL, "Update", {"f:data": {"f:gone": {}}}, time="2026-02-01T00:00:00Z")


def merged(*entries: dict[str, Any], taken: tuple[str, ...] = (KUBECTL,), version: str = "v1") -> Any:
    return merge_managers(entries, taken, SHOP.manager, version)


def test_a_merge_makes_one_apply_entry_of_ours_and_theirs() -> None:
    assert merged(OURS, THEIRS) == [
        entry(SHOP.manager, "Apply", {"f:data": {"f:k": {}, "f:gone": {}}}, time="2026-02-01T00:00:00Z")
    ]


def test_a_merge_works_before_we_have_an_entry() -> None:
    assert [(one["manager"], one["operation"]) for one in merged(THEIRS)] == [(SHOP.manager, "Apply")]


def test_a_merge_takes_both_entries_of_a_manager() -> None:
    applied = entry(KUBECTL, fields={"f:data": {"f:more": {}}})
    (ours,) = merged(THEIRS, applied)
    assert ours["fieldsV1"] == {"f:data": {"f:gone": {}, "f:more": {}}}


@pytest.mark.parametrize(
    "kept",
    [
        entry("operator", "Update"),
        entry(KUBECTL, "Update", subresource="status"),
        entry(KUBECTL, "Update", subresource="scale"),
        entry(KUBECTL, "Update", apiVersion="v2"),
        entry(SHOP.manager, "Update"),
        entry(SHOP.manager, subresource="status"),
    ],
)
def test_what_is_not_taken_stays_as_it_is(kept: dict[str, Any]) -> None:
    ours, *others = merged(kept, THEIRS)
    assert ours["fieldsV1"] == THEIRS["fieldsV1"]
    assert others == [kept]


@pytest.mark.parametrize("entries", [(), (OURS,), (OURS, entry("operator", "Update"))])
def test_there_is_no_merge_without_anything_to_take(entries: tuple[dict[str, Any], ...]) -> None:
    assert merged(*entries) is None


def test_our_entry_is_the_apply_on_the_object_itself() -> None:
    update, status = entry(SHOP.manager, "Update"), entry(SHOP.manager, subresource="status")
    assert fields.apply_entry([update, status, OURS], SHOP.manager) is OURS
    assert fields.apply_entry([update, status], SHOP.manager) is None


OWNED = {"f:data": {"f:k": {}}, "f:spec": {'k:{"name":"x"}': {".": {}, "f:image": {}}, "f:args": {}}}


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        (("f:data", "f:k"), True),
        (("f:data",), True),  # something below it
        (("f:data", "f:other"), False),
        (("f:spec", "f:args", "i:0"), True),  # the atomic thing above it
        (("f:spec", 'k:{"name":"x"}'), True),
        (("f:spec", 'k:{"name":"x"}', "f:env"), False),
        (("f:status",), False),
    ],
)
def test_a_trie_covers_what_it_owns(path: tuple[str, ...], covered: bool) -> None:
    assert fields.covers(OWNED, path) is covered


DOTTED: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.just({}),
    lambda below: st.builds(
        lambda trie, dot: {".": {}, **trie} if trie and dot else trie,
        st.dictionaries(SEGMENTS.filter(lambda s: s != "."), below, max_size=3),
        st.booleans(),
    ),
    max_leaves=8,
)


@given(DOTTED, st.lists(DOTTED, max_size=3))
def test_what_no_other_trie_covers_is_found_in_one_walk(
    trie: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    alone = [path for path in fields.paths(trie) if not any(fields.covers(one, path) for one in others)]
    assert list(fields.uncovered(trie, others)) == alone


def test_an_empty_trie_covers_nothing() -> None:
    assert not fields.covers({}, ("f:data",))


def test_paths_name_items_that_are_owned_as_such() -> None:
    item = 'k:{"name":"x"}'
    assert set(fields.paths(OWNED)) == {
        ("f:data", "f:k"),
        ("f:spec", item),
        ("f:spec", item, "f:image"),
        ("f:spec", "f:args"),
    }


@pytest.mark.parametrize(
    ("owned", "may"),
    [
        ({"f:spec": {"f:replicas": {}}}, True),
        ({"f:spec": {"f:paused": {}}}, False),
        ({"f:status": {"f:ready": {}}}, False),
        ({"f:metadata": {"f:annotations": {".": {}, "f:theirs": {}}}}, False),
        ({"f:spec": {"f:ports": {'k:{"port":80}': {"f:name": {}}}}}, True),
        ({"f:spec": {"f:selector": {}}}, True),  # an atomic thing, of which the object says a part
        ({"f:spec": {"f:replicas": {"f:below": {}}}}, True),  # which it says to be something else
        ({}, False),
    ],
)
def test_only_who_owns_what_is_said_can_be_in_conflict_with_it(owned: dict[str, Any], may: bool) -> None:
    said = {
        "metadata": {"name": "web", "annotations": {"ours": "1"}},
        "spec": {"replicas": 2, "selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    assert overlaps(owned, said) is may
