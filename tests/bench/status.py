"""`gitops status` of 1,000 Applications: the whole command, from its start to its end."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gitops.api.group import API_VERSION, KIND
from tests.bench.bed import HOME, Bed
from tests.bench.result import Found, Measure, Say, at_most, median, spread

_APPLICATIONS = 1000
_ROUNDS = 5
_NOW = "2026-01-02T03:04:05Z"
_COLLECTION = f"/apis/{API_VERSION}/namespaces/{HOME}/applications"


def status(bed: Bed, say: Say) -> Found:
    """No controller: the Applications have the status that one would have written, ten syncs included."""
    for number in range(_APPLICATIONS):
        _make(bed, number)
    bed.settle()
    say(f"status: {_APPLICATIONS} Applications are there")
    ours = [sys.executable, "-c", "from gitops.cli.entry import main; main()", "status"]
    kubectl = [str(bed.control_plane.binaries["kubectl"]), "get", "applications", "--all-namespaces"]
    seconds: list[float] = []
    reference: list[float] = []
    for _ in range(_ROUNDS):
        seconds.append(_timed(bed, ours))
        reference.append(_timed(bed, kubectl))
    bed.api.request("DELETE", _COLLECTION)
    what = f"gitops status of {_APPLICATIONS} Applications, the whole command"
    shown = f"{spread(seconds)}, kubectl get {spread(reference)}"
    return [Measure(what, median(seconds), "s", at_most(1.0, informative=True), shown)]


def _make(bed: Bed, number: int) -> None:
    name = f"looked-at-{number:04d}"
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {"source": {"repository": "https://git.example.com/shop.git", "path": f"deploy/{name}"}},
    }
    bed.api.request("POST", _COLLECTION, document, "application/json")
    bed.api.request("PATCH", f"{_COLLECTION}/{name}/status", {"status": _status(number)})


def _status(number: int) -> dict[str, Any]:
    sha = f"{number:040x}"
    fine = number % 50 > 0
    conditions = [
        {
            "type": kind,
            "status": str(fine),
            "reason": good if fine else bad,
            "message": f"applied revision {sha[:7]}"
            if fine
            else "Deployment.apps shop/web: 0 of 3 available",
            "lastTransitionTime": _NOW,
        }
        for kind, good, bad in (
            ("Ready", "Succeeded", "Degraded"),
            ("Synced", "Synced", "Progressing"),
            ("Healthy", "Healthy", "Degraded"),
        )
    ]
    history = [
        {"revision": f"{number + age:040x}", "at": _NOW, "result": "Succeeded", "trigger": "revision"}
        for age in range(10)
    ]
    return {
        "conditions": conditions,
        "revision": {"attempted": sha, "applied": sha, "short": sha[:7], "appliedAt": _NOW},
        "objects": {"total": 12, "synced": 12, "healthy": 12, "drifted": 0},
        "history": history,
    }


def _timed(bed: Bed, command: Sequence[str]) -> float:
    environment = {
        **os.environ,
        "KUBECONFIG": str(bed.control_plane.kubeconfig),
        "KUBECACHEDIR": str(bed.folder / "kubectl-cache"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    took = time.perf_counter() - began
    rows = len(done.stdout.splitlines()) - 1
    if rows != _APPLICATIONS:
        raise RuntimeError(f"{command}: {rows} rows instead of {_APPLICATIONS}")
    return took
