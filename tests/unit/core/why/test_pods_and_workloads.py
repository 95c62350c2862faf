"""Why Pods and workloads are stuck, where a cluster for it is hard to have."""

from typing import Any

import pytest

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.why.diagnose import diagnose
from gitops.core.why.model import Cause, Depth, World
from gitops.core.why.scheduling import scheduling_causes
from gitops.core.why.volumes import STORAGE_CLASS, claim_causes
from gitops.core.why.workloads import cron_causes, daemon_causes, job_causes, stateful_causes
from tests.unit.core.why.worlds import Obj, condition, ids, key_of, obj, world

POD = GroupKind("", "Pod")


def container(**state: Any) -> Obj:
    return {"name": "web", "ready": False, "restartCount": 0, **state}


def a_pod(name: str = "web", *, phase: str = "Running", spec: Any = None, **status: Any) -> Obj:
    conditions = [condition("Ready", "False")]
    full = {"phase": phase, "conditions": conditions, **status}
    return obj("v1", "Pod", name, metadata={"uid": name}, spec=spec or {}, status=full)


def of(one: Obj, *others: Obj, **more: Any) -> tuple[Cause, ...]:
    return diagnose([key_of(one)], world(one, *others, **more))


def test_the_last_lines_of_a_crashing_container_are_evidence_and_marked_as_log() -> None:
    crashed = container(
        restartCount=3,
        state={"waiting": {"reason": "CrashLoopBackOff"}},
        lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
    )
    pod = a_pod(containerStatuses=[crashed])
    key = key_of(pod)
    known = World({key: pod}, logs={(key, "web"): ("starting", "no database")}, read=frozenset({(POD, "")}))
    [cause] = diagnose([key], known)
    assert cause.id == "crash"
    assert [one.text for one in cause.evidence if one.log] == ["starting", "no database"]
    assert "database" not in cause.sentence


def test_the_text_that_a_program_left_behind_is_log_and_in_no_sentence() -> None:
    dead = {"exitCode": 1, "reason": "Error", "message": "password is hunter2"}
    crashed = container(restartCount=1, state={"terminated": dead})
    [cause] = of(a_pod(containerStatuses=[crashed]))
    assert "hunter2" not in cause.sentence
    assert [one.log for one in cause.evidence if "hunter2" in one.text] == [True]


def test_a_node_that_does_not_answer_is_named_where_its_pods_look_well() -> None:
    pod = a_pod(spec={"nodeName": "n1"}, containerStatuses=[container(ready=True, state={"running": {}})])
    ready = condition("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    node = obj("v1", "Node", "n1", "", status={"conditions": [ready]})
    [cause] = of(pod, node)
    assert (cause.id, cause.depth) == ("node-not-ready", Depth.ROOT)
    assert "its node n1 is not ready" in cause.sentence


def test_twenty_pods_with_one_trouble_are_one_cause() -> None:
    maker = obj("apps/v1", "ReplicaSet", "web-1", metadata={"uid": "rs"}, spec={"replicas": 20})
    owner = {"uid": "rs", "kind": "ReplicaSet", "name": "web-1", "controller": True}
    dead = container(restartCount=1, state={"terminated": {"exitCode": 1}})
    pods = []
    for number in range(20):
        one = a_pod(f"web-{number}", containerStatuses=[dead])
        one["metadata"]["ownerReferences"] = [owner]
        pods.append(one)
    found = of(maker, *pods)
    assert ids(found) == ["crash", "replicas-unavailable"]
    assert len(found[0].others) == 19


@pytest.mark.parametrize(
    ("said", "identity", "words"),
    [
        ("0/2 nodes are available: 2 Insufficient memory.", "unschedulable-resources", "too little memory"),
        (
            "0/4 nodes are available: 1 node(s) were unschedulable, 3 node(s) had untolerated taint {a: b}",
            "unschedulable-taint",
            "3 of 4 have the taint a: b that it doesn't tolerate",
        ),
        (
            "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
            "unschedulable-anti-affinity",
            "anti-affinity",
        ),
        (
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
            "unschedulable-volume",
            "1 of 1",
        ),
        ("something else entirely", "unschedulable", "something else entirely"),
    ],
)
def test_the_scheduler_is_read_by_what_holds_up_most_nodes(said: str, identity: str, words: str) -> None:
    pod = a_pod(phase="Pending", conditions=[condition("PodScheduled", "False", "Unschedulable", said)])
    [cause] = scheduling_causes(key_of(pod), pod, world())
    assert cause.id == identity
    assert words in cause.sentence


def test_a_claim_that_waits_for_its_first_pod_is_in_order() -> None:
    late = obj(
        "storage.k8s.io/v1",
        "StorageClass",
        "late",
        "",
        provisioner="x",
        volumeBindingMode="WaitForFirstConsumer",
    )
    claim = obj(
        "v1", "PersistentVolumeClaim", "c", spec={"storageClassName": "late"}, status={"phase": "Pending"}
    )
    assert not list(claim_causes(key_of(claim), claim, world(claim, late)))


def test_a_class_is_missing_only_where_classes_could_be_read() -> None:
    claim = obj(
        "v1", "PersistentVolumeClaim", "c", spec={"storageClassName": "fast"}, status={"phase": "Pending"}
    )
    key = key_of(claim)
    assert ids(claim_causes(key, claim, world(claim, read=[STORAGE_CLASS]))) == ["claim-class-missing"]
    assert not list(claim_causes(key, claim, World({key: claim}, unreadable={STORAGE_CLASS: "forbidden"})))


def test_a_cluster_without_a_default_class_is_named() -> None:
    claim = obj("v1", "PersistentVolumeClaim", "c", spec={}, status={"phase": "Pending"})
    assert ids(claim_causes(key_of(claim), claim, world(claim, read=[STORAGE_CLASS]))) == ["claim-no-class"]


def test_a_stateful_set_names_the_pod_that_holds_up_the_others() -> None:
    made = obj("apps/v1", "StatefulSet", "db", spec={"replicas": 3}, status={"readyReplicas": 1})
    first = a_pod("db-0")
    first["status"]["conditions"] = [condition("Ready", "True")]
    [cause] = stateful_causes(key_of(made), made, world(first, a_pod("db-1")))
    assert cause.id == "statefulset-ordinal"
    assert "db-1 is not ready; those after it wait for it" in cause.sentence


def test_a_set_that_waits_for_people_says_so() -> None:
    status = {"currentRevision": "a", "updateRevision": "b", "readyReplicas": 1}
    made = obj(
        "apps/v1",
        "StatefulSet",
        "db",
        spec={"replicas": 1, "updateStrategy": {"type": "OnDelete"}},
        status=status,
    )
    assert ids(stateful_causes(key_of(made), made, world())) == ["update-on-delete"]


def test_a_daemon_set_counts_its_nodes() -> None:
    made = obj("apps/v1", "DaemonSet", "log", status={"desiredNumberScheduled": 3, "numberReady": 1})
    [cause] = daemon_causes(key_of(made), made, world())
    assert "1 of 3 nodes" in cause.sentence


def test_jobs_and_cron_jobs_say_why_they_stopped() -> None:
    late = condition("Failed", "True", "DeadlineExceeded", "Job was active longer than specified deadline")
    job = obj("batch/v1", "Job", "j", spec={"activeDeadlineSeconds": 5}, status={"conditions": [late]})
    assert ids(job_causes(key_of(job), job, world())) == ["job-deadline"]
    given_up = condition("Failed", "True", "BackoffLimitExceeded", "too often")
    job = obj("batch/v1", "Job", "j", status={"failed": 7, "conditions": [given_up]})
    [cause] = job_causes(key_of(job), job, world())
    assert (cause.id, "7 times" in cause.sentence) == ("job-backoff-limit", True)
    cron = obj("batch/v1", "CronJob", "c", spec={"suspend": True, "concurrencyPolicy": "Forbid"})
    cron["status"] = {"active": [{"name": "c-1"}]}
    assert ids(cron_causes(key_of(cron), cron, world())) == ["cronjob-suspended", "cronjob-blocked"]


def test_what_no_rule_knows_is_told_in_its_own_words_with_its_events() -> None:
    odd = obj(
        "example.org/v1",
        "Widget",
        "w",
        status={"conditions": [condition("Ready", "False", "Broken", "it broke")]},
    )
    key = ObjectKey("example.org", "Widget", "shop", "w")
    told = World({key: odd}, {key: ({"type": "Warning", "reason": "Bad", "message": "no oil"},)})
    [cause] = diagnose([key], told)
    assert "it broke" in cause.sentence
    assert cause.evidence[0].text == "Event: Bad: no oil"


def probe(message: str, container: str = "web") -> Obj:
    return {"message": message, "involvedObject": {"fieldPath": f"spec.containers{{{container}}}"}}


def of_events(pod: Obj, *events: Obj) -> Cause:
    key = key_of(pod)
    return diagnose([key], World({key: pod}, {key: events}))[0]


def test_what_a_probe_printed_is_log_and_in_no_sentence() -> None:
    running = a_pod(containerStatuses=[container(state={"running": {}})])
    cause = of_events(running, probe("Readiness probe failed: wrong password hunter2"))
    assert cause.id == "readiness-probe"
    assert "hunter2" not in cause.sentence
    assert [one.log for one in cause.evidence if "hunter2" in one.text] == [True]
    told = of_events(running, probe("Readiness probe failed: HTTP probe failed with statuscode: 503"))
    assert "statuscode: 503" in told.sentence


def test_a_probe_of_another_container_is_not_to_blame() -> None:
    crashed = container(
        restartCount=2,
        state={"waiting": {"reason": "CrashLoopBackOff"}},
        lastState={"terminated": {"exitCode": 3}},
    )
    pod = a_pod(containerStatuses=[crashed])
    assert of_events(pod, probe("Liveness probe failed: x", "sidecar")).id == "crash"
    assert of_events(pod, probe("Liveness probe failed: x")).id == "liveness-probe"


def test_an_old_restart_does_not_hide_a_readiness_probe_that_fails_now() -> None:
    running = container(restartCount=1, state={"running": {}}, lastState={"terminated": {"exitCode": 255}})
    pod = a_pod(containerStatuses=[running])
    assert of_events(pod, probe("Readiness probe failed: x")).id == "readiness-probe"


def test_what_failed_and_was_replaced_is_no_cause_for_what_is_well() -> None:
    counts = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1}
    status = {"observedGeneration": 1, **counts}
    metadata = {"uid": "d", "generation": 1}
    maker = obj("apps/v1", "Deployment", "web", metadata=metadata, spec={"replicas": 1}, status=status)
    gone = a_pod("old", phase="Failed", reason="Evicted", message="The node was low on memory.")
    gone["metadata"]["ownerReferences"] = [{"uid": "d", "controller": True}]
    assert of(maker, gone) == ()
    maker["status"] = {**status, "readyReplicas": 0, "availableReplicas": 0}
    assert ids(of(maker, gone))[0] == "evicted"
    crashed = container(restartCount=1, state={"terminated": {"exitCode": 3}})
    new = a_pod("new", containerStatuses=[crashed])
    new["metadata"]["ownerReferences"] = [{"uid": "d", "controller": True}]
    assert ids(of(maker, gone, new)) == ["crash", "replicas-unavailable"]


def test_a_claim_that_the_scheduler_misses_is_the_root() -> None:
    said = '0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: not helpful.'
    pod = a_pod(phase="Pending", conditions=[condition("PodScheduled", "False", "Unschedulable", said)])
    [cause] = scheduling_causes(key_of(pod), pod, world())
    assert (cause.id, cause.depth) == ("missing-claim", Depth.ROOT)
    assert "preemption" not in cause.sentence
