"""Which objects of a repeated render differ, and what becomes of them."""

from dataclasses import replace

from gitops.core.desired import Desired
from gitops.core.directives import PLAIN, ApplyMode
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Wanted
from gitops.core.problem import Reason
from gitops.core.unstable import held, notice, unstable_keys
from tests.unit.core.support import key, live, marks

A, B, SECRET = key("a"), key("b"), key("made-up", "Secret")


def of(contents: dict[ObjectKey, str]) -> Desired:
    return Desired({at: Wanted(at, "v1", content, "a.yaml") for at, content in contents.items()}, {})


def member(at: ObjectKey, content: str) -> Observed:
    return live(at, marks(at, content=content)).observed


def test_what_two_renders_have_otherwise_is_unstable() -> None:
    first, second = of({A: "1", SECRET: "x"}), of({A: "1", SECRET: "y"})
    assert unstable_keys(first, second, {}, ()) == {SECRET}
    assert unstable_keys(first, first, {}, ()) == set()


def test_what_was_applied_otherwise_and_not_touched_since_is_unstable_too() -> None:
    """A date of this very second: two renders are equal, but the applied one was yesterday's."""
    first = of({A: "now", B: "1"})
    members = {A: member(A, "yesterday"), B: member(B, "edited")}
    assert unstable_keys(first, first, members, {A}) == {A}
    assert unstable_keys(first, first, members, ()) == set()


def test_what_is_made_only_once_is_not_taken_for_unstable() -> None:
    first = of({A: "2"})
    once = replace(first.wanted[A], directives=replace(PLAIN, apply=ApplyMode.IF_NOT_PRESENT))
    first = replace(first, wanted={A: once})
    assert unstable_keys(first, first, {A: member(A, "1")}, {A}) == set()


def test_only_the_unstable_are_made_only_where_they_are_missing() -> None:
    kept = held(of({A: "1", SECRET: "x"}), {SECRET}, {A, SECRET})
    assert kept.wanted[A].directives.apply is ApplyMode.ALWAYS
    assert kept.wanted[SECRET].directives.apply is ApplyMode.IF_NOT_PRESENT
    assert kept.left_alone == set()


def test_a_made_up_name_leaves_the_object_of_the_applied_render() -> None:
    old, new, other = key("n-old"), key("n-new"), key("n-old", "Secret")
    kept = held(of({A: "1", new: "1"}), {new}, {A, old, other})
    assert kept.wanted.keys() == {A}
    assert kept.left_alone == {old, new}


def test_a_made_up_name_is_made_where_there_is_none() -> None:
    new = key("n-new")
    kept = held(of({A: "1", new: "1"}), {new}, {A})
    assert kept.wanted.keys() == {A, new}


def test_the_notice_names_some_of_the_objects_and_no_values() -> None:
    problem = notice([key(f"o-{i}") for i in range(7)], "charts/web")
    assert (problem.reason, problem.where) == (Reason.UNSTABLE_RENDER, "charts/web")
    assert "ConfigMap shop/o-0" in problem.message
    assert "and 2 more" in problem.message
    assert "o-6" not in problem.message
