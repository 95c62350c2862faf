"""The cluster and the tools; each run has a controller and a site of its own."""

import os

import pytest

from tests.support.fixtures import cluster, tools

__all__ = ["cluster", "tools"]

_BY_MODE = {
    "one": "test_one_plan",
    "all": "test_every_plan",
    "some": "test_a_fault_changes_nothing_in_the_end",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="run every plan of tests/faults: hours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the ways to choose plans, one counts: a named plan, all, or a selection."""
    every = config.getoption("--all-faults", default=False)
    mode = "one" if os.environ.get("FAULT_PLAN") else "all" if every else "some"
    others = set(_BY_MODE.values()) - {_BY_MODE[mode]}
    unwanted = [item for item in items if getattr(item, "originalname", "") in others]
    items[:] = [item for item in items if item not in unwanted]
    config.hook.pytest_deselected(items=unwanted)
