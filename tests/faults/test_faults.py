"""From any state, whatever broke, the cluster reaches what Git says, and nothing else is touched.

A learning run names every request and event of a scenario; each plan then breaks one of them.
By default a seeded selection runs. `--all-faults` runs every plan, `FAULT_SEED=n` another
selection, `FAULT_PLAN='kill-after PATCH … #1'` exactly one.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitops.local.gitserver import GitServer
from tests.faults.plans import Plan, Point, all_plans, selection
from tests.faults.scenario import run
from tests.support.cluster import Cluster

COUNT = int(os.environ.get("FAULT_COUNT", "8"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
ONE = os.environ.get("FAULT_PLAN", "")


@pytest.fixture(scope="module")
def learned(
    cluster: Cluster,
    git_server: GitServer,
    tools: Mapping[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Point]:
    """The points of an undisturbed run."""
    broken, points, _ = run(cluster, git_server, tmp_path_factory.mktemp("learning"), tools, None)
    assert broken == []
    return points


def check(
    cluster: Cluster, git_server: GitServer, folder: Path, tools: Mapping[str, Path], plan: Plan
) -> None:
    """Run one plan; a failure ends with the command that repeats it."""
    replay = f"FAULT_PLAN='{plan}' python -m pytest tests/faults"
    try:
        broken, _, struck = run(cluster, git_server, folder, tools, plan)
    except AssertionError as error:
        raise AssertionError(f"{error}\nrepeat it with: {replay}") from error
    assert broken == [], f"repeat it with: {replay}"
    # How often a status is written depends on timing; all else has to come by again.
    assert struck == 1 or not plan.point.is_write or "applications" in plan.point.what, f"never came: {plan}"


def test_one_plan(cluster: Cluster, git_server: GitServer, tools: Mapping[str, Path], tmp_path: Path) -> None:
    check(cluster, git_server, tmp_path, tools, Plan.parse(ONE))


def test_every_plan(
    learned: list[Point],
    cluster: Cluster,
    git_server: GitServer,
    tools: Mapping[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    failures = []
    for plan in all_plans(learned):
        try:
            check(cluster, git_server, tmp_path_factory.mktemp("plan"), tools, plan)
        except AssertionError as error:
            failures.append(f"{plan}: {error}")
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("number", range(COUNT))
def test_a_fault_changes_nothing_in_the_end(
    learned: list[Point],
    cluster: Cluster,
    git_server: GitServer,
    tools: Mapping[str, Path],
    tmp_path: Path,
    number: int,
) -> None:
    plan = selection(all_plans(learned), COUNT, SEED)[number]
    check(cluster, git_server, tmp_path, tools, plan)
