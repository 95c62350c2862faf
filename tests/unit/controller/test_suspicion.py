"""What becomes of dry runs: fights are held back, unprompted failures are nobody's problem."""

from dataclasses import replace

from gitops.controller.memory import Memory
from gitops.controller.suspicion import Checks, checks, fights, weigh
from gitops.core.fights import HEALS
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift
from gitops.core.problem import Blame, Problem, Reason
from gitops.observe.metrics import Metrics
from tests.unit.core.support import SHOP, key, member, wanted

A, B = key("a"), key("b")
SEEN = member(A)
DRIFT = Drift(A, ("/data/k",), author="kubectl-edit")
WEBHOOK = Drift(A, problem=Problem(Reason.ADMISSION_UNAVAILABLE, "is down", Blame.CLUSTER, key=A))


def due(memory: Memory, now: float, *keys: ObjectKey) -> Checks:
    return checks(memory, {A: SEEN}, memory.suspects(now), keys or (A,), now)


def fought(metrics: Metrics) -> tuple[Memory, float]:
    """A memory in which a fight over A has begun."""
    memory, now = Memory(), 0.0
    for _ in range(HEALS):
        memory.healed(DRIFT, now)
        now += 1
        weigh(due(memory, now), memory, {A: DRIFT}, metrics, SHOP, now)
    return memory, now


def sample(metrics: Metrics, line: str) -> bool:
    return line in metrics.exposition()[0].decode()


def test_in_a_fight_nothing_is_sent_before_its_time_and_others_are_not_held_back() -> None:
    metrics = Metrics()
    memory, now = fought(metrics)
    found = due(memory, now + 1, A, B)
    assert found.keys == [B]
    held = found.held[A]
    assert held.paths == DRIFT.paths
    assert held.problem
    assert held.problem.reason is Reason.FIGHTING
    assert memory.wakes_in(now) == 10.0
    later = due(memory, now + 10, A, B)
    assert later.keys == [A, B]
    assert not weigh(later, memory, {A: DRIFT}, metrics, SHOP, now + 10)[A].problem


def test_a_fight_is_counted_once() -> None:
    metrics = Metrics()
    memory, now = fought(metrics)
    for _ in range(3):
        memory.healed(DRIFT, now)
        weigh(due(memory, now), memory, {A: DRIFT}, metrics, SHOP, now)
    assert sample(
        metrics,
        'gitops_fights_total{kind="ConfigMap",manager="kubectl",name="shop",namespace="team-a"} 1.0',
    )


def test_a_fight_is_told_until_it_is_over() -> None:
    memory, now = fought(Metrics())
    memory.wrote(SEEN)
    assert [one.reason for one in fights(memory, {A: wanted(A)}, now + 9)] == [Reason.FIGHTING]
    assert fights(memory, {A: wanted(A)}, now + 10) == []
    assert memory.quarrels == {}


def test_a_fight_over_what_left_git_is_forgotten() -> None:
    memory, now = fought(Metrics())
    assert fights(memory, {}, now) == []
    assert memory.quarrels == {}


def test_a_failed_dry_run_without_a_reason_is_nobodys_problem() -> None:
    memory = Memory(baseline={A: SEEN.digest}, to_verify={A})
    found = due(memory, 0.0)
    assert found.verified == {A}
    assert weigh(found, memory, {A: WEBHOOK}, Metrics(), SHOP, 0.0) == {}


def test_a_failed_dry_run_of_what_was_changed_is_told() -> None:
    memory = Memory(baseline={A: "another"}, to_verify={A})
    assert weigh(due(memory, 0.0), memory, {A: WEBHOOK}, Metrics(), SHOP, 0.0) == {A: WEBHOOK}


def test_what_only_the_verification_saw_is_counted() -> None:
    line = 'gitops_verification_found_total{kind="ConfigMap"} 1.0'
    for memory, is_counted in (
        (Memory(baseline={A: SEEN.digest}, to_verify={A}), True),
        (Memory(baseline={A: SEEN.digest}, to_verify={A}, due_suspects={A: 0.0}), False),
        (Memory(baseline={A: "another"}, to_verify={A}), False),
        (Memory(baseline={A: SEEN.digest}, due_suspects={A: 0.0}), False),
    ):
        metrics = Metrics()
        weigh(due(memory, 0.0), memory, {A: DRIFT}, metrics, SHOP, 0.0)
        assert sample(metrics, line) is is_counted


def test_verification_that_finds_nothing_counts_nothing() -> None:
    metrics, memory = Metrics(), Memory(baseline={A: SEEN.digest}, to_verify={A})
    weigh(due(memory, 0.0), memory, {A: Drift(A)}, metrics, SHOP, 0.0)
    assert not sample(metrics, "gitops_verification_found_total{")
    assert memory.baseline == {A: SEEN.digest}


def test_drift_that_field_tracking_does_not_show_is_looked_at_until_it_is_healed() -> None:
    memory = Memory(baseline={A: SEEN.digest}, due_suspects={A: 0.0})
    weigh(due(memory, 0.0), memory, {A: DRIFT}, Metrics(), SHOP, 0.0)
    assert memory.baseline == {}


def test_what_moves_during_the_dry_run_is_looked_at_again() -> None:
    memory = Memory(baseline={A: SEEN.digest}, due_suspects={A: 0.0})
    assert due(memory, 0.0).keys == [A]
    before, after = replace(SEEN, generation=1), replace(SEEN, generation=2, resource_version="9")
    assert memory.noticed(SHOP, before, after, 1.0) == 59.0
    weigh(Checks([A], {}, frozenset({A}), frozenset()), memory, {A: Drift(A)}, Metrics(), SHOP, 2.0)
    assert memory.wakes_in(2.0) == 58.0
