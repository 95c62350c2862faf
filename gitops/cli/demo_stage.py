"""Where the demo plays: a control plane, a Git server, the controller, and a shell that knows them all."""

import os
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from gitops.api import crd
from gitops.api.group import CRD_NAME
from gitops.cli.demo_page import WIDTH, Page, duration
from gitops.cli.demo_watch import LIMIT, Watch, missed
from gitops.core.problem import Blame, Reason, fail
from gitops.local import processes
from gitops.local.binaries import cache_folder, ensure
from gitops.local.controlplane import PROGRAMS, ControlPlane
from gitops.local.gitserver import GitServer
from gitops.local.processes import Process
from gitops.local.progress import Printed, Step
from gitops.local.worktree import WorkTree

NAMESPACE = "gitops-system"
INTERVAL = "1s"
_TOOLS = ("kubectl", "kustomize", "helm")
# So that the reader's own git works in the working tree: commits, pushes, asks no proxy.
_SETTINGS = (
    ("user.name", "Ada"),
    ("user.email", "ada@example.com"),
    ("http.proxy", ""),
    ("branch.main.remote", "origin"),
    ("branch.main.merge", "refs/heads/main"),
)
_POLL_SECONDS = 0.05
_LOG_LINES = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """All that runs. `environment` is that of a shell in which `gitops` and `kubectl` just work."""

    folder: Path
    tree: WorkTree
    controller: Process
    metrics_url: str
    environment: Mapping[str, str]

    def run(self, *command: str, codes: Iterable[int] = (0,), **variables: str) -> str:
        """Run a command in the working tree as a reader would, and give its output.

        `codes` are the exit codes that are right; any other raises GitopsError with what it said.
        """
        result = subprocess.run(
            command,
            cwd=self.tree.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode not in codes:
            said = (result.stderr.strip() or result.stdout.strip())[-2000:]
            raise missed(f"`{' '.join(command)}` ended with code {result.returncode}: {said}")
        return result.stdout

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl."""
        return self.run("kubectl", *arguments)

    def watch(self, *arguments: str, path: str) -> Watch:
        """Watch the value at a JSONPath of what `kubectl get` finds."""
        return Watch.start(str(self.folder / "bin" / "kubectl"), arguments, path, self.environment)

    def watch_status(self, application: str) -> Watch:
        """Watch the status of an Application; each line is JSON."""
        return self.watch(f"application/{application}", f"--namespace={NAMESPACE}", path="{.status}")

    def event(self, application: str, reason: str, accept: Callable[[str], bool] = bool) -> str:
        """Give the message of an Event of an Application, the next that is acceptable."""
        selector = f"--field-selector=involvedObject.name={application},reason={reason}"
        with self.watch("events", f"--namespace={NAMESPACE}", selector, path="{.message}") as watch:
            return watch.until(f"the Event {reason}", accept).text


@contextmanager
def open_stage(folder: Path, page: Page) -> Iterator[Stage]:
    """Start everything in `folder`, and end it; raises GitopsError when something doesn't start."""
    if shutil.which("git") is None:
        raise fail(Reason.API_UNAVAILABLE, "there is no git", Blame.CLUSTER, advice="install Git")
    page.heading("Starting")
    binaries = _programs(page)
    environment = _shell(folder, binaries)
    began = time.monotonic()
    with (
        ControlPlane.start(folder, progress=Printed()) as control_plane,
        GitServer(folder / "repositories") as git_server,
    ):
        page.done(f"control plane: Kubernetes {_version(control_plane)}, ready in {_since(began)}")
        tree = _repository(folder, git_server)
        page.done(f"Git server: {tree.url}")
        control_plane.kubectl("create", "namespace", NAMESPACE)
        control_plane.kubectl("apply", "--server-side", "--filename=-", input=crd.text())
        control_plane.kubectl("wait", "--for=condition=Established", f"crd/{CRD_NAME}")
        with _controller(folder, environment) as (process, url, seconds):
            page.done(f"gitops controller: ready in {duration(seconds)}, metrics at {url}/metrics")
            yield Stage(folder, tree, process, f"{url}/metrics", environment)


def log_tail(folder: Path) -> str:
    """The end of the controller's log; empty when it never ran."""
    log = folder / "logs" / "controller.log"
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]) if log.is_file() else ""


def _programs(page: Page) -> dict[str, Path]:
    """Find or build what is needed; the first build is announced, since it takes minutes."""
    names = (*PROGRAMS, *(name for name in _TOOLS if name not in PROGRAMS))
    printed = Printed()
    announced = False

    def progress(step: Step) -> None:
        nonlocal announced
        if not announced:
            announced = True
            page.say(
                f"Building {step.total} of {len(names)} programs from pinned sources into "
                f"{cache_folder()}: it takes minutes, and only the first time."
            )
        printed(step)

    began = time.monotonic()
    binaries = ensure(names, progress)
    how = f"built in {_since(began)}" if announced else "all are there, nothing to build"
    page.done(f"{len(binaries)} programs of Kubernetes, Kustomize and Helm: {how}")
    return binaries


def _shell(folder: Path, binaries: Mapping[str, Path]) -> dict[str, str]:
    """Make a folder of commands, and the environment of a shell that uses it; also as a file."""
    programs = folder / "bin"
    programs.mkdir()
    for name in _TOOLS:
        (programs / name).symlink_to(binaries[name])
    command = programs / "gitops"
    # Where the installed script is, nobody knows; the interpreter that runs us knows the package.
    command.write_text(
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -c "
        '\'import sys; sys.argv[0] = "gitops"; from gitops.cli.entry import main; main()\' "$@"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    ours = {
        "KUBECONFIG": str(folder / "kubeconfig"),
        # The usual place is keyed by port: what an earlier cluster on it had would be believed.
        "KUBECACHEDIR": str(folder / "kubectl-cache"),
        "KUBERC": "off",  # somebody's own defaults for kubectl would change what the demo sees
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in ours.items()]
    lines.append(f'export PATH={shlex.quote(str(programs))}:"$PATH"')
    (folder / "env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        **os.environ,
        **ours,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "COLUMNS": str(WIDTH - 3),  # what commands print is indented
        "no_proxy": "127.0.0.1",  # git would ask a proxy from the environment for our server
    }


def _repository(folder: Path, git_server: GitServer) -> WorkTree:
    """Make the repository `shop` and a working tree of it that is not committed yet."""
    url = git_server.create_repository("shop")
    tree = WorkTree.create(folder / "shop", url)
    for setting in _SETTINGS:
        tree.git("config", *setting)
    shutil.copytree(_example(), tree.folder, dirs_exist_ok=True)
    path = tree.folder / "applications.yaml"
    applications = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for application in applications:
        application["spec"]["source"]["repository"] = url
        application["spec"]["sync"]["interval"] = INTERVAL
    path.write_text(yaml.safe_dump_all(applications, sort_keys=False), encoding="utf-8")
    return tree


def _example() -> Path:
    """The example repository: in an installed package it is package data, else in the checkout."""
    here = Path(__file__).resolve()
    for folder in (here.parent / "examples" / "shop", here.parents[2] / "manifests" / "examples" / "shop"):
        if folder.is_dir():
            return folder
    raise fail(
        Reason.INTERNAL_ERROR,
        "the example repository is not here",
        Blame.OURSELVES,
        advice="run from a complete checkout, or reinstall the package",
    )


@contextmanager
def _controller(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[Process, str, float]]:
    """Run the controller; yields its process, its address and how many seconds it took to be ready."""
    began = time.monotonic()
    address = f"127.0.0.1:{processes.free_ports(1)[0]}"
    programs = folder / "bin"
    command = [str(programs / "gitops"), "controller"]
    command += ["--kubeconfig", str(folder / "kubeconfig"), "--listen", address]
    command += ["--cache", str(folder / "cache"), "--least-interval", "1", "--log-format", "console"]
    command += ["--helm", str(programs / "helm"), "--kustomize", str(programs / "kustomize")]
    process = processes.start("controller", command, folder / "logs" / "controller.log", environment)
    try:
        _wait_ready(process, f"http://{address}/readyz")
        yield process, f"http://{address}", time.monotonic() - began
    finally:
        process.stop(10)  # it finishes the requests under way


def _wait_ready(process: Process, url: str) -> None:
    end = time.monotonic() + LIMIT
    while True:
        process.check()
        try:
            fetch(url)
        except OSError:
            if time.monotonic() > end:
                raise missed(f"the controller was not ready after {LIMIT:.0f} s") from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def fetch(url: str) -> str:
    """GET a page of the controller; raises OSError for anything but success."""
    # Python would ask a proxy from the environment for 127.0.0.1.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode())


def _version(control_plane: ControlPlane) -> str:
    said = yaml.safe_load(control_plane.kubectl("version", "--output=yaml"))
    return str(said["serverVersion"]["gitVersion"])


def _since(began: float) -> str:
    return duration(time.monotonic() - began)
