"""Temporary folders in memory, cleared even after runs that were killed."""

import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "gitops-local-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it get a random name and mode 0700 by mkdtemp
_SETTLED_SECONDS = 60  # a folder younger than this may not be locked by its owner yet


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder that is ours as long as `lock` is open; the system closes it when we die."""

    path: Path
    lock: int

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def make(fallback: Path) -> Scratch:
    """Make a folder on /dev/shm, or in `fallback` where there is no such memory file system.

    A file of a disk can cost a millisecond each, and etcd writes many; but memory isn't given
    back by itself when a run is killed, so folders of dead runs are removed first.
    """
    root = _MEMORY if os.access(_MEMORY, os.W_OK) else fallback
    _remove_abandoned(root)
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    lock = os.open(path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return Scratch(path, lock)


def _remove_abandoned(root: Path) -> None:
    for path in root.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue  # somebody else's, or gone meanwhile
        try:
            if time.time() - os.fstat(lock).st_mtime > _SETTLED_SECONDS:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue  # its owner lives
        finally:
            os.close(lock)
