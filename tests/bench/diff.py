"""`gitops diff` against `kubectl diff --server-side` over 500 objects of which none differs."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.bed import Bed
from tests.bench.result import Found, Measure, Say, at_least, median, spread
from tests.bench.workload import files, mixed

_NAME = "compared"
_OBJECTS = 500
_ROUNDS = 2


def diff(bed: Bed, say: Say) -> Found:
    """The bare folder holds the same objects in another namespace, applied by kubectl."""
    tree = bed.repository(_NAME)
    sha = tree.commit("all", files(mixed(_OBJECTS, _NAME), _NAME))
    tree.push()
    with bed.controller():
        bed.make_application(_NAME, tree.url, _NAME)
        bed.wait_synced(_NAME, sha)
    folder = tree.folder / _NAME
    bed.settle()
    say("diff: 500 objects are synced")
    kubectl = [str(bed.control_plane.binaries["kubectl"]), "diff", "--server-side", f"--filename={folder}"]
    ours = [sys.executable, "-c", "from gitops.cli.entry import main; main()", "diff"]
    commands = {
        "kubectl": [*kubectl, "--force-conflicts", "--field-manager=gitops.dev/gitops-system/compared"],
        "synced": [*ours, f"gitops-system/{_NAME}"],
        "bare": [*ours, str(folder)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    codes: dict[str, int] = {}
    for _ in range(_ROUNDS):
        for name, command in commands.items():
            took, codes[name] = _timed(bed, command, folder if name == "bare" else bed.folder)
            seconds[name].append(took)
        say(", ".join(f"diff: {name} {times[-1]:.2f} s" for name, times in seconds.items()))
    bed.forget(_NAME)
    bed.remove_namespace(_NAME)
    reference = median(seconds["kubectl"])
    shown = f"kubectl {spread(seconds['kubectl'])}"
    return [
        Measure(
            "gitops diff of a synced Application of 500 objects, times as fast as kubectl diff",
            reference / median(seconds["synced"]),
            "ratio",
            at_least(5, informative=True),
            f"{spread(seconds['synced'])}, {shown}, exit codes {codes}",
        ),
        Measure(
            "gitops diff of a bare folder, times as fast as kubectl diff",
            reference / median(seconds["bare"]),
            "ratio",
            at_least(3, informative=True),
            f"{spread(seconds['bare'])}, {shown}",
        ),
    ]


def _timed(bed: Bed, command: Sequence[str], folder: Path) -> tuple[float, int]:
    environment = {
        **os.environ,
        "KUBECONFIG": str(bed.control_plane.kubeconfig),
        "KUBECACHEDIR": str(bed.folder / "kubectl-cache"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    took = time.perf_counter() - began
    if done.returncode > 1 and b"error" in done.stderr:
        raise RuntimeError(f"{command}: {done.returncode} {done.stderr.decode()[-2000:]}")
    return took, done.returncode
