"""The controller under test as a process of its own, and what the system says that it uses."""

import os
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from gitops.local import processes
from gitops.local.processes import Process, free_ports

# What the controller is started by, if $BENCH_PROFILE names a folder for its profile.
_PROFILED = "import cProfile, sys; from gitops.cli.entry import main; cProfile.run('main()', sys.argv.pop(1))"
_PLAIN = "from gitops.cli.entry import main; main()"
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ControllerProcess:
    """A running `gitops controller`; the renderer is a child of it."""

    process: Process
    port: int

    @classmethod
    def start(cls, kubeconfig: Path, folder: Path) -> "ControllerProcess":
        """Start it with a fresh cache in `folder`, and wait until it is ready."""
        folder.mkdir(parents=True)
        (port,) = free_ports(1)
        flags = ["--kubeconfig", kubeconfig, "--cache", folder / "cache", "--listen", f"127.0.0.1:{port}"]
        profile = os.environ.get("BENCH_PROFILE")
        script = [_PROFILED, str(Path(profile, f"{folder.name}.prof").absolute())] if profile else [_PLAIN]
        command = [sys.executable, "-c", *script, "controller", *map(str, flags)]
        environment = {
            **os.environ,
            "MALLOC_ARENA_MAX": "2",  # as the chart sets it
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self = cls(processes.start("controller", command, folder / "controller.log", environment), port)
        end = time.monotonic() + _READY_SECONDS
        while not self._answers():
            self.process.check()
            if time.monotonic() > end:
                raise TimeoutError(f"not ready: see {self.process.log}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        self.process.stop(deadline=15)

    def _answers(self) -> bool:
        try:
            return bool(self._get("/readyz"))
        except OSError:
            return False

    def _get(self, path: str) -> str:
        with _NO_PROXY.open(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def metric(self, name: str) -> float:
        """The sum of a metric's series (`_count` and `_sum` are names of their own)."""
        lines = self._get("/metrics").splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} "))
        )

    def cpu_seconds(self) -> float:
        """CPU time of all living threads of the controller itself: neither renders nor Git."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def all_cpu_seconds(self) -> float:
        """CPU time of the controller and whatever it has started, renders and Git included."""
        return sum(cpu_seconds_of(pid) for pid in self._group())

    def memory(self) -> dict[str, float]:
        """MB of proportional set size (PSS) of the controller and its children, by command."""
        sizes: dict[str, float] = {}
        for pid in self._group():
            name = "controller" if pid == self.process.pid else f"child {pid}"
            sizes[name] = _pss(pid)
        return sizes

    def _group(self) -> list[int]:
        group = [self.process.pid]
        for pid in group:  # grows while it is read: children of children
            group += _children(pid)
        return group


def cpu_seconds_of(pid: int) -> float:
    """CPU time of a process and of those children that it has waited for."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
