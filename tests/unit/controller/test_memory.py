"""What the watch shows: which changes a pass has to look at, and which are ours or nobody's."""

from dataclasses import replace

import pytest

from gitops.controller.memory import Memory
from gitops.controller.suspicion import checks
from gitops.core.health import progressing
from gitops.core.identity import Owner
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey

OWNER = Owner("team", "shop", "uid-of-the-application")
KEY = ObjectKey("apps", "Deployment", "shop", "web")
SEEN = Observed(
    key=KEY,
    uid="u",
    resource_version="10",
    part_of=OWNER.applyset_id,
    identity=OWNER.identity_of(KEY),
    content="c",
    manager=OWNER.manager,
    digest="d",
    generation=1,
    genuine=True,
)


@pytest.fixture
def memory() -> Memory:
    return Memory(baseline={KEY: "d"})


def test_an_object_that_comes_or_goes_is_looked_at(memory: Memory) -> None:
    assert memory.noticed(OWNER, None, SEEN, 0.0) == 0.0
    assert memory.noticed(OWNER, SEEN, None, 0.0) == 0.0


def test_a_write_that_touches_nothing_of_ours_is_not_looked_at(memory: Memory) -> None:
    assert memory.noticed(OWNER, SEEN, replace(SEEN, resource_version="11"), 0.0) is None


def test_a_changed_ownership_digest_is_drift_and_its_time_is_kept(memory: Memory) -> None:
    assert memory.noticed(OWNER, SEEN, replace(SEEN, digest="other"), 5.0) == 0.0
    assert memory.noticed(OWNER, SEEN, replace(SEEN, digest="third"), 6.0) == 0.0
    assert memory.seen_drift == {KEY: 5.0}


def test_the_answer_to_our_own_write_is_no_drift(memory: Memory) -> None:
    after = replace(SEEN, digest="ours", resource_version="12")
    memory.wrote(after)
    assert memory.noticed(OWNER, SEEN, after, 0.0) is None
    assert memory.seen_drift == {}


def moved(memory: Memory, generation: int, now: float) -> float | None:
    return memory.noticed(OWNER, SEEN, replace(SEEN, generation=generation), now)


def test_a_new_generation_alone_earns_a_dry_run(memory: Memory) -> None:
    assert moved(memory, 2, 100.0) == 0.0
    assert memory.suspects(100.0) == {KEY}
    memory.checked([KEY], 101.0)
    assert memory.suspects(1000.0) == set()


def test_within_a_minute_of_the_last_dry_run_it_is_put_off_and_not_forgotten(memory: Memory) -> None:
    memory.checked([KEY], 101.0)
    assert moved(memory, 3, 150.0) == 11.0
    assert moved(memory, 4, 155.0) == 6.0
    assert memory.suspects(155.0) == set()
    assert memory.wakes_in(155.0) == 6.0
    assert memory.suspects(161.0) == {KEY}
    assert memory.wakes_in(161.0) is None


@pytest.mark.parametrize("per_second", [1, 50])
def test_however_often_the_generation_moves_there_is_one_dry_run_a_minute(
    memory: Memory, per_second: int
) -> None:
    dry_runs = 0
    for tick in range(300 * per_second):
        now = tick / per_second
        moved(memory, tick + 2, now)
        if memory.suspects(now):
            dry_runs += 1
            memory.checked([KEY], now)
    assert dry_runs == 5


def test_our_own_write_moves_the_generation_without_suspicion(memory: Memory) -> None:
    """The times of managedFields are whole seconds: two applies within one leave the same digest."""
    after = replace(SEEN, generation=2, resource_version="12")
    memory.wrote(after)
    assert memory.noticed(OWNER, SEEN, after, 0.0) is None
    assert memory.suspects(0.0) == set()


def test_what_is_gone_is_no_suspect_for_ever(memory: Memory) -> None:
    moved(memory, 2, 100.0)
    memory.to_verify.add(KEY)
    checks(memory, {}, memory.suspects(100.0), [], 100.0)
    assert memory.suspects(1000.0) == set()


def test_health_that_changes_is_progress(memory: Memory) -> None:
    assert memory.noticed(OWNER, SEEN, replace(SEEN, health=progressing("1 of 2")), 7.0) == 0.0
    assert memory.progress_at == 7.0


def test_health_is_noticed_of_an_object_that_stays_drifted(memory: Memory) -> None:
    drifted = replace(SEEN, digest="other")
    after = replace(drifted, health=progressing("1 of 2"))
    assert memory.noticed(OWNER, drifted, after, 7.0) == 0.0
