"""The programs of the control plane: which ones, where they are found, and how they come to be."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitops.core.problem import Blame
from gitops.local import toolchain
from gitops.local.progress import Progress, Step
from gitops.local.trouble import tail, unavailable

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Module:
    """A folder with a go.mod below tests/controlplane; `variables` are set by the linker."""

    folder: str
    variables: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        return ("-trimpath", "-ldflags", " ".join(["-s -w", *(f"-X {v}" for v in self.variables)]))


@dataclass(frozen=True, slots=True)
class Tool:
    """A program; `in_assets` says that $KUBEBUILDER_ASSETS may hold it.

    `fits` says of a version from PATH whether it will do; None: PATH isn't asked.
    """

    name: str
    module: Module
    package: str
    in_assets: bool = False
    fits: Callable[[tuple[int, ...]], bool] | None = None


# Without these `/version` is not a version, and kubectl and Helm refuse or complain.
_KUBERNETES = Module(
    "kubernetes",
    tuple(
        f"k8s.io/component-base/version.{name}={value}"
        for name, value in (
            ("gitVersion", "v1.37.2"),
            ("gitMajor", "1"),
            ("gitMinor", "37"),
            ("gitCommit", "unknown"),
            ("gitTreeState", "clean"),
            ("buildDate", "1970-01-01T00:00:00Z"),
        )
    ),
)
_HELM = Module("helm", ("helm.sh/helm/v4/internal/version.version=v4.3.1",))

TOOLS = {
    tool.name: tool
    for tool in (
        Tool("etcd", _KUBERNETES, "go.etcd.io/etcd/server/v3", in_assets=True),
        Tool("kube-apiserver", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver", in_assets=True),
        Tool(
            "kube-controller-manager",
            _KUBERNETES,
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            in_assets=True,
        ),
        Tool("kube-scheduler", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-scheduler"),
        Tool("kubectl", _KUBERNETES, "k8s.io/kubernetes/cmd/kubectl", in_assets=True),
        Tool("kwok", Module("kwok"), "sigs.k8s.io/kwok/cmd/kwok"),
        Tool(
            "kustomize",
            Module("kustomize"),
            "sigs.k8s.io/kustomize/kustomize/v5",
            fits=lambda version: version[:1] == (5,),
        ),
        # 3.18 is the oldest Helm 3 that renders charts as the supported Helm 4 does.
        Tool(
            "helm",
            _HELM,
            "helm.sh/helm/v4/cmd/helm",
            fits=lambda version: version[:1] == (4,) or (3, 18) <= version < (4,),
        ),
    )
}


def ensure(names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """Give the path of each named tool; build what is neither on this machine nor in its cache.

    Raises GitopsError when something has to be built and can't be: no Go, no network, no pins.
    """
    wanted = [TOOLS[name] for name in dict.fromkeys(names)]
    found = {tool.name: _find(tool) for tool in wanted}
    missing = [tool for tool in wanted if found[tool.name] is None]
    for position, tool in enumerate(missing, start=1):
        found[tool.name] = _build(tool, Step(tool.name, position, len(missing)), progress)
    return {name: path for name, path in found.items() if path is not None}


def _find(tool: Tool) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and tool.in_assets and (path := Path(assets, tool.name).absolute()).is_file():
        return path
    if tool.fits and (on_path := shutil.which(tool.name)) and tool.fits(_version(on_path)):
        return Path(on_path)
    cached = _target(tool)
    return cached if cached.is_file() else None


def _version(program: str) -> tuple[int, ...]:
    """Ask Helm or Kustomize; both print a `v5.8.2` somewhere in what `version` says."""
    result = subprocess.run([program, "version"], capture_output=True, text=True, check=False)
    match = re.search(r"\bv(\d+(?:\.\d+)*)", result.stdout)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def cache_folder() -> Path:
    """Where built programs are kept, for all checkouts of this user."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "gitops" / "controlplane"


def _source(module: Module) -> Path:
    """The module's folder: in an installed package it is package data, else in the checkout."""
    here = Path(__file__).resolve()
    for root in (here.parent / "controlplane", here.parents[2] / "tests" / "controlplane"):
        folder = root / module.folder
        if (folder / "go.mod").is_file():
            return folder
    raise unavailable(
        f"the pinned Go module {module.folder} is not here",
        "run from a complete checkout, or reinstall the package",
        Blame.OURSELVES,
    )


def _target(tool: Tool) -> Path:
    """A place that changes when the pins or the flags do, so that no stale program is used."""
    source = _source(tool.module)
    digest = hashlib.sha256()
    for part in ((source / "go.mod").read_bytes(), (source / "go.sum").read_bytes()):
        digest.update(len(part).to_bytes(8) + part)
    digest.update("\0".join(tool.module.flags).encode())
    return cache_folder() / digest.hexdigest()[:16] / tool.name


def _build(tool: Tool, step: Step, progress: Progress) -> Path:
    target = _target(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()

    def report() -> None:
        progress(step.after(time.monotonic() - begun))

    report()
    with _locked(target.with_name(f"{tool.name}.lock"), report):
        if not target.is_file():
            _go_build(tool, target, report)
    progress(step.after(time.monotonic() - begun, done=True))
    return target


def _go_build(tool: Tool, target: Path, report: Callable[[], None]) -> None:
    source = _source(tool.module)
    go = toolchain.find(toolchain.needed_by(source), cache_folder())
    unfinished = target.with_name(f"{tool.name}.unfinished")
    log = target.with_name(f"{tool.name}.log")
    command = [str(go), "build", *tool.module.flags, "-o", str(unfinished), tool.package]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=source,
            env=toolchain.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                report()
                time.sleep(_POLL_SECONDS)
        finally:
            process.terminate()  # does nothing unless we are leaving early, on Ctrl-C
            process.wait()
    if process.returncode != 0:
        raise unavailable(
            f"building {tool.name} failed:\n{tail(log)}",
            "if it is the download of modules that failed, look at the network and at GOPROXY; "
            "or set KUBEBUILDER_ASSETS to a folder with the programs",
        )
    unfinished.rename(target)


@contextmanager
def _locked(path: Path, report: Callable[[], None]) -> Iterator[None]:
    """Hold a file lock; a second checkout waits here and then finds the program built."""
    with path.open("wb") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report()
                time.sleep(_POLL_SECONDS)
        yield
