"""The hook that runs before the chart is uninstalled: its rights suffice, and for nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from gitops.local.controlplane import ControlPlane
from tests.integration.chart.support import HOME, IN_POD, ROOT, Helm, requests_of

pytestmark = pytest.mark.usefixtures("installed")
ACCOUNT = f"system:serviceaccount:{HOME}:gitops-release"


def hook(helm: Helm) -> list[dict[str, Any]]:
    text = helm.template("--show-only=templates/release-hook.yaml")
    return [document for document in yaml.safe_load_all(text) if document]


def run_job(cluster: ControlPlane, job: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """The Job's command as a process, with its account's token."""
    pod = job["spec"]["template"]["spec"]
    kubeconfig = json.loads(cluster.service_account_kubeconfig(HOME, pod["serviceAccountName"]).read_text())
    (folder / "token").write_text(kubeconfig["users"][0]["user"]["token"])
    (folder / "ca.crt").write_text(cluster.ca_file.read_text())
    server = urlsplit(cluster.url)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
    command = [sys.executable, "-P", "-c", IN_POD, str(folder), *pod["containers"][0]["args"]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_hook_stops_the_controller_and_releases_applications_with_the_charts_rights(
    cluster: ControlPlane, helm: Helm, tmp_path: Path
) -> None:
    application = {
        "apiVersion": "gitops.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "held", "namespace": "default", "finalizers": ["gitops.dev/cleanup"]},
        "spec": {"source": {"repository": "https://git.example.com/held.git"}},
    }
    cluster.kubectl("create", "--filename=-", input=json.dumps(application))
    parts = hook(helm)
    (job,) = [one for one in parts if one["kind"] == "Job"]
    others = yaml.safe_dump_all([one for one in parts if one["kind"] != "Job"])
    cluster.kubectl("apply", "--filename=-", input=others)
    try:
        ran = run_job(cluster, job, tmp_path)
        assert (ran.returncode, ran.stderr) == (0, "")
        found = json.loads(cluster.kubectl("get", "application/held", "--output=json"))
        assert "finalizers" not in found["metadata"]
        assert "deletionTimestamp" not in found["metadata"]
        scale = "--output=jsonpath={.spec.replicas}"
        assert cluster.kubectl("get", "deployment/gitops", f"--namespace={HOME}", scale) == "0"
        sent = requests_of(cluster, ACCOUNT)
        assert [one for one in sent if one["responseStatus"]["code"] == 403] == []
        written = {one["objectRef"]["resource"] for one in sent if one["verb"] not in ("get", "list")}
        assert written == {"applications", "deployments"}
    finally:
        cluster.kubectl("delete", "--filename=-", input=others)
        cluster.kubectl("delete", "application/held")
        cluster.kubectl("scale", "deployment/gitops", f"--namespace={HOME}", "--replicas=1")


def test_the_hook_is_gone_after_an_uninstall_and_can_be_left_out(cluster: ControlPlane, helm: Helm) -> None:
    helm.run("uninstall", "gitops", f"--namespace={HOME}", "--wait", "--timeout=60s")
    try:
        for kind in ("jobs", "serviceaccounts", "roles"):
            names = cluster.kubectl("get", kind, f"--namespace={HOME}", "--output=name")
            assert "gitops" not in names
        assert "gitops-release" not in cluster.kubectl("get", "clusterroles", "--output=name")
    finally:
        helm.install()
    assert "pre-delete" not in helm.template("--set", "uninstall.release=false")
