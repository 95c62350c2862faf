"""What the watch shows: which changes a pass has to look at, and which are ours or nobody's."""

from dataclasses import replace

import pytest

from gitops.controller.memory import Memory
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
    assert memory.noticed(OWNER, None, SEEN, 0.0)
    assert memory.noticed(OWNER, SEEN, None, 0.0)


def test_a_write_that_touches_nothing_of_ours_is_not_looked_at(memory: Memory) -> None:
    assert not memory.noticed(OWNER, SEEN, replace(SEEN, resource_version="11"), 0.0)


def test_a_changed_ownership_digest_is_drift_and_its_time_is_kept(memory: Memory) -> None:
    assert memory.noticed(OWNER, SEEN, replace(SEEN, digest="other"), 5.0)
    assert memory.noticed(OWNER, SEEN, replace(SEEN, digest="third"), 6.0)
    assert memory.seen_drift == {KEY: 5.0}


def test_the_answer_to_our_own_write_is_no_drift(memory: Memory) -> None:
    after = replace(SEEN, digest="ours", resource_version="12")
    memory.wrote(after)
    assert not memory.noticed(OWNER, SEEN, after, 0.0)
    assert memory.seen_drift == {}


def test_a_new_generation_alone_earns_one_dry_run_a_minute(memory: Memory) -> None:
    def moved(generation: int, now: float) -> bool:
        return memory.noticed(OWNER, SEEN, replace(SEEN, generation=generation), now)

    assert moved(2, 100.0)
    assert memory.due_suspects == {KEY}
    memory.checked([KEY], 101.0)
    assert memory.due_suspects == set()
    assert not moved(3, 150.0)
    assert moved(4, 162.0)


def test_health_that_changes_is_progress(memory: Memory) -> None:
    assert memory.noticed(OWNER, SEEN, replace(SEEN, health=progressing("1 of 2")), 7.0)
    assert memory.progress_at == 7.0


def test_health_is_noticed_of_an_object_that_stays_drifted(memory: Memory) -> None:
    drifted = replace(SEEN, digest="other")
    assert memory.noticed(OWNER, drifted, replace(drifted, health=progressing("1 of 2")), 7.0)
