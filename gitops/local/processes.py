"""Child processes that log to files, die with their parent, and are stopped by pid."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gitops.local.trouble import tail, unavailable

# Linux ties the death signal to the thread that forked, not to the process: a child started
# from a worker thread would be killed when that thread ends. All are started from this one,
# which lives as long as the interpreter.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

# Runs in the child, between fork and exec, where Python code of ours would not be safe
# (threads of the parent may hold locks); hence a small interpreter of its own.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""

# Below Linux's ephemeral range (32768 and up): an outgoing connection of somebody else can't
# take the port between our choice and the child's bind.
_PORTS = range(20000, 30000)


@dataclass(frozen=True, slots=True)
class Process:
    """One running child with its log; `name` appears in messages."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.popen.pid

    def check(self) -> None:
        """Raise GitopsError, with the end of the log, when the process has ended."""
        code = self.popen.poll()
        if code is not None:
            raise unavailable(
                f"{self.name} ended with code {code}; the end of its log:\n{tail(self.log)}",
                f"the whole log is {self.log}",
            )

    def stop(self, deadline: float = 5.0) -> None:
        """Ask the process group to end; after `deadline` seconds, end it by force."""
        self._signal(signal.SIGTERM)
        try:
            self.popen.wait(deadline)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.popen.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def start(
    name: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Process:
    """Start a program in a process group of its own; its output goes to the file `log`.

    `arguments[0]` is an absolute path. `environment` replaces the inherited one. On Linux the
    program is killed when this process ends in whatever way; elsewhere only `stop` ends it.
    """
    command = list(arguments)
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        popen = _SPAWNER.submit(
            subprocess.Popen,
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            process_group=0,
        ).result()
    return Process(name, log, popen)


def stop_all(processes: Iterable[Process]) -> None:
    """Stop one after the other, in the given order."""
    for process in processes:
        process.stop()


def free_ports(count: int) -> list[int]:
    """Choose `count` different TCP ports of 127.0.0.1 on which nothing listens now."""
    ports: list[int] = []
    # Of the system: what seeds `random` (Hypothesis does) would give all test workers the same ports.
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
        if len(ports) == count:
            return ports
    raise unavailable("no free TCP port on 127.0.0.1", f"stop something that listens in {_PORTS}")
