"""Differences: applied to what was before, they give what is after."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.core.diff import ABSENT, Change, differences, pointer, without_noise

KEYS = st.sampled_from(["a", "b", "__init__.py", "x/y", "", "0"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "x", "y", "1"]))
NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("pqrs")}, optional={"v": SCALARS, "protocol": SCALARS}),
    max_size=4,
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.dictionaries(KEYS, below, max_size=4), st.lists(below, max_size=3), NAMED),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(OBJECTS)
def test_an_object_does_not_differ_from_its_copy(obj: dict[str, Any]) -> None:
    assert differences(obj, copy.deepcopy(obj)) == []


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: True is not 1."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@settings(max_examples=300)
@given(OBJECTS, OBJECTS)
def test_objects_without_differences_are_equal(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert (differences(left, right) == []) == same(left, right)


SHALLOW = st.recursive(SCALARS, lambda below: st.dictionaries(KEYS, below, max_size=4), max_leaves=10)
TREES = st.dictionaries(KEYS, SHALLOW, max_size=4)


def patched(before: dict[str, Any], changes: list[Change]) -> dict[str, Any]:
    result = copy.deepcopy(before)
    for change in changes:
        *way, last = change.path
        node: Any = result
        for segment in way:
            node = node[segment]
        if change.after is ABSENT:
            del node[last]
        else:
            assert (last in node) == (change.before is not ABSENT)
            node[last] = change.after
    return result


@settings(max_examples=300)
@given(TREES, TREES)
def test_differences_applied_to_before_give_after(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert same(patched(before, differences(before, after)), after)


@given(TREES, TREES)
def test_differences_the_other_way_round_are_the_same_with_sides_swapped(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    there = {(change.path, repr(change.before), repr(change.after)) for change in differences(before, after)}
    back = {(change.path, repr(change.after), repr(change.before)) for change in differences(after, before)}
    assert there == back


UNIQUE = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("pqrs"), "v": st.integers(0, 2)}),
    unique_by=lambda item: item["name"],
    min_size=1,
    max_size=4,
)


@given(UNIQUE, UNIQUE)
def test_aligned_lists_differ_by_item_and_by_order(before: list[Any], after: list[Any]) -> None:
    found = {change.pointer for change in differences({"l": before}, {"l": after})}
    left, right = ({item["name"]: item["v"] for item in items} for items in (before, after))
    common = left.keys() & right.keys()
    expected = {f"/l[name={name}]" for name in left.keys() ^ right.keys()}
    expected |= {f"/l[name={name}]/v" for name in common if left[name] != right[name]}
    if [name for name in left if name in common] != [name for name in right if name in common]:
        expected.add("/l")
    if not common:
        expected = found  # nothing to align by: shown item by item or whole, but shown
        assert found
    assert found == expected


def test_an_inserted_container_is_one_change() -> None:
    old = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
    new = {"containers": [{"name": "x", "image": "1"}, *old["containers"]]}
    (change,) = differences(old, new)
    assert (change.pointer, change.before) == ("/containers[name=x]", ABSENT)
    assert change.after == {"name": "x", "image": "1"}


def test_reordered_items_are_one_change_from_names_to_names() -> None:
    """Environment variables may refer to those before them."""
    one, two = {"name": "ONE", "value": "1"}, {"name": "TWO", "value": "$(ONE)"}
    (change,) = differences({"env": [one, two]}, {"env": [two, one]})
    assert (change.pointer, change.before, change.after) == ("/env", ["ONE", "TWO"], ["TWO", "ONE"])


def test_reordered_items_deep_in_other_lists_are_found() -> None:
    one, two = {"port": 1}, {"port": 2}
    found = differences({"r": [{"ports": [one, two]}]}, {"r": [{"ports": [two, one]}]})
    assert [change.pointer for change in found] == ["/r[0]/ports"]


def test_ports_by_the_same_number_are_told_apart_by_protocol() -> None:
    tcp, udp = {"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}
    (change,) = differences({"ports": [tcp, udp]}, {"ports": [tcp, {**udp, "nodePort": 1}]})
    assert change.pointer == "/ports[port=53,protocol=UDP]/nodePort"


def test_a_protocol_of_a_custom_resource_may_be_anything() -> None:
    twice = [{"name": "a", "protocol": {"x": 1}}, {"name": "a", "protocol": ["y"]}]
    (change,) = differences({"l": twice}, {"l": [twice[0], {"name": "a", "protocol": ["z"]}]})
    assert change.after == "z"


@pytest.mark.parametrize("name", ["__init__.py", "__pycache__", "__main__"])
def test_keys_that_look_like_pythons_own_are_compared(name: str) -> None:
    (change,) = differences({"data": {name: "1"}}, {"data": {name: "2"}})
    assert change.pointer == f"/data/{name}"


@pytest.mark.parametrize(
    ("left", "right"), [(1, True), (0, False), (1, "1"), (None, ""), ([], {}), (0, None)]
)
def test_values_of_other_types_differ(left: Any, right: Any) -> None:
    assert [change.pointer for change in differences({"a": left}, {"a": right})] == ["/a"]
    assert [change.pointer for change in differences({"a": ["x", left]}, {"a": ["x", right]})] == ["/a[1]"]


def test_values_are_shown_as_they_are_and_not_as_they_are_aligned() -> None:
    ports = [{"name": "http", "port": 80}]
    (change,) = differences({"spec": {}}, {"spec": {"ports": ports}})
    assert change.after == ports


def test_a_pointer_escapes_slashes_and_tildes() -> None:
    path = ("metadata", "annotations", "a~b/c", (("name", "x"),), 3)
    assert pointer(path) == "/metadata/annotations/a~0b~1c[name=x][3]"


def test_noise_is_what_the_server_alone_writes() -> None:
    metadata = {
        "name": "a",
        "labels": {},
        "uid": "u",
        "resourceVersion": "1",
        "generation": 1,
        "managedFields": [],
    }
    obj = {"kind": "X", "metadata": metadata, "status": {}, "spec": {"status": 1}}
    assert without_noise(obj) == {"kind": "X", "metadata": {"name": "a", "labels": {}}, "spec": {"status": 1}}


def test_a_number_that_becomes_a_boolean_is_a_change() -> None:
    assert [one.pointer for one in differences({"a": 1, "b": 2}, {"a": True, "b": 2})] == ["/a"]
