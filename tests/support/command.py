"""The `gitops` command as people run it: a process with arguments, an environment and an exit code."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.support.controller import COMMAND


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The output as JSON; fails when it isn't."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Command:
    """Runs `gitops` with this cluster, these tools and a cache of its own."""

    kubeconfig: Path
    folder: Path
    tools: Mapping[str, Path]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        path = os.pathsep.join([*(str(tool.parent) for tool in self.tools.values()), os.environ["PATH"]])
        own = {
            "PATH": path,
            "KUBECONFIG": str(self.kubeconfig),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TERM": "xterm-256color",
            "COLUMNS": "200",
        }
        return kept | own | dict(more or {})

    def __call__(self, *arguments: str, kubeconfig: Path | None = None, **environment: str) -> Ran:
        """Run it; nothing is raised for any exit code."""
        own = self.environment({**environment, **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})})
        done = subprocess.run(
            [COMMAND, *arguments],
            env=own,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """One that goes on, its output in a pipe; killed at the end if it hasn't ended by then."""
        process = subprocess.Popen(
            [COMMAND, *arguments],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def on_terminal(self, *arguments: str, **environment: str) -> str:
        """What it prints when its output is a terminal."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [COMMAND, *arguments],
            env=self.environment(environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        parts = []
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so at the end
                break
            if not part:
                break
            parts.append(part)
        os.close(ours)
        process.wait()
        return b"".join(parts).decode()


def read_until(stream: IO[str] | None, text: str) -> None:
    """Read lines until one has this text; the test's own timeout ends what never comes."""
    assert stream is not None
    told = []
    for line in stream:
        told.append(line)
        if text in line:
            return
    raise AssertionError(f"ended without {text!r}:\n{''.join(told)}")
