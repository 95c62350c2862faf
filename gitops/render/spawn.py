"""Start a renderer's process. Imports next to nothing, so that a command can do it before all else."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Everything else stays with us: KUBECONFIG, HOME, tokens.
_PASSED_ON = ("PATH", "LANG", "TMPDIR")
_PACKAGES = str(Path(__file__).parents[2])  # also where we run from a checkout, not installed
_LONGEST_SOCKET_PATH = 100  # bytes; Linux takes 107, macOS 103
_SOCKET = "renderer.sock"


@dataclass(frozen=True, slots=True)
class Started:
    """A renderer's process, and the folder that only we may enter and it listens in."""

    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def socket(self) -> Path:
        return self.folder / _SOCKET


def spawn(options: Sequence[str] = (), folder: Path | None = None) -> Started:
    """Start one with options of `python -m gitops.render`, in the folder of one that has ended, or a new one.

    The process holds one end of a pipe to us as its standard input: when we are gone, however,
    it reads the end of it and stops.
    """
    folder = folder or _new_folder()
    folder.mkdir(mode=0o700, exist_ok=True)  # it goes with a renderer that ends in order
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = subprocess.Popen(
        [
            sys.executable,
            "-P",  # the working folder may be a source tree that has a gitops/ of its own
            "-m",
            "gitops.render",
            "--socket",
            str(folder / _SOCKET),
            "--stop-with-stdin",
            *options,
        ],
        stdin=subprocess.PIPE,
        env={**passed_on, "PYTHONPATH": _PACKAGES},
    )
    return Started(folder, process)


def _new_folder() -> Path:
    """A folder with a name that is short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-"))
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="gitops-", dir="/tmp"))


class _Ahead:
    """The one that was started before anybody asked for it, till somebody does."""

    waiting: Started | None = None


def spawn_ahead() -> None:
    """Start one of which `take` is to be expected. Whoever ends without that leaves nothing behind."""
    _Ahead.waiting = spawn()
    atexit.register(_discard)


def take() -> Started | None:
    """The one that was started ahead; now the caller's to end."""
    started, _Ahead.waiting = _Ahead.waiting, None
    return started


def _discard() -> None:
    if started := take():
        started.process.kill()
        started.process.wait()
        shutil.rmtree(started.folder, ignore_errors=True)
