"""`gitops diff` against `kubectl diff --server-side` over 500 objects of which none differs."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.bench.bed import Bed
from tests.bench.command import GITOPS, run
from tests.bench.result import Found, Measure, Say, at_least, spread
from tests.bench.workload import files, mixed

_NAME = "compared"
_BARE = "bare"
_OBJECTS = 500
_ROUNDS = 5


def diff(bed: Bed, say: Say) -> Found:
    """The bare folder holds the same objects in another namespace; no Application reads it.

    kubectl has applied them, so a dry run has to say of each that nothing but its owner would change.
    """
    synced, bare = _synced(bed), _applied(bed)
    bed.settle()
    say("diff: 1,000 objects are there")
    kubectl = _kubectl(bed, "diff")
    commands: dict[str, tuple[Sequence[str], Path]] = {
        "kubectl": ([*kubectl, f"--filename={bare}"], bed.folder),
        "synced": ([*GITOPS, "diff", f"gitops-system/{_NAME}"], bed.folder),
        "bare": ([*GITOPS, "diff", str(bare)], bare),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    servers: dict[str, list[float]] = {name: [] for name in commands}
    codes: dict[str, int] = {}
    for _ in range(_ROUNDS):
        for name, (command, folder) in commands.items():
            before = bed.servers_cpu_seconds()
            took, codes[name] = run(bed, command, folder)
            servers[name].append(bed.servers_cpu_seconds() - before)
            seconds[name].append(took)
        say(", ".join(f"diff: {name} {times[-1]:.2f} s" for name, times in seconds.items()))
    bed.forget(_NAME)
    bed.remove_namespace(synced)
    bed.remove_namespace(_BARE)
    best = {name: min(times) for name, times in seconds.items()}
    cpu = ", ".join(f"{name} {min(times):.2f} s" for name, times in servers.items())
    shown = f"kubectl {spread(seconds['kubectl'])}; CPU of the servers: {cpu}; exit codes {codes}"
    return [
        Measure(
            "gitops diff of a synced Application of 500 objects, times as fast as kubectl diff",
            best["kubectl"] / best["synced"],
            "ratio",
            at_least(5, informative=True),
            f"{spread(seconds['synced'])}, {shown}",
        ),
        Measure(
            "gitops diff of a bare folder, times as fast as kubectl diff",
            best["kubectl"] / best["bare"],
            "ratio",
            at_least(3, informative=True),
            f"{spread(seconds['bare'])}, {shown}",
        ),
    ]


def _synced(bed: Bed) -> str:
    """An Application that has applied everything; its namespace."""
    tree = bed.repository(_NAME)
    sha = tree.commit("all", files(mixed(_OBJECTS, _NAME), _NAME))
    tree.push()
    with bed.controller():
        bed.make_application(_NAME, tree.url, _NAME)
        bed.wait_synced(_NAME, sha)
    return _NAME


def _applied(bed: Bed) -> Path:
    """A folder of manifests outside of any repository, applied by kubectl."""
    for path, text in files(mixed(_OBJECTS, _BARE), _BARE).items():
        (bed.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (bed.folder / path).write_text(text or "")
    folder = bed.folder / _BARE
    applied = subprocess.run(
        [*_kubectl(bed, "apply"), f"--filename={folder}", f"--kubeconfig={bed.control_plane.kubeconfig}"],
        capture_output=True,
        check=False,
    )
    if applied.returncode:
        raise RuntimeError(applied.stderr.decode()[-2000:])
    return folder


def _kubectl(bed: Bed, verb: str) -> list[str]:
    return [str(bed.control_plane.binaries["kubectl"]), verb, "--server-side"]
