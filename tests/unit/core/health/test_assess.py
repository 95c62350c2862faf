"""The health of each built-in kind in each of its states, and of everything else by its conditions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core.health import HealthState, assess, needs_body
from gitops.core.model import GroupKind

H, S, P, D = (HealthState.HEALTHY, HealthState.SUSPENDED, HealthState.PROGRESSING, HealthState.DEGRADED)
KINDS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "APIService": "apiregistration.k8s.io/v1",
    "Widget": "example.com/v1",
    "Ingress": "networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
}


def obj(kind: str, spec: Any = None, status: Any = None, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": KINDS.get(kind, "v1"),
        "kind": kind,
        "metadata": {"name": "a", "generation": 2, **metadata},
        "spec": spec or {},
        "status": status,
    }


def seen(**status: Any) -> dict[str, Any]:
    return {"observedGeneration": 2, **status}


def condition(kind: str, status: str, reason: str = "Because", message: str = "so it is") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


def waiting(reason: str) -> dict[str, Any]:
    return {"name": "main", "state": {"waiting": {"reason": reason}}}


DONE = seen(replicas=3, updatedReplicas=3, availableReplicas=3)
LATE = condition("Progressing", "False", "ProgressDeadlineExceeded")
THREE, NONE, NOTHING = {"replicas": 3}, {"replicas": 0}, None
PARTITION = {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}

ROWS: list[tuple[str, Any, Any, HealthState, str]] = [
    ("Deployment", THREE, DONE, H, ""),
    ("Deployment", NONE, seen(), H, ""),
    ("Deployment", {}, seen(replicas=1, updatedReplicas=1, availableReplicas=1), H, ""),
    ("Deployment", THREE, NOTHING, P, "not looked at it"),
    ("Deployment", THREE, DONE | {"observedGeneration": 1}, P, "generation"),
    ("Deployment", THREE, DONE | {"updatedReplicas": 2}, P, "2 of 3 replicas are updated"),
    ("Deployment", THREE, DONE | {"replicas": 4}, P, "1 old replicas still run"),
    ("Deployment", THREE, DONE | {"availableReplicas": 1}, P, "1 of 3 updated replicas are available"),
    ("Deployment", THREE, DONE | LATE, D, "so it is"),
    ("Deployment", THREE, DONE | condition("ReplicaFailure", "True", message="quota"), D, "quota"),
    ("Deployment", {**THREE, "paused": True}, seen(), S, "paused"),
    ("StatefulSet", THREE, seen(readyReplicas=3, updatedReplicas=3), H, ""),
    ("StatefulSet", NONE, seen(), H, ""),
    ("StatefulSet", THREE, NOTHING, P, "not looked at it"),
    ("StatefulSet", THREE, seen(readyReplicas=2, updatedReplicas=3), P, "2 of 3 replicas are ready"),
    ("StatefulSet", THREE, seen(readyReplicas=3, updatedReplicas=1), P, "1 of 3 replicas are updated"),
    ("StatefulSet", PARTITION, seen(readyReplicas=3, updatedReplicas=1), H, ""),
    ("StatefulSet", PARTITION, seen(readyReplicas=3, updatedReplicas=0), P, "0 of 1"),
    ("StatefulSet", {**THREE, **ON_DELETE}, seen(readyReplicas=3), H, ""),
    ("DaemonSet", {}, seen(desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2), H, ""),
    ("DaemonSet", {}, seen(desiredNumberScheduled=0), H, ""),
    ("DaemonSet", {}, NOTHING, P, "not looked at it"),
    (
        "DaemonSet",
        {},
        seen(desiredNumberScheduled=2, updatedNumberScheduled=1, numberAvailable=2),
        P,
        "1 of 2",
    ),
    ("DaemonSet", ON_DELETE, seen(desiredNumberScheduled=2, numberAvailable=2), H, ""),
    (
        "DaemonSet",
        {},
        seen(desiredNumberScheduled=2, updatedNumberScheduled=2),
        P,
        "0 of 2 Pods are available",
    ),
    ("ReplicaSet", THREE, seen(availableReplicas=3), H, ""),
    ("ReplicaSet", THREE, seen(availableReplicas=2), P, "2 of 3"),
    ("ReplicaSet", THREE, seen(**condition("ReplicaFailure", "True")), D, "so it is"),
    ("Job", {}, condition("Complete", "True"), H, ""),
    ("Job", {}, condition("Failed", "True", message="backoff limit"), D, "backoff limit"),
    ("Job", {"suspend": True}, {}, S, "suspended"),
    ("Job", {}, {"active": 2, "failed": 1}, P, "2 Pods active, 1 failed"),
    ("Job", {}, condition("Failed", "False"), P, "0 Pods active"),
    ("CronJob", {}, NOTHING, H, ""),
    ("CronJob", {"suspend": True}, NOTHING, S, "suspended"),
    ("Pod", {}, {"phase": "Running", **condition("Ready", "True")}, H, ""),
    ("Pod", {}, {"phase": "Running", **condition("Ready", "False")}, P, "not ready"),
    ("Pod", {}, {"phase": "Succeeded"}, H, ""),
    ("Pod", {}, {"phase": "Failed", "reason": "Evicted"}, D, "Evicted"),
    (
        "Pod",
        {},
        {"phase": "Pending", **condition("PodScheduled", "False", message="0/1 nodes")},
        P,
        "0/1 nodes",
    ),
    (
        "Pod",
        {},
        {"phase": "Pending", "containerStatuses": [waiting("ImagePullBackOff")]},
        D,
        "main: ImagePullBackOff",
    ),
    (
        "Pod",
        {},
        {"phase": "Running", "containerStatuses": [waiting("CrashLoopBackOff")]},
        D,
        "CrashLoopBackOff",
    ),
    ("Pod", {}, {"initContainerStatuses": [waiting("CreateContainerConfigError")]}, D, "ConfigError"),
    ("Pod", {}, {"phase": "Pending", "containerStatuses": [waiting("ContainerCreating")]}, P, "Pending"),
    ("Pod", {}, NOTHING, P, "phase not set"),
    ("PersistentVolumeClaim", {}, {"phase": "Bound"}, H, ""),
    ("PersistentVolumeClaim", {}, {"phase": "Pending"}, P, "Pending"),
    ("PersistentVolumeClaim", {}, {"phase": "Lost"}, D, "lost"),
    ("PersistentVolumeClaim", {}, NOTHING, P, "not set"),
    ("PersistentVolume", {}, {"phase": "Available"}, H, ""),
    ("PersistentVolume", {}, {"phase": "Failed", "message": "no disk"}, D, "no disk"),
    ("Service", {}, NOTHING, H, ""),
    ("Service", {"type": "LoadBalancer"}, {"loadBalancer": {}}, P, "load balancer"),
    ("Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, H, ""),
    ("Namespace", {}, {"phase": "Active"}, H, ""),
    ("Namespace", {}, {"phase": "Terminating"}, P, "deleted"),
    ("CustomResourceDefinition", {}, condition("Established", "True"), H, ""),
    ("CustomResourceDefinition", {}, NOTHING, P, "not established"),
    ("CustomResourceDefinition", {}, condition("NamesAccepted", "False", message="taken"), D, "taken"),
    ("APIService", {}, condition("Available", "True"), H, ""),
    ("APIService", {}, condition("Available", "False", message="no endpoints"), P, "no endpoints"),
    ("APIService", {}, NOTHING, P, "not known yet"),
    ("ConfigMap", {}, NOTHING, H, ""),
    ("Ingress", {}, {"loadBalancer": {}}, P, "address"),
    ("Ingress", {}, {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, H, ""),
    ("HorizontalPodAutoscaler", {}, condition("ScalingActive", "False"), D, "so it is"),
    ("PodDisruptionBudget", {}, condition("DisruptionAllowed", "False"), H, ""),
    ("Widget", {}, NOTHING, H, ""),
    ("Widget", {}, {"observedGeneration": 1}, P, "generation"),
    ("Widget", {}, condition("Ready", "True"), H, ""),
    ("Widget", {}, condition("Ready", "False"), D, "Ready: so it is"),
    ("Widget", {}, condition("Ready", "False", "Creating"), P, "Ready: so it is"),
    ("Widget", {}, condition("Ready", "Unknown"), P, "so it is"),
    ("Widget", {}, condition("Available", "False"), D, "Available: so it is"),
    ("Widget", {}, condition("Stalled", "True"), D, "so it is"),
    ("Widget", {}, condition("Failed", "True"), D, "so it is"),
    ("Widget", {}, condition("Degraded", "False"), H, ""),
    ("Widget", {}, condition("Reconciling", "True"), P, "so it is"),
    ("Widget", {}, condition("Whatever", "False"), H, ""),
]


@pytest.mark.parametrize(("kind", "spec", "status", "state", "says"), ROWS)
def test_health(kind: str, spec: Any, status: Any, state: HealthState, says: str) -> None:
    found = assess(obj(kind, spec, status))
    assert found.state is state
    assert says in found.message
    assert bool(found.message) == (state is not H), "whatever isn't healthy says why"


@pytest.mark.parametrize("kind", ["ConfigMap", "Deployment", "Widget", "Namespace"])
def test_whatever_is_being_deleted_is_on_its_way(kind: str) -> None:
    going = obj(kind, deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["example.com/hold"])
    found = assess(going)
    assert found.state is P
    assert "example.com/hold" in found.message


def test_a_failure_counts_more_than_a_promise() -> None:
    both = {
        "conditions": [
            *condition("Reconciling", "True")["conditions"],
            *condition("Stalled", "True")["conditions"],
        ]
    }
    assert assess(obj("Widget", status=both)).state is D


def test_a_job_that_failed_and_is_suspended_has_failed() -> None:
    assert assess(obj("Job", {"suspend": True}, condition("Failed", "True"))).state is D


JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.sampled_from(["conditions", "observedGeneration", "type", "status", "phase", "x"]),
            below,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@given(JSON)
def test_a_custom_resource_may_put_anything_into_its_status(status: Any) -> None:
    """An error here would end the watch of its whole kind."""
    assert isinstance(assess(obj("Widget", status=status)).state, HealthState)


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret", "ServiceAccount", "Role", "NetworkPolicy"])
def test_the_data_of_what_is_always_healthy_is_not_asked_for(kind: str) -> None:
    group = {"Role": "rbac.authorization.k8s.io", "NetworkPolicy": "networking.k8s.io"}.get(kind, "")
    assert not needs_body(GroupKind(group, kind))


@pytest.mark.parametrize(("group", "kind"), [("apps", "Deployment"), ("", "Pod"), ("example.com", "Secret")])
def test_what_has_a_status_is_read_whole(group: str, kind: str) -> None:
    assert needs_body(GroupKind(group, kind))
