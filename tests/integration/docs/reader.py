"""Somebody who does what a page says: a folder, a clone of the repository, and a shell."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitops.local.gitserver import GitServer
from gitops.local.sshserver import SshServer
from gitops.local.worktree import WorkTree, clean_environment
from tests.unit.docs.pages import Block

TOKEN = "pvqx-7731-mkzt"

# What the pages say is in the repository.
_SAMPLE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  greeting: hello
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: nginx:1.29
"""
_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports: [{port: 80}]
"""
_SECONDS = 240.0


@dataclass(slots=True)
class Reader:
    """`replace` turns the addresses of the documentation into those of this machine, and back."""

    folder: Path
    environment: Mapping[str, str]
    replace: Mapping[str, str]
    _printed: str = field(default="")

    @classmethod
    def sit_down(
        cls,
        folder: Path,
        kubeconfig: Path,
        programs: Mapping[str, Path],
        servers: tuple[GitServer, SshServer | None],
        *,
        private: bool,
    ) -> "Reader":
        """Make the repository `shop` with a first commit and its clone; `private` asks for a token."""
        git, ssh = servers
        url = git.create_repository("shop", ("deploy", TOKEN) if private else None)
        seed = WorkTree.create(folder / "seed", str(git.folder / "shop.git"))
        seed.commit("The shop", {"deploy/prod/web.yaml": _SAMPLE, "deploy/prod/service.yaml": _SERVICE})
        seed.push()
        replace = {"https://git.example.com": git.url}
        home = folder / "reader"
        if private:
            home.mkdir()
        else:
            command = ["git", "clone", "--quiet", url, str(home / "shop")]
            subprocess.run(command, env=clean_environment(), check=True)
        if ssh:
            replace = {"ssh://git@git.example.com/shop.git": ssh.url("shop")} | replace
            for name, source in (("deploy-key", ssh.client_key), ("known_hosts", ssh.known_hosts)):
                (home / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
        paths = [str(Path(sys.executable).parent), *(str(program.parent) for program in programs.values())]
        environment = {
            **clean_environment(),
            "PATH": os.pathsep.join([*paths, os.environ["PATH"]]),
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "COLUMNS": "1000",
            "NO_COLOR": "1",
            "TOKEN": TOKEN,
        }
        return cls(home, environment, replace)

    def follow(self, block: Block) -> None:
        """Do what a block says, if it is marked. AssertionError with the place and what was printed."""
        if block.mark.startswith("file: "):
            path = self.folder / block.mark.removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._here(block.text), encoding="utf-8")
        elif block.mark == "test":
            self._run(block)
        elif block.mark == "output":
            self._compare(block)

    def _here(self, text: str) -> str:
        for public, local in self.replace.items():
            text = text.replace(public, local)
        return text

    def _run(self, block: Block) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._here(block.text)],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        self._printed = done.stdout
        assert done.returncode == 0, f"{block} ended with {done.returncode}:\n{block.text}\n{done.stdout}"

    def _compare(self, block: Block) -> None:
        """Every line that the page shows was printed, in this order; spaces count as one."""
        lines = iter(self._printed.splitlines())
        for expected in filter(str.strip, self._here(block.text).splitlines()):
            matches = _matcher(expected)
            assert any(matches(line) for line in lines), f"{block}: no line {expected!r} in:\n{self._printed}"


def _matcher(expected: str) -> Callable[[str], bool]:
    parts = (re.escape(" ".join(part.split())) for part in expected.split("…"))
    pattern = re.compile(r"\s*.*\s*".join(parts))
    return lambda line: bool(pattern.fullmatch(" ".join(line.split())))
