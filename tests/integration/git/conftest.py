"""Fixtures: a repository on the run's Git server for each test, and a relay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.local.gitserver import GitServer
from tests.integration.git.support import ADA, Relay, Shop


@pytest.fixture
def shop(git_server: GitServer, tmp_path: Path) -> Shop:
    """An open repository."""
    return Shop.create(git_server, tmp_path, f"open-{tmp_path.parent.name}-{tmp_path.name}")


@pytest.fixture
def private_shop(git_server: GitServer, tmp_path: Path) -> Shop:
    """A repository that wants Ada's password."""
    return Shop.create(git_server, tmp_path, f"private-{tmp_path.parent.name}-{tmp_path.name}", ADA)


@pytest.fixture
def relay() -> Iterator[Relay]:
    relay = Relay()
    yield relay
    relay.stop()
