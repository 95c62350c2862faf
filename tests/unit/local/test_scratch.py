"""Folders in memory go away: at the end, or when the next run finds them abandoned."""

import os
from pathlib import Path

import pytest

from gitops.local import scratch


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the folders be made here: what others left on /dev/shm is none of a test's business."""
    monkeypatch.setattr(scratch, "_MEMORY", tmp_path / "absent")
    return tmp_path


def age(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_a_folder_is_gone_after_use(memory: Path) -> None:
    made = scratch.make(memory)
    (made.path / "data").write_text("x")
    made.close()
    assert not made.path.exists()


def test_a_folder_whose_owner_died_is_removed_by_the_next_run(memory: Path) -> None:
    abandoned = scratch.make(memory)
    os.close(abandoned.lock)
    age(abandoned.path)
    scratch.make(memory).close()
    assert not abandoned.path.exists()


def test_an_old_folder_whose_owner_lives_is_kept(memory: Path) -> None:
    used = scratch.make(memory)
    age(used.path)
    scratch.make(memory).close()
    assert used.path.exists()
    used.close()


def test_a_young_folder_that_is_not_locked_yet_is_kept(memory: Path) -> None:
    young = scratch.make(memory)
    os.close(young.lock)
    scratch.make(memory).close()
    assert young.path.exists()
