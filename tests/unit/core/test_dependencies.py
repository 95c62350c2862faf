"""Dependencies between Applications: who waits for whom, and what is refused."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core.dependencies import Name, Peer, Standing, cycle, faults, readiness_of, waits
from gitops.core.health import HEALTHY, Health, HealthState, progressing
from gitops.core.problem import GitopsError, Problem, Reason

HOME = "gitops-system"
REPOSITORY = ("git.example.com/shop", "main")
C = "c" * 40
B = "b" * 40


def named(text: str) -> Name:
    namespace, _, name = text.rpartition("/")
    return (namespace or "shop", name)


def graph(**needs: str) -> dict[Name, tuple[Name, ...]]:
    return {named(name): tuple(named(one) for one in words.split()) for name, words in needs.items()}


def found(
    app: str, needs: Mapping[Name, Iterable[Name]], there: Iterable[Name] | None = None
) -> list[Problem]:
    names = set(needs) if there is None else set(there)
    return list(faults(named(app), lambda one: needs.get(one, ()), names.__contains__, home=HOME))


def peer(
    *, ready: bool = True, sha: str = C, follows: tuple[str, str] = REPOSITORY, reason: str = ""
) -> Peer:
    standing = Standing(ready, reason or ("Succeeded" if ready else "Progressing"), "1 of 3 objects", sha)
    return Peer(("shop", "db"), follows, standing)


def waited(*peers: Peer) -> list[str]:
    problems = list(waits(peers, REPOSITORY, C))
    assert {one.reason for one in problems} <= {Reason.DEPENDENCY_NOT_READY}
    return [one.message for one in problems]


def test_every_member_of_a_circle_prints_it_from_itself_to_itself() -> None:
    needs = graph(a="b", b="c", c="a")
    for app, shown in (("a", "a → b → c → a"), ("b", "b → c → a → b"), ("c", "c → a → b → c")):
        (problem,) = found(app, needs)
        assert problem.reason is Reason.DEPENDENCY_CYCLE
        assert problem.message.endswith(" → ".join(f"shop/{one}" for one in shown.split(" → ")))


def test_one_that_depends_on_a_circle_is_not_in_it() -> None:
    assert found("d", graph(a="b", b="a", d="a")) == []


def test_one_that_depends_on_itself_is_a_circle() -> None:
    assert cycle(named("a"), lambda one: graph(a="a").get(one, ())) == (named("a"), named("a"))


def test_the_shortest_circle_is_printed() -> None:
    needs = graph(a="b c", b="c", c="a")
    assert cycle(named("a"), lambda one: needs.get(one, ())) == (named("a"), named("c"), named("a"))


def test_two_ways_to_the_same_application_are_no_circle() -> None:
    assert found("a", graph(a="b c", b="d", c="d", d="")) == []


NODES = st.sampled_from([("shop", name) for name in "abcdef"])


@given(st.dictionaries(NODES, st.lists(NODES, max_size=4)))
def test_a_circle_is_a_way_along_the_dependencies_exactly_when_there_is_one(
    needs: dict[Name, list[Name]],
) -> None:
    for app, direct in needs.items():
        reached: set[Name] = set()
        left = list(direct)
        while left:
            here = left.pop()
            if here not in reached:
                reached.add(here)
                left += needs.get(here, ())
        way = cycle(app, lambda one: needs.get(one, ()))
        assert bool(way) == (app in reached)
        assert all(there in needs[here] for here, there in pairwise(way))
        assert not way or way[0] == way[-1] == app


def test_a_missing_one_is_named() -> None:
    (problem,) = found("a", graph(a="nowhere"))
    assert problem.reason is Reason.DEPENDENCY_NOT_FOUND
    assert "shop/nowhere" in problem.message


@pytest.mark.parametrize("there", [True, False])
def test_another_teams_application_is_refused_whether_it_exists_or_not(there: bool) -> None:
    """Otherwise the refusal would tell which Applications other teams have."""
    (problem,) = found("a", graph(a="other/db"), [named("other/db")] if there else [])
    assert problem.reason is Reason.DEPENDENCY_NOT_ALLOWED


def test_the_controllers_own_namespace_may_depend_on_all() -> None:
    needs = {named(f"{HOME}/platform"): (named("other/db"),), named("other/db"): ()}
    assert found(f"{HOME}/platform", needs) == []


def test_a_dependency_that_is_not_allowed_makes_no_circle() -> None:
    needs = {named("shop/a"): (named("other/b"),), named("other/b"): (named("shop/a"),)}
    assert [one.reason for one in found("shop/a", needs)] == [Reason.DEPENDENCY_NOT_ALLOWED]


def test_one_that_is_ready_at_the_commit_is_not_waited_for() -> None:
    assert waited(peer()) == []


def test_one_that_is_not_ready_is_waited_for_and_says_why() -> None:
    (message,) = waited(peer(ready=False))
    assert "shop/db" in message
    assert "Progressing: 1 of 3 objects" in message


def test_one_of_the_same_repository_is_waited_for_until_it_is_at_the_commit() -> None:
    (message,) = waited(peer(sha=B))
    assert "has not got to commit ccccccc yet" in message
    assert waited(peer(sha="")) != []


def test_one_that_is_held_elsewhere_says_so() -> None:
    (message,) = waited(peer(sha=B, reason="Held"))
    assert "1 of 3 objects" in message


@pytest.mark.parametrize("follows", [("git.example.com/other", "main"), ("git.example.com/shop", "v1")])
def test_of_another_repository_or_revision_only_readiness_counts(follows: tuple[str, str]) -> None:
    assert waited(peer(sha=B, follows=follows)) == []
    assert waited(peer(sha=B, follows=follows, ready=False)) != []


def test_a_long_message_is_cut() -> None:
    standing = Standing(False, "Degraded", "x" * 5000, C)
    (message,) = waited(Peer(("shop", "db"), REPOSITORY, standing))
    assert len(message) < 1000


def test_an_expression_that_is_true_is_readiness_and_one_that_is_not_says_itself() -> None:
    assert readiness_of(HEALTHY, "status.open", "here").ready
    waiting = readiness_of(progressing("not yet"), "status.open", "here")
    assert not waiting.ready
    assert "status.open is not true" in waiting.message


def test_an_expression_that_can_not_be_judged_is_an_error_with_its_place() -> None:
    with pytest.raises(GitopsError) as raised:
        readiness_of(Health(HealthState.UNKNOWN, "'(' is not valid CEL"), "(", "here")
    assert raised.value.problem.reason is Reason.INVALID_EXPRESSION
    assert raised.value.problem.where == "here"
