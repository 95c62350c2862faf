"""`gitops why` of an Application of 200 Pods that crash: the whole command, from its start to its end."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gitops.api.group import API_VERSION, APPLYSET_GROUP_KINDS_ANNOTATION, APPLYSET_PART_OF_LABEL, KIND
from gitops.core.identity import applyset_id
from tests.bench.bed import HOME, Bed
from tests.bench.result import Found, Measure, Say, at_most, median, spread

_PODS = 200
_ROUNDS = 5
_SPACE = "why"
_NAME = "crashing"
_JSON = "application/json"


def why(bed: Bed, say: Say) -> Found:
    """No controller and no kubelet: what they would have written is set."""
    bed.make_namespace(_SPACE)
    bed.api.request("POST", f"/apis/{API_VERSION}/namespaces/{HOME}/applications", _application(), _JSON)
    bed.api.request("POST", f"/apis/apps/v1/namespaces/{_SPACE}/deployments", _deployment(), _JSON)
    pods = f"/api/v1/namespaces/{_SPACE}/pods"
    bed.wait(lambda: len(bed.api.request("GET", pods)["items"]) == _PODS, 120, f"{_PODS} Pods")
    for pod in bed.api.request("GET", pods)["items"]:
        bed.api.request("PATCH", f"{pods}/{pod['metadata']['name']}/status", {"status": _crashed()})
    bed.settle()
    say(f"why: {_PODS} Pods crash")
    command = [
        sys.executable, "-c", "from gitops.cli.entry import main; main()", "why", f"{HOME}/{_NAME}",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "KUBECONFIG": str(bed.control_plane.kubeconfig),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    seconds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
        if "exit code 3" not in done.stdout or f"{_PODS - 4} more" not in done.stdout:
            raise RuntimeError(f"not the cause: {done.stdout}")
    bed.api.request("DELETE", f"/apis/{API_VERSION}/namespaces/{HOME}/applications/{_NAME}")
    what = f"gitops why of an Application with {_PODS} Pods, the whole command"
    return [Measure(what, median(seconds), "s", at_most(2.0, informative=True), spread(seconds))]


def _application() -> dict[str, Any]:
    annotations = {APPLYSET_GROUP_KINDS_ANNOTATION: "Deployment.apps"}
    source = {"repository": "https://git.example.com/shop.git"}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": _NAME, "annotations": annotations},
        "spec": {"source": source},
    }


def _deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    containers = [{"name": "web", "image": "web:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {APPLYSET_PART_OF_LABEL: applyset_id(HOME, _NAME)}},
        "spec": {
            "replicas": _PODS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


def _crashed() -> dict[str, Any]:
    died = {"exitCode": 3, "reason": "Error"}
    container = {
        "name": "web",
        "image": "web:1",
        "imageID": "",
        "ready": False,
        "restartCount": 7,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": died},
    }
    ready = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
    return {"phase": "Running", "conditions": [ready], "containerStatuses": [container]}
