"""Who gets an object that leaves its Application, who keeps it from being deleted, and who has no say."""

from collections.abc import Iterable
from typing import Any

import pytest

from gitops.core.handover import (
    Answer,
    Claimant,
    HandTo,
    Right,
    Stand,
    WaitFor,
    answer,
    hear,
    may_write,
    transfer,
)
from gitops.core.health import HEALTHY
from gitops.core.identity import Owner
from gitops.core.inventory import Membership, observe
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.plan import Plan, Policy, Verb, plan, to_ask
from gitops.core.problem import Reason
from gitops.core.prune import PrunePolicy
from tests.unit.core.support import CAFE, SHOP, entry, key, live, marks, member, situation, wanted

KEY = key("moving")
BAR = Owner("team-c", "bar", "uid-of-bar")
CONFIG_MAP = GroupKind("", "ConfigMap")


def claimant(
    stand: Stand = Stand.SETTLED,
    wants: Iterable[ObjectKey] = (KEY,),
    *,
    owner: Owner = CAFE,
    where: str = "shop",
    **more: Any,
) -> Claimant:
    return Claimant(owner, stand, set(wants), {where}, {CONFIG_MAP}, **more)


def said(*others: Claimant, **rights: Right) -> Answer | None:
    known = {owner: rights.get(owner.name, Right.GRANTED) for owner in (CAFE, BAR)}
    return answer(KEY, hear(KEY, others), known)


def test_who_wants_it_and_may_write_it_gets_it() -> None:
    assert said(claimant()) == HandTo(CAFE)


def test_naming_an_object_gives_no_hold_on_it() -> None:
    assert said(claimant(), cafe=Right.DENIED) is None


def test_a_claim_that_can_not_be_tried_keeps_it_from_being_deleted() -> None:
    waits = said(claimant(), cafe=Right.UNCLEAR)
    assert isinstance(waits, WaitFor)
    assert waits.problem.reason is Reason.PRUNE_WAITING
    assert str(CAFE) in waits.problem.message
    assert not waits.passing


def test_the_first_one_that_may_write_it_gets_it() -> None:
    assert said(claimant(owner=BAR), claimant(), cafe=Right.DENIED) == HandTo(BAR)
    assert said(claimant(owner=BAR), claimant()) == HandTo(CAFE)


def test_what_is_rendered_counts_before_what_was() -> None:
    assert said(claimant(Stand.BROKEN), claimant(owner=BAR)) == HandTo(BAR)


SILENCE = {
    "it does not want it": claimant(wants=()),
    "it is being deleted": claimant(Stand.SILENT),
    "it is suspended and never wanted it": claimant(Stand.SUSPENDED, ()),
    "it is broken, and works elsewhere": claimant(Stand.BROKEN, (), where="elsewhere"),
    "it has not answered, and works elsewhere": claimant(Stand.PENDING, (), where="elsewhere"),
}


@pytest.mark.parametrize("case", SILENCE)
def test_nobody_keeps_it_when(case: str) -> None:
    assert said(SILENCE[case]) is None


WAITS = {
    "one that has not answered works there": (claimant(Stand.PENDING, ()), True),
    "one of the same repository has not answered": (
        claimant(Stand.PENDING, (), where="elsewhere", near=True),
        True,
    ),
    "one that is broken works there": (claimant(Stand.BROKEN, ()), False),
    "one that is suspended had wanted it": (claimant(Stand.SUSPENDED), False),
}


@pytest.mark.parametrize("case", WAITS)
def test_it_waits_when(case: str) -> None:
    other, passing = WAITS[case]
    waits = said(other)
    assert isinstance(waits, WaitFor)
    assert waits.passing is passing
    assert waits.problem.reason is (Reason.WAITING if passing else Reason.PRUNE_WAITING)


def test_a_broken_application_without_the_right_holds_up_nobody() -> None:
    assert said(claimant(Stand.BROKEN, ()), cafe=Right.DENIED) is None


def test_an_object_without_a_namespace_waits_for_broken_ones_of_its_kind() -> None:
    role = ObjectKey("rbac", "ClusterRole", "", "r")
    others = claimant(Stand.BROKEN, ())
    assert hear(role, [others]).nobody
    new = Claimant(CAFE, Stand.BROKEN, (), {"shop"}, ())
    assert hear(role, [new]).doubtful == (new,)


def decided(answers: dict[ObjectKey, Answer], *, approved: bool = False, count: int = 1, **more: Any) -> Plan:
    leaving = [member(key(f"moving-{i}"), **more) for i in range(count)]
    stays = [member(key(f"stays-{i}")) for i in range(2)]
    found = situation(
        [wanted(one.key) for one in stays],
        [*leaving, *stays],
        answers={one.key: given for one in leaving for given in answers.values()},
        policy=Policy(prune=PrunePolicy(approved=approved)),
    )
    return plan(found)


WAITING = WaitFor(said(claimant(Stand.BROKEN, ())).problem)  # type: ignore[union-attr]
PASSING = WaitFor(said(claimant(Stand.PENDING, ())).problem, passing=True)  # type: ignore[union-attr]


def verbs(of: Plan) -> set[Verb]:
    return {step.verb for step in of.prunes}


def test_a_plan_hands_over_deletes_or_waits_as_it_was_answered() -> None:
    assert verbs(decided({})) == {Verb.DELETE}
    assert verbs(decided({KEY: HandTo(CAFE)})) == {Verb.HAND_OVER}
    assert verbs(decided({KEY: WAITING})) == {Verb.KEEP}
    assert verbs(decided({KEY: PASSING})) == {Verb.KEEP}


def test_an_approval_hears_nobody_but_those_that_are_about_to_answer() -> None:
    assert verbs(decided({KEY: WAITING}, approved=True)) == {Verb.DELETE}
    assert verbs(decided({KEY: PASSING}, approved=True)) == {Verb.KEEP}
    assert verbs(decided({KEY: HandTo(CAFE)}, approved=True)) == {Verb.HAND_OVER}


def test_what_is_handed_over_counts_for_no_limit() -> None:
    assert [one.reason for one in decided({}, count=20).problems] == [Reason.PRUNE_REFUSED]
    moved = decided({KEY: HandTo(CAFE)}, count=20)
    assert moved.problems == ()
    assert verbs(moved) == {Verb.HAND_OVER}


def test_what_a_limit_refused_is_asked_about_too() -> None:
    assert len(to_ask(decided({}, count=20))) == 20
    assert len(to_ask(decided({}))) == 1


@pytest.mark.parametrize("mode", ["Disabled", "Confirm"])
def test_what_is_kept_for_good_stays_and_what_would_be_asked_about_moves(mode: str) -> None:
    at = key("kept")
    metadata = marks(at)
    metadata["annotations"]["gitops.dev/prune"] = mode
    found = situation(
        [wanted(key("a"))], [live(at, metadata).observed, member(key("a"))], answers={at: HandTo(CAFE)}
    )
    (step,) = plan(found).prunes
    assert step.verb is (Verb.KEEP if mode == "Disabled" else Verb.HAND_OVER)


def test_forged_marks_in_a_namespace_of_others_count_for_nothing() -> None:
    forged = [member(key(f"forged-{i}", namespace="attacker")) for i in range(30)]
    mine = [member(key("a")), member(key("b"))]
    found = situation([wanted(key("a"))], [*forged, *mine], namespaces=frozenset({"shop"}))
    assert [(step.verb, step.key) for step in plan(found).prunes] == [(Verb.DELETE, key("b"))]


def applied(metadata: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """The metadata after a patch that only replaces."""
    for operation in operations:
        assert operation["op"] == "replace"
        _, _, *path = operation["path"].split("/")
        place = metadata
        names = [name.replace("~1", "/").replace("~0", "~") for name in path]
        for name in names[:-1]:
            place = place[name]
        assert names[-1] in place
        place[names[-1]] = operation["value"]
    return metadata


def test_a_transfer_makes_a_member_of_the_heir_that_still_has_to_be_applied() -> None:
    other, scale = entry("operator", "Update"), entry(SHOP.manager, "Update", subresource="scale")
    metadata = marks(KEY)
    metadata["managedFields"] += [other, entry(SHOP.manager, "Update"), entry(CAFE.manager, "Update"), scale]
    found = live(KEY, metadata)
    after = applied(dict(found.metadata), transfer(found, SHOP, CAFE))
    seen = observe({"metadata": after}, KEY.group_kind, HEALTHY)
    assert seen.membership(CAFE) is Membership.MEMBER
    assert seen.membership(SHOP) is Membership.FOREIGN
    assert seen.content == found.observed.content
    assert after["managedFields"] == [entry(CAFE.manager), other, scale]


RULES = {
    "everything": ([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}], True),
    "the type": ([{"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["deployments"]}], True),
    "another group": ([{"verbs": ["patch"], "apiGroups": [""], "resources": ["deployments"]}], False),
    "only reading": ([{"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"]}], False),
    "this name": (
        [{"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["*"], "resourceNames": ["web"]}],
        True,
    ),
    "another name": (
        [{"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["*"], "resourceNames": ["db"]}],
        False,
    ),
    "nothing": ([], False),
}


@pytest.mark.parametrize("case", RULES)
def test_an_account_may_write_with_a_rule_for(case: str) -> None:
    rules, expected = RULES[case]
    assert may_write(rules, "apps", "deployments", "web") is expected
