"""The throw-away control plane behaves as a cluster does, and leaves nothing behind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops.core.problem import GitopsError
from gitops.local import binaries
from gitops.local.controlplane import ControlPlane

Kubectl = Callable[..., str]


def workload(
    kind: str,
    name: str,
    simulate: str = "",
    *,
    claim: str = "",
    restart_policy: str = "Always",
    **spec: object,
) -> str:
    """A Deployment, StatefulSet or Job of one Pod with the fate `simulate`."""
    pod: dict[str, Any] = {
        "metadata": {
            "labels": {"app": name},
            "annotations": {"gitops.dev/simulate": simulate} if simulate else {},
        },
        "spec": {
            "restartPolicy": restart_policy,
            "initContainers": [{"name": "init", "image": "init:1"}],
            "containers": [{"name": "main", "image": "main:1"}],
        },
    }
    if claim:
        pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    selector = {} if kind == "Job" else {"selector": {"matchLabels": {"app": name}}}
    return json.dumps(
        {
            "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": {**selector, "template": pod, **spec},
        }
    )


def create(kubectl: Kubectl, namespace: str, manifest: str) -> None:
    kubectl("create", f"--namespace={namespace}", "--filename=-", input=manifest)


def wait(kubectl: Kubectl, namespace: str, target: str, condition: str) -> None:
    kubectl("wait", target, f"--for={condition}", f"--namespace={namespace}", "--timeout=30s")


def pod_of(kubectl: Kubectl, namespace: str, name: str) -> Any:
    return json.loads(
        kubectl("get", "pods", f"--selector=app={name}", f"--namespace={namespace}", "--output=json")
    )["items"][0]


def container_of(kubectl: Kubectl, namespace: str, name: str) -> Any:
    return pod_of(kubectl, namespace, name)["status"]["containerStatuses"][0]


def test_a_deployment_becomes_available(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, workload("Deployment", "web", replicas=1))
    wait(kubectl, namespace, "deployment/web", "condition=Available")
    pod = pod_of(kubectl, namespace, "web")
    assert pod["spec"]["nodeName"] == "node-0"
    assert pod["status"]["podIP"]
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_a_rollout_replaces_the_pods(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, workload("Deployment", "web", replicas=3))
    wait(kubectl, namespace, "deployment/web", "condition=Available")
    kubectl("set", "image", "deployment/web", "main=main:2", f"--namespace={namespace}")
    kubectl("rollout", "status", "deployment/web", f"--namespace={namespace}", "--timeout=30s")
    assert container_of(kubectl, namespace, "web")["image"] == "main:2"


def test_a_slow_deployment_takes_about_five_seconds(kubectl: Kubectl, namespace: str) -> None:
    begun = time.monotonic()
    create(kubectl, namespace, workload("Deployment", "web", "slow", replicas=1))
    wait(kubectl, namespace, "deployment/web", "condition=Available")
    assert 4.5 < time.monotonic() - begun < 25


def test_a_stateful_set_gets_its_volume_which_goes_away_with_the_claim(
    kubectl: Kubectl, namespace: str
) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    create(kubectl, namespace, json.dumps(claim))
    create(kubectl, namespace, workload("StatefulSet", "db", claim="data", replicas=1, serviceName="db"))
    wait(kubectl, namespace, "statefulset/db", "jsonpath={.status.readyReplicas}=1")
    volume = kubectl("get", "pvc/data", f"--namespace={namespace}", "--output=jsonpath={.spec.volumeName}")
    kubectl("delete", "statefulset/db", "pvc/data", f"--namespace={namespace}", "--timeout=30s")
    wait(kubectl, namespace, f"pv/{volume}", "delete")


@pytest.mark.parametrize("restart_policy", ["Never", "OnFailure"])
def test_a_job_completes(kubectl: Kubectl, namespace: str, restart_policy: str) -> None:
    create(kubectl, namespace, workload("Job", "migrate", restart_policy=restart_policy))
    wait(kubectl, namespace, "job/migrate", "condition=Complete")


def test_a_job_that_is_to_fail_fails(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, workload("Job", "migrate", "fail", restart_policy="Never", backoffLimit=0))
    wait(kubectl, namespace, "job/migrate", "condition=Failed")


@pytest.mark.parametrize(("simulate", "code", "reason"), [("crash", 1, "Error"), ("oom", 137, "OOMKilled")])
def test_a_crashing_pod_is_in_a_crash_loop(
    kubectl: Kubectl, namespace: str, simulate: str, code: int, reason: str
) -> None:
    create(kubectl, namespace, workload("Deployment", "web", simulate, replicas=1))
    phase = ("get", "pods", f"--namespace={namespace}", "--output=jsonpath={.items[0].status.phase}")
    settle(lambda: kubectl(*phase), "Running")
    container = container_of(kubectl, namespace, "web")
    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert container["lastState"]["terminated"]["exitCode"] == code
    assert container["lastState"]["terminated"]["reason"] == reason
    assert container["restartCount"] == 1
    assert not container["ready"]
    time.sleep(12)
    assert container_of(kubectl, namespace, "web")["restartCount"] == 2


def test_an_image_that_is_not_there_keeps_the_pod_pending(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, workload("Deployment", "web", "image-pull", replicas=1))
    reason = "{.items[0].status.containerStatuses[0].state.waiting.reason}"
    settle(
        lambda: kubectl("get", "pods", f"--namespace={namespace}", f"--output=jsonpath={reason}"),
        "ImagePullBackOff",
    )
    assert pod_of(kubectl, namespace, "web")["status"]["phase"] == "Pending"


def test_a_pod_that_is_not_ready_runs_and_stays_unready(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, workload("Deployment", "web", "not-ready", replicas=1))
    settle(
        lambda: kubectl(
            "get", "pods", f"--namespace={namespace}", "--output=jsonpath={.items[0].status.phase}"
        ),
        "Running",
    )
    time.sleep(1)
    conditions = pod_of(kubectl, namespace, "web")["status"]["conditions"]
    assert {c["type"]: c["status"] for c in conditions}["Ready"] == "False"
    assert "running" in container_of(kubectl, namespace, "web")["state"]


def settle(observe: Callable[[], str], expected: str) -> None:
    """Wait until `observe` gives `expected`; kubectl fails as long as there is nothing to look at."""
    end = time.monotonic() + 30
    seen = ""
    while seen != expected:
        assert time.monotonic() < end, f"{seen!r} instead of {expected!r}"
        time.sleep(0.1)
        try:
            seen = observe()
        except GitopsError as error:
            seen = str(error)


def test_a_namespace_goes_away_with_what_is_in_it(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, workload("Deployment", "web", replicas=2))
    wait(kubectl, namespace, "deployment/web", "condition=Available")
    kubectl("delete", "namespace", namespace, "--timeout=60s")
    assert kubectl("get", "namespace", namespace, "--ignore-not-found") == ""


def test_a_user_and_a_service_account_may_do_what_rbac_says(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    user = f"--kubeconfig={control_plane.kubeconfig_for('ann', ['readers'])}"
    robot = f"--kubeconfig={control_plane.service_account_kubeconfig(namespace, 'default')}"
    for who in (user, robot):
        with pytest.raises(GitopsError, match="forbidden"):
            kubectl("get", "secrets", f"--namespace={namespace}", who)
    here = f"--namespace={namespace}"
    kubectl("create", "role", "look", "--verb=list", "--resource=secrets", here)
    kubectl("create", "rolebinding", "users", "--role=look", "--group=readers", here)
    kubectl("create", "rolebinding", "robots", "--role=look", f"--serviceaccount={namespace}:default", here)
    for who in (user, robot):
        settle(lambda who=who: kubectl("get", "secrets", here, "--output=name", who), "")  # type: ignore[misc]
        with pytest.raises(GitopsError, match="forbidden"):
            kubectl("get", "configmaps", here, who)


def test_every_namespace_gets_the_root_certificate_alone(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    wait(kubectl, namespace, "configmap/kube-root-ca.crt", "create")
    published = kubectl(
        "get", "configmap/kube-root-ca.crt", f"--namespace={namespace}", r"--output=jsonpath={.data.ca\.crt}"
    )
    assert published.count("BEGIN CERTIFICATE") == 1
    assert published.strip() == control_plane.ca_file.read_text().strip()


def test_pod_security_is_enforced(kubectl: Kubectl, namespace: str) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    with pytest.raises(GitopsError, match="violates PodSecurity"):
        kubectl("run", "web", "--image=main:1", f"--namespace={namespace}")


def test_the_audit_log_tells_who_asked_for_what(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "seen", f"--namespace={namespace}")
    assert control_plane.audit_log is not None
    lines = [json.loads(line) for line in control_plane.audit_log.read_text().splitlines()]
    (entry,) = (
        line
        for line in lines
        if line["verb"] == "create"
        and line.get("objectRef", {}).get("namespace") == namespace
        and line["objectRef"].get("name") == "seen"
    )
    assert entry["user"]["username"] == "admin"
    assert "requestObject" not in entry
    # A request whose token nobody knows has no user.
    assert {"kwok", "system:kube-scheduler"} <= {line["user"].get("username") for line in lines}


def test_an_account_that_is_not_there_is_an_error_that_says_so(control_plane: ControlPlane) -> None:
    with pytest.raises(GitopsError, match=r"nobody.* not found"):
        control_plane.service_account_kubeconfig("default", "nobody")


def test_nothing_is_left_after_a_stop_but_the_logs(control_plane: ControlPlane, tmp_path: Path) -> None:
    with ControlPlane.start(tmp_path, scheduler=False, kwok=False) as second:
        pids = second.pids
        assert set(pids) == {"etcd", "kube-apiserver", "kube-controller-manager"}
        data = Path(argument(pids["etcd"], "--data-dir=")).parent
        assert data.is_dir()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert not data.exists()
    assert (tmp_path / "logs/kube-apiserver.log").stat().st_size > 0


def argument(pid: int, prefix: str) -> str:
    """The value of a program's argument, from its command line."""
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return next(text.removeprefix(prefix) for text in arguments if text.startswith(prefix))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a death signal")
def test_all_programs_die_with_a_parent_that_is_killed(control_plane: ControlPlane, tmp_path: Path) -> None:
    script = f"""
import json, time
from pathlib import Path
from gitops.local.controlplane import ControlPlane
print(json.dumps(ControlPlane.start(Path({str(tmp_path)!r})).pids), flush=True)
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        assert len(pids) == 5
        parent.kill()
    end = time.monotonic() + 10
    while left := [name for name, pid in pids.items() if runs(pid)]:
        assert time.monotonic() < end, f"{left} live on"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended, but isn't buried yet, doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_that_cannot_start_is_reported_with_its_own_words(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("etcd", "kube-controller-manager"):
        (tmp_path / name).symlink_to(control_plane.binaries[name])
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho 'unknown flag: --cert-dir'\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(
        GitopsError, match=r"kube-apiserver ended with code 1[^\n]*\nunknown flag: --cert-dir"
    ):
        ControlPlane.start(tmp_path / "folder")


def test_two_processes_that_want_the_same_program_build_it_once(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Kustomize, since it is the smallest; `control_plane` because it says whether builds work here."""
    script = """
from gitops.local.binaries import ensure
from gitops.local.progress import Printed
print(ensure(["kustomize"], Printed())["kustomize"])
"""
    unfit = tmp_path / "kustomize"
    unfit.write_text("#!/bin/sh\necho v4.5.7\n")
    unfit.chmod(0o755)
    usual_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    environment = {
        "GOCACHE": str(Path(usual_cache, "go-build")),  # else XDG_CACHE_HOME would move that too
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "XDG_CACHE_HOME": str(tmp_path),
        "PATH": os.pathsep.join([str(tmp_path), os.environ["PATH"]]),
    }
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    programs = {Path(output[0].strip()) for output in outputs}
    assert len(programs) == 1, outputs
    (program,) = programs
    version = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("v5.8.2")
    assert all("1 of 1: built kustomize" in output[1] for output in outputs)
    assert {path.name for path in program.parent.iterdir()} == {
        "kustomize",
        "kustomize.lock",
        "kustomize.log",
    }


def test_the_pinned_programs_say_their_versions(control_plane: ControlPlane) -> None:
    assert control_plane.kubectl("version").count("v1.37.2") == 2
    paths = binaries.ensure(["kubectl"], lambda step: pytest.fail(str(step)))
    assert paths["kubectl"] == control_plane.binaries["kubectl"]
