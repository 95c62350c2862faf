"""`gitops why` on the real API server: workloads in each kind of trouble, told by their root cause."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from gitops.core.model import ObjectKey
from gitops.core.why.diagnose import diagnose
from gitops.core.why.model import Cause, Depth
from gitops.kube.client import Access, Client
from gitops.kube.discovery import discover
from gitops.kube.why import gather
from tests.support.cluster import STRATEGIC, Cluster, Obj, path_of
from tests.support.command import Command
from tests.support.manifests import config_map, deployment, running, thing
from tests.support.wait import wait_for

SPACE = "why"


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Cluster:
    """A namespace in which nobody else makes or changes Pods: their node doesn't exist."""
    cluster.create(thing("v1", "Namespace", SPACE))
    cluster.create(thing("v1", "ServiceAccount", "plain", SPACE))
    return cluster


def ask(cluster: Cluster, *keys: ObjectKey) -> tuple[Cause, ...]:
    """The causes, from the API server as it is now."""

    async def work() -> tuple[Cause, ...]:
        client = await Client.connect(Access(cluster.control_plane.kubeconfig))
        try:
            world = await gather(client, await discover(client), keys, logs=True)
        finally:
            await client.close()
        return diagnose(keys, world)

    return asyncio.run(work())


def status(cluster: Cluster, obj: Obj, **parts: Any) -> None:
    """Set it, as the kubelet or a controller would."""
    code, answer = cluster.request(
        "PATCH", f"{path_of(obj)}/status", {"status": parts}, content_type=STRATEGIC, manager="kubelet"
    )
    assert code == 200, answer


def event(cluster: Cluster, about: Obj, reason: str, message: str, kind: str = "Warning") -> None:
    metadata = about["metadata"]
    ref = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "namespace": SPACE,
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
    }
    cluster.create(
        thing(
            "v1",
            "Event",
            f"{metadata['name']}.{reason.lower()}",
            SPACE,
            involvedObject=ref,
            reason=reason,
            message=message,
            type=kind,
            lastTimestamp="2026-01-01T00:00:00Z",
        )
    )


def pod(cluster: Cluster, name: str, *, owner: Obj | None = None, node: str = "nowhere", **spec: Any) -> Obj:
    container = {"name": "web", "image": "web:1", "resources": {"limits": {"memory": "64Mi"}}}
    metadata: Obj = {"labels": {"app": name}}
    if owner:
        metadata["ownerReferences"] = [owned_by(owner)]
    full = {
        "containers": [container],
        "serviceAccountName": "plain",
        "automountServiceAccountToken": False,
        **({"nodeName": node} if node else {}),
        **spec,
    }
    return cluster.create(thing("v1", "Pod", name, SPACE, metadata=metadata, spec=full))


def owned_by(owner: Obj) -> Obj:
    named = {name: owner["metadata"][name] for name in ("name", "uid")}
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True, **named}


def waiting(reason: str, message: str = "", **more: Any) -> Obj:
    return {"name": "web", "image": "web:1", "imageID": "", "ready": False, "restartCount": 0} | {
        "state": {"waiting": {"reason": reason, "message": message}},
        **more,
    }


def ended(code: int, reason: str = "Error", message: str = "") -> Obj:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def first(cluster: Cluster, obj: Obj, identity: str, *words: str, depth: Depth = Depth.ROOT) -> Cause:
    group = obj["apiVersion"].rpartition("/")[0]
    key = ObjectKey(group, obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    found = ask(cluster, key)
    assert [one.id for one in found][:1] == [identity], found
    said = f"{found[0].sentence} {[one.text for one in found[0].evidence]}"
    assert all(word in said for word in words), said
    assert found[0].depth is depth
    return found[0]


CONTAINERS: dict[str, tuple[str, Mapping[str, Any], tuple[str, str] | None, tuple[str, ...]]] = {
    "a program that crashes": (
        "crash",
        waiting("CrashLoopBackOff", restartCount=4, lastState=ended(3, message="no database at db:5432")),
        None,
        ("container web ends with exit code 3", "4 restarts", "no database at db:5432"),
    ),
    "too little memory": (
        "oom-killed",
        waiting("CrashLoopBackOff", restartCount=2, lastState=ended(137, "OOMKilled")),
        None,
        ("its memory limit of 64Mi",),
    ),
    "a tag that is not there": (
        "image-not-found",
        waiting("ImagePullBackOff", 'Back-off pulling image "web:1"'),
        ("Failed", 'Failed to pull image "web:1": rpc error: code = NotFound desc = web:1: not found'),
        ("web:1", "no such image or tag"),
    ),
    "a registry that wants credentials": (
        "image-no-credentials",
        waiting("ErrImagePull", "failed to authorize: 401 Unauthorized"),
        None,
        ("the Pod names no imagePullSecrets",),
    ),
    "a ConfigMap that is missing": (
        "missing-configmap",
        waiting("CreateContainerConfigError", 'configmap "settings" not found'),
        None,
        ("ConfigMap settings",),
    ),
    "a Secret that is missing": (
        "missing-secret",
        waiting("CreateContainerConfigError", 'secret "login" not found'),
        None,
        ("Secret login",),
    ),
    "a key that is missing": (
        "missing-key",
        waiting("CreateContainerConfigError", f"couldn't find key port in ConfigMap {SPACE}/settings"),
        None,
        ("ConfigMap settings has no key port",),
    ),
    "a command that is missing": (
        "command-not-found",
        waiting(
            "CrashLoopBackOff",
            restartCount=1,
            lastState=ended(128, "StartError", 'exec: "servr": executable file not found in $PATH'),
        ),
        None,
        ("the command servr can't be run",),
    ),
    "a readiness probe that fails": (
        "readiness-probe",
        waiting("") | {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}},
        ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
        ("statuscode: 503",),
    ),
    "a liveness probe that kills": (
        "liveness-probe",
        waiting("CrashLoopBackOff", restartCount=5, lastState=ended(137)),
        ("Unhealthy", "Liveness probe failed: Get http://10.0.0.1/: context deadline exceeded"),
        ("container web fails its liveness probe", "deadline exceeded"),
    ),
}


@pytest.mark.parametrize("case", CONTAINERS)
def test_a_container_that_does_not_run(space: Cluster, case: str) -> None:
    identity, container, told, words = CONTAINERS[case]
    made = pod(space, case.replace(" ", "-").lower())
    phase = "Running" if "running" in str(container["state"]) or container["restartCount"] else "Pending"
    ready = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
    status(space, made, phase=phase, conditions=[ready], containerStatuses=[container])
    if told:
        event(space, made, *told)
    cause = first(space, made, identity, *words)
    assert all("kubectl" in one.command for one in cause.evidence)
    assert all(one.log for one in cause.evidence if "database" in one.text)


def test_an_init_container_that_fails_is_named(space: Cluster) -> None:
    made = pod(space, "init", initContainers=[{"name": "migrate", "image": "web:1"}])
    failing = waiting("CrashLoopBackOff", restartCount=2, lastState=ended(1)) | {"name": "migrate"}
    status(
        space,
        made,
        phase="Pending",
        initContainerStatuses=[failing],
        containerStatuses=[waiting("PodInitializing")],
    )
    first(space, made, "init-container-failed", "init container migrate ends with exit code 1")


SCHEDULER = {
    "unschedulable-resources": "0/3 nodes are available: 3 Insufficient cpu. preemption: not helpful.",
    "unschedulable-taint": "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint "
    "{gpu: yes}. preemption: 0/3 nodes are available.",
    "unschedulable-affinity": "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
}


@pytest.mark.parametrize("identity", SCHEDULER)
def test_a_pod_without_a_node(space: Cluster, identity: str) -> None:
    made = pod(space, identity, node="", schedulerName="nobody")
    told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    status(space, made, phase="Pending", conditions=[told | {"message": SCHEDULER[identity]}])
    first(space, made, identity, "of 3")


def test_an_unbound_claim_leads_to_the_reason_why_it_is_not_bound(space: Cluster) -> None:
    wanted = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    }
    claim = space.create(thing("v1", "PersistentVolumeClaim", "data", SPACE, spec=wanted))
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    made = pod(space, "stateful", node="", schedulerName="nobody", volumes=volumes)
    told = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": told}
    status(space, made, phase="Pending", conditions=[unscheduled])
    cause = first(space, made, "claim-class-missing", "there is no StorageClass fast")
    assert cause.key.name == "data"
    first(space, claim, "claim-class-missing")
    space.create(
        thing(
            "storage.k8s.io/v1",
            "StorageClass",
            "fast",
            provisioner="example.org/fast",
            volumeBindingMode="WaitForFirstConsumer",
        )
    )
    assert ask(space, ObjectKey("", "PersistentVolumeClaim", SPACE, "data"))[0].depth is not Depth.ROOT


def test_a_volume_that_can_not_be_mounted(space: Cluster) -> None:
    made = pod(space, "mounting", volumes=[{"name": "tls", "secret": {"secretName": "web-tls"}}])
    status(space, made, phase="Pending", containerStatuses=[waiting("ContainerCreating")])
    event(
        space, made, "FailedMount", 'MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found'
    )
    first(space, made, "missing-secret", "the Secret web-tls, which volume tls uses")


def test_an_evicted_pod(space: Cluster) -> None:
    made = pod(space, "evicted")
    status(space, made, phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    first(space, made, "evicted", "low on resource: memory")


def hard(**limits: Any) -> Obj:
    return thing("v1", "ResourceQuota", "small", spec={"hard": limits})


REFUSED: dict[str, tuple[Obj | None, Mapping[str, str], Mapping[str, Any], str]] = {
    "quota-exceeded": (hard(pods="0"), {}, {}, "the ResourceQuota small"),
    "limit-range": (
        thing(
            "v1", "LimitRange", "bounds", spec={"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}
        ),
        {},
        {"containers": [{"name": "web", "image": "web:1", "resources": {"limits": {"memory": "2Gi"}}}]},
        "memory per Container: 1Gi",
    ),
    "pod-security": (None, {"pod-security.kubernetes.io/enforce": "restricted"}, {}, "restricted"),
    "missing-service-account": (None, {}, {"serviceAccountName": "ghost"}, "ServiceAccount ghost"),
}


def test_pods_that_may_not_be_made_are_told_with_who_refuses_them(cluster: Cluster) -> None:
    for identity, (bound, labels, _, _) in REFUSED.items():
        cluster.create(thing("v1", "Namespace", identity, metadata={"labels": dict(labels)}))
        if bound:
            cluster.create({**bound, "metadata": {**bound["metadata"], "namespace": identity}})
    wait_for(lambda: counts(cluster, "quota-exceeded"), "the quota counts")
    for identity, (_, _, spec, _) in REFUSED.items():
        made = deployment("web", replicas=1)
        made["spec"]["template"]["spec"].update(spec)
        cluster.create({**made, "metadata": {"name": "web", "namespace": identity}})
    for identity, (_, _, _, words) in REFUSED.items():
        web = wait_for(partial(failing, cluster, identity), f"{identity}: it says that it can't")
        first(cluster, web, identity, words)


def counts(cluster: Cluster, namespace: str) -> bool:
    return "hard" in cluster.get("v1", "ResourceQuota", namespace, "small").get("status", {})


def failing(cluster: Cluster, namespace: str) -> Obj | None:
    one = cluster.get("apps/v1", "Deployment", namespace, "web")
    found = one.get("status", {}).get("conditions", [])
    return one if any(condition["type"] == "ReplicaFailure" for condition in found) else None


def test_a_job_that_was_given_up_and_a_cron_job_that_piles_up(space: Cluster) -> None:
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "web", "image": "web:1"}]},
        "metadata": {"labels": {"app": "nightly"}},
    }
    job = space.create(
        thing("batch/v1", "Job", "nightly", SPACE, spec={"suspend": True, "template": template})
    )
    failed = pod(space, "nightly-x", owner=job, restartPolicy="Never")
    dead = waiting("") | {"state": ended(2)}
    status(space, failed, phase="Failed", containerStatuses=[dead])
    cause = first(space, job, "crash", "exit code 2", depth=Depth.ROOT)
    assert cause.key.name == "nightly-x"
    schedule = {"schedule": "* * * * *", "suspend": True, "jobTemplate": {"spec": {"template": template}}}
    cron = space.create(thing("batch/v1", "CronJob", "often", SPACE, spec=schedule))
    jobs = [
        space.create(
            thing(
                "batch/v1",
                "Job",
                f"often-{number}",
                SPACE,
                metadata={"ownerReferences": [owned_by(cron)]},
                spec={"suspend": True, "template": template},
            )
        )
        for number in range(3)
    ]
    refs = [{"name": one["metadata"]["name"], "uid": one["metadata"]["uid"]} for one in jobs]
    status(space, cron, active=[{"kind": "Job", "namespace": SPACE, **ref} for ref in refs])
    first(space, cron, "cronjob-piling-up", "3 run at once")


def test_a_rollout_that_is_stuck_is_told_by_its_new_pods(cluster: Cluster, command: Command) -> None:
    cluster.create(thing("v1", "Namespace", "rollout"))
    made = running("shop", "crash", replicas=2)
    made["spec"]["progressDeadlineSeconds"] = 2
    web = cluster.create({**made, "metadata": {"name": "shop", "namespace": "rollout"}})
    wait_for(partial(is_late, cluster, web), "the rollout is late", timeout=60)
    done = command("why", "deploy/shop", "-n", "rollout")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert "Deployment rollout/shop is Degraded" in lines[0]
    assert lines[2].startswith("Pod rollout/shop-")
    assert "crashes: container web ends with exit code" in lines[2]
    assert "the same: shop-" in done.out
    assert " -c web -n rollout --previous" in done.out
    assert "gets no further with its rollout" in done.out
    told = command("why", "deployments/shop", "-n", "rollout", "-o", "json").data
    assert [one["id"] for one in told["causes"]][:2] == ["crash", "rollout-stuck"]
    assert told["health"] == "Degraded"


def is_late(cluster: Cluster, web: Obj) -> bool:
    space = web["metadata"]["namespace"]
    pods = cluster.list("v1", "Pod", space)
    deaths = [one for one in pods if "CrashLoopBackOff" in str(one.get("status"))]
    told = str(cluster.get("apps/v1", "Deployment", space, "shop").get("status"))
    return len(deaths) == 2 and "ProgressDeadlineExceeded" in told


def test_what_is_well_or_not_there_is_said(space: Cluster, command: Command) -> None:
    space.create({**config_map("fine"), "metadata": {"name": "fine", "namespace": SPACE}})
    done = command("why", "configmap/fine", "-n", SPACE)
    assert (done.code, done.out.splitlines()[1]) == (0, "nothing wrong found; looked at: ConfigMap, Event")
    missing = command("why", "configmap/none", "-n", SPACE)
    assert missing.code == 2
    assert "no ConfigMap why/none" in missing.err


def test_what_may_be_got_but_not_listed_is_not_called_well(space: Cluster, command: Command) -> None:
    pod(space, "seen")
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    space.create(thing("rbac.authorization.k8s.io/v1", "Role", "getter", SPACE, rules=rules))
    subjects = [{"kind": "User", "name": "getter", "apiGroup": "rbac.authorization.k8s.io"}]
    ref = {"kind": "Role", "name": "getter", "apiGroup": "rbac.authorization.k8s.io"}
    binding = thing("rbac.authorization.k8s.io/v1", "RoleBinding", "getter", SPACE)
    space.create({**binding, "roleRef": ref, "subjects": subjects})
    getter = space.control_plane.kubeconfig_for("getter")
    done = command("why", "pod/seen", "-n", SPACE, kubeconfig=getter)
    assert done.code == 0, done.err
    assert done.out.startswith("? Pod why/seen is Unknown")
    assert "could not be read" in done.out
    assert "not looked at: Pod" in done.out
