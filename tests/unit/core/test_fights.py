"""Fights: found from our own heals, with pauses that double, over when the other one is quiet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core.fights import (
    HEALS,
    RESTORED,
    WINDOW,
    Quarrel,
    calm,
    found,
    healed,
    problem_of,
    restores,
    settled,
)
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift, Plan, Step, Verb
from gitops.core.problem import Reason
from tests.unit.core.support import key

A = key("a")
DRIFT = Drift(A, ("/data/k",), author="kubectl-edit")
OTHER = Drift(A, ("/data/other",), author="kubectl-edit")


def undone(times: int, every: float = 1.0, drift: Drift = DRIFT) -> tuple[Quarrel, float]:
    """Healed so many times, and undone each time at once; and the time of the last undoing."""
    quarrel, now = Quarrel(), 0.0
    for _ in range(times):
        quarrel = healed(quarrel, drift, now)
        now += every
        quarrel = found(quarrel, drift, now)
    return quarrel, now


def test_five_heals_are_no_fight_until_the_sixth_would_be_due() -> None:
    quarrel, now = undone(HEALS - 1)
    quarrel = healed(quarrel, DRIFT, now)
    assert not quarrel.is_fight
    quarrel = found(quarrel, DRIFT, now + 1)
    assert quarrel.fields == ("/data/k",)
    assert quarrel.holds_back(now + 1)


def test_heals_over_a_longer_time_are_no_fight() -> None:
    quarrel, _ = undone(20, every=WINDOW / HEALS + 1)
    assert not quarrel.is_fight


def test_heals_of_different_fields_are_no_fight() -> None:
    quarrel, now = Quarrel(), 0.0
    for number in range(12):
        drift = OTHER if number % 3 else DRIFT
        if number % 3 == 2:
            drift = Drift(A, ("/data/third",))
        now += 1
        quarrel = healed(found(quarrel, drift, now), drift, now)
    assert not quarrel.is_fight


def test_ownership_that_is_taken_again_and_again_is_a_fight_too() -> None:
    quarrel, _ = undone(HEALS, drift=Drift(A, reclaim=True))
    assert quarrel.is_fight


def test_each_pause_is_twice_the_one_before_up_to_ten_minutes() -> None:
    quarrel, now = undone(HEALS)
    pauses = []
    for _ in range(9):
        pauses.append(quarrel.backoff.until - now)
        now = quarrel.backoff.until
        assert not quarrel.holds_back(now)
        quarrel = found(healed(quarrel, DRIFT, now), DRIFT, now)
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]


@given(st.floats(0.1, 100), st.integers(1, 400))
def test_whatever_the_other_writers_pace_an_hour_has_few_heals(every: float, seed: int) -> None:
    quarrel, now, heals = Quarrel(), float(seed), 0
    end = now + 3600
    while now < end:
        quarrel = found(quarrel, DRIFT, now)
        if quarrel.holds_back(now):
            now = quarrel.backoff.until
            continue
        quarrel = healed(quarrel, DRIFT, now)
        heals += 1
        now += every
        assert not quarrel.is_over(now)
    assert heals <= HEALS + 10


def test_it_is_over_when_a_heal_has_lasted() -> None:
    quarrel, now = undone(HEALS)
    assert not quarrel.is_over(now + 1000)  # it stands undone
    now = quarrel.backoff.until
    quarrel = healed(found(quarrel, DRIFT, now), DRIFT, now)
    assert not quarrel.is_over(now + 9)
    assert quarrel.wakes() == now + 10
    assert quarrel.is_over(now + 10)


def test_a_slow_writer_has_to_be_quiet_for_longer() -> None:
    quarrel, now = undone(HEALS, every=60)
    now = quarrel.backoff.until
    quarrel = healed(found(quarrel, DRIFT, now), DRIFT, now)
    assert not quarrel.is_over(now + 119)
    assert quarrel.is_over(now + 120)


def test_how_long_a_heal_held_long_before_the_fight_does_not_count() -> None:
    quarrel = found(healed(Quarrel(), OTHER, 0.0), OTHER, 500.0)
    for at in range(500, 500 + HEALS):
        quarrel = found(healed(quarrel, DRIFT, at), DRIFT, at + 1)
    assert quarrel.is_fight
    assert quarrel.lasted == 1


def test_it_is_over_when_the_object_became_right_in_another_way() -> None:
    quarrel, now = undone(HEALS)
    assert settled(quarrel).is_over(now + 10)


def test_a_pause_that_stands_is_not_counted_as_how_long_a_heal_held() -> None:
    quarrel, now = undone(HEALS)
    for _ in range(4):
        now = quarrel.backoff.until
        quarrel = found(healed(found(quarrel, DRIFT, now), DRIFT, now), DRIFT, now + 1)
    assert quarrel.lasted == 1


def test_a_heal_that_stood_alone_is_forgotten_after_the_window() -> None:
    quarrel = healed(Quarrel(), DRIFT, 0.0)
    assert not quarrel.is_over(WINDOW - 1)
    assert quarrel.is_over(WINDOW)
    assert quarrel.wakes() is None


def test_the_problem_names_field_and_manager_in_the_same_words_all_the_time() -> None:
    quarrel, now = undone(HEALS)
    problem = problem_of(A, quarrel)
    assert problem.reason is Reason.FIGHTING
    assert "/data/k" in problem.message
    assert "kubectl-edit" in problem.message
    assert "kubectl-edit" in problem.advice
    for _ in range(3):
        quarrel = found(healed(quarrel, DRIFT, now), OTHER, now + 1)
        assert problem_of(A, quarrel) == problem


@pytest.mark.parametrize("author", ["unknown", ""])
def test_a_writer_without_a_name_is_called_what_it_is(author: str) -> None:
    """A removed field has no owner, and neither has what a webhook changes in our own request."""
    quarrel, _ = undone(HEALS, drift=Drift(A, ("/data/k",), author=author))
    problem = problem_of(A, quarrel)
    assert "field tracking" in problem.message
    assert "webhook" in problem.advice


def plan_of(verb: Verb, content: str = "content") -> Plan:
    return Plan((Step(verb, A, "", content=content), Step(verb, key("b"), "", content=content)))


@pytest.mark.parametrize("verb", RESTORED)
def test_who_takes_away_what_is_restored_again_and_again_is_in_a_fight(verb: Verb) -> None:
    quarrels, now = {A: Quarrel()}, 0.0
    for _ in range(HEALS):
        decided, quarrels = calm(plan_of(verb), quarrels, (), now)
        assert decided == plan_of(verb)
        quarrels[A] = healed(quarrels[A], restores(decided.steps[0]), now, "content")
        now += 1
    decided, quarrels = calm(plan_of(verb), quarrels, (), now)
    refused, other = decided.steps
    assert refused.verb is Verb.REFUSE
    assert refused.problem
    assert RESTORED[verb] in refused.problem.message
    assert other.verb is verb
    assert calm(plan_of(verb), quarrels, (), now + 10)[0] == plan_of(verb)


def fought() -> dict[ObjectKey, Quarrel]:
    """A fight over whether the object is there; it is gone now."""
    quarrel = Quarrel()
    step = plan_of(Verb.CREATE).steps[0]
    for at in range(HEALS):
        quarrel = healed(quarrel, restores(step), at, "content")
    return calm(plan_of(Verb.CREATE), {A: quarrel}, (), HEALS)[1]


def test_a_new_revision_is_applied_in_the_midst_of_a_fight() -> None:
    new = plan_of(Verb.CREATE, "new content")
    assert calm(new, fought(), (), HEALS)[0] == new


def test_what_is_there_again_by_itself_ends_the_fight() -> None:
    _, quarrels = calm(Plan(()), fought(), (), HEALS)
    assert quarrels[A].is_over(HEALS + 10)
    _, quarrels = calm(Plan(()), fought(), [A], HEALS)
    assert not quarrels[A].is_over(HEALS + 1000)
