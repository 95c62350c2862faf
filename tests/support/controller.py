"""The controller as its users run it: a process of its own, with a port, a cache and a log."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gitops.local import processes
from gitops.local.processes import Process
from tests.support.wait import wait_for

HOME = "gitops-tests"
COMMAND = str(Path(sys.executable).with_name("gitops"))


@dataclass(slots=True)
class Controller:
    """One controller of the whole cluster: never start two at a time."""

    kubeconfig: Path
    folder: Path
    tools: Mapping[str, Path]
    options: Sequence[str] = ()
    environment: Mapping[str, str] | None = None  # instead of the inherited one
    port: int = 0
    _process: Process | None = None
    _starts: int = field(default=0)

    def start(self) -> "Controller":
        """Start it, and return when it is ready."""
        self.launch()
        wait_for(lambda: self.is_ready, "the controller is ready", timeout=60, state=self.logs)
        return self

    def launch(self) -> None:
        """Start it without waiting."""
        assert self._process is None, "it runs already"
        self.port = processes.free_ports(1)[0]
        self._starts += 1
        command = [
            COMMAND,
            "controller",
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={HOME}",
            f"--cache={self.folder / 'cache'}",
            f"--listen=127.0.0.1:{self.port}",
            "--least-interval=0.5",
            "--log-format=json",
            *(f"--{name}={self.tools[name]}" for name in ("helm", "kustomize")),
            *self.options,
        ]
        self._process = processes.start("gitops controller", command, self.log, self.environment)

    @property
    def log(self) -> Path:
        """The log of the newest start."""
        return self.folder / f"controller-{self._starts}.log"

    def logs(self) -> str:
        """The log lines of the newest start."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process, "it doesn't run"
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        assert self._process, "it doesn't run"
        self._process.check()
        try:
            with self._open("/readyz"):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _open(self, path: str) -> "urllib.request._UrlopenRet":
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return direct.open(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def exposition(self) -> str:
        """What Prometheus reads."""
        with self._open("/metrics") as answer:
            text: str = answer.read().decode()
            return text

    def metric(self, sample_name: str, /, **labels: str) -> float:
        """The sum of all series of this sample that have these labels; 0 if there is none."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.exposition())
            for sample in family.samples
            if sample.name == sample_name and labels.items() <= sample.labels.items()
        )

    def requests(self) -> dict[tuple[str, str, str], float]:
        """Requests to the API server so far, by verb, resource and code; watches are not among them."""
        return {
            (sample.labels["verb"], sample.labels["resource"], sample.labels["code"]): sample.value
            for family in text_string_to_metric_families(self.exposition())
            for sample in family.samples
            if sample.name == "gitops_kube_requests_total"
        }

    def terminate(self, deadline: float) -> int:
        """SIGTERM; the exit code. An AssertionError if it lives longer than `deadline` seconds."""
        process = self._take()
        process.popen.send_signal(signal.SIGTERM)
        try:
            return process.popen.wait(deadline)
        except subprocess.TimeoutExpired:
            process.stop(0)
            raise AssertionError(f"still running {deadline:g} s after SIGTERM") from None

    def kill(self) -> None:
        """SIGKILL to the controller alone, as an OOM kill does it; its children have to notice."""
        process = self._take()
        process.popen.kill()
        process.popen.wait()

    def kill_by_pid(self) -> None:
        """SIGKILL, without waiting: for other threads."""
        process = self._process
        if process and process.popen.poll() is None:
            process.popen.kill()

    def revive(self) -> None:
        """Start it again if it has ended, as kubelet does."""
        if self._process and self._process.popen.poll() is not None:
            self._process = None
            self.launch()

    def kill_renderer(self) -> None:
        """SIGKILL to its rendering process."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                command = (folder / "cmdline").read_bytes().split(b"\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.pid and b"gitops.render" in command:
                    os.kill(int(folder.name), signal.SIGKILL)
                    return
        raise AssertionError("it has no rendering process")

    def forget_cache(self) -> None:
        """Remove its mirrors, as a Pod that moves to another node does; it must not run."""
        assert self._process is None, "it runs"
        shutil.rmtree(self.folder / "cache")

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process:
            self._take().stop()

    def _take(self) -> Process:
        process, self._process = self._process, None
        assert process, "it doesn't run"
        return process
