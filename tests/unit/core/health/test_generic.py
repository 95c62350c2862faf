"""Kinds that nobody told us about: what their statuses have in common, whoever wrote them."""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.core.health import HealthState, assess

H, S, P, D, U = (
    HealthState.HEALTHY,
    HealthState.SUSPENDED,
    HealthState.PROGRESSING,
    HealthState.DEGRADED,
    HealthState.UNKNOWN,
)


def of(status: Any, spec: Any = None, generation: int = 2) -> Any:
    metadata = {"name": "a", "generation": generation}
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": metadata,
        "spec": spec or {},
        "status": status,
    }


def cond(kind: str, status: Any, reason: str = "", message: str = "", **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, **more}


def conds(*conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"conditions": list(conditions), **more}


CONDITIONS: list[tuple[Any, HealthState, str]] = [
    (conds(cond("Ready", "True")), H, ""),
    (conds(cond("Ready", True)), H, ""),
    (conds(cond("Ready", "true")), H, ""),
    (conds(cond("Ready", "False", "ReconcileError", "no such bucket")), D, "no such bucket"),
    (conds(cond("Ready", "False", "Provisioning", "volume 1 of 3")), P, "volume 1 of 3"),
    (conds(cond("Ready", "False", "", "Waiting for the database")), P, "Waiting for the database"),
    (conds(cond("Ready", "False", "ProvisioningFailed", "quota")), D, "quota"),
    (conds(cond("Ready", False, "Broken", "it broke")), D, "it broke"),
    (conds(cond("Ready", "Unknown", "", "who knows")), P, "who knows"),
    (conds(cond("Ready", None)), P, "Ready"),
    (conds(cond("Ready", "False", "Down", "no", severity="Info")), P, "no"),
    (conds(cond("Ready", "True", observedGeneration=1)), P, "newest generation"),
    (conds(cond("Ready", "True", observedGeneration=2)), H, ""),
    (conds(cond("Synced", "False", "ReconcileError", "denied"), cond("Ready", "True")), D, "denied"),
    (conds(cond("Synced", "True"), cond("Ready", "True")), H, ""),
    (conds(cond("Synced", "False", "ReconcilePaused", "paused"), cond("Ready", "True")), S, "paused"),
    (conds(cond("Synced", "True")), H, ""),
    (conds(cond("Stalled", "True", "", "stuck"), cond("Ready", "True")), D, "stuck"),
    (conds(cond("LastSyncFailed", "True", "", "no host")), D, "no host"),
    (conds(cond("ReconcileError", "True", "", "no host"), cond("Ready", "True")), D, "no host"),
    (conds(cond("ReconcileError", "False"), cond("Ready", "True")), H, ""),
    (conds(cond("NotReady", "True", "", "2 of 3")), P, "2 of 3"),
    (conds(cond("Unhealthy", "True", "", "no leader")), D, "no leader"),
    (conds(cond("MissingSecret", "True", "", "db")), D, "db"),
    (conds(cond("Degraded", "False"), cond("Available", "True"), cond("Progressing", "False")), H, ""),
    (
        conds(cond("Available", "True"), cond("Progressing", "True", "NewReplicaSetAvailable", "rolled out")),
        H,
        "",
    ),
    (conds(cond("Available", "True"), cond("Progressing", "True", "Rolling", "2 of 3")), P, "2 of 3"),
    (conds(cond("Reconciling", "True", "", "going"), cond("Ready", "True")), P, "going"),
    (conds(cond("Paused", "True", "", "by an admin"), cond("Ready", "True")), S, "by an admin"),
    (conds(cond("Succeeded", "False", "Failed", "exit 1")), D, "exit 1"),
    (conds(cond("Succeeded", "Unknown", "Running", "2 tasks left")), P, "2 tasks left"),
    (conds(cond("Complete", "False", "", "3 of 9")), P, "3 of 9"),
    (conds(cond("Complete", "False", "JobFailed", "3 of 9")), D, "3 of 9"),
    (conds(cond("EtcdReady", "True"), cond("ApiReady", "False", "Crashed", "exit 1")), D, "exit 1"),
    (conds(cond("EtcdReady", "True"), cond("ApiReady", "Unknown", "", "asking")), P, "asking"),
    (conds(cond("EtcdReady", "True"), cond("ApiReady", "True")), H, ""),
    (
        conds(cond("Ready", "False", "NotReady"), cond("EtcdReady", "False", "NoQuorumError", "lost 2")),
        D,
        "lost 2",
    ),
    ({"conditions": {"Ready": {"status": "False", "reason": "Failed", "message": "no"}}}, D, "no"),
    ({"conditions": {"Ready": "True"}}, H, ""),
    (conds(cond("Whatever", "False")), H, ""),
    (conds(cond("SourcesUnhealthy", "False")), H, ""),
    (conds(cond("InstallerDegraded", "True", "", "no disk")), D, "no disk"),
    (conds(cond("Running", "True", "Running", "at it")), P, "at it"),
    (conds(cond("Running", "True", "Successful")), H, ""),
    (conds(cond("Running", "False"), cond("Completed", "True")), H, ""),
    (conds(cond("Initialized", "False")), P, "Initialized"),
    (conds(cond("NotReady", "True", "TimeoutException", "no answer")), D, "no answer"),
    (conds(cond("Progressing", "True", "Retrying", "no image")), D, "no image"),
    (
        conds(cond("Reconciling", "True"), cond("Ready", "False", "GitOperationFailed", "no host")),
        D,
        "no host",
    ),
    (conds(cond("Complete", "False", "JobSuspended", "by you")), S, "by you"),
    (conds(cond("ReconciliationPaused", "True", "", "by you"), observedGeneration=1), S, "by you"),
    (conds(cond("Ready", "False", "", "2 of 3 Pods")), P, "2 of 3 Pods"),
    (conds(cond("Ready", "False", "", "pulling images")), P, "pulling images"),
    (conds(phase="Failed"), D, "phase Failed"),
    (conds(cond("Ready", "True"), phase="Failed", message="late news"), D, "late news"),
    (
        conds(
            cond("Ready", "False", "Old", "old", lastTransitionTime="2024-01-01T00:00:00Z"),
            cond("Ready", "True", "New", "new", lastTransitionTime="2024-01-02T00:00:00Z"),
        ),
        H,
        "",
    ),
]
WORDS: list[tuple[Any, HealthState, str]] = [
    ({"phase": "Running"}, H, ""),
    ({"phase": "RUNNING"}, H, ""),
    ({"phase": "Pending"}, P, "phase Pending"),
    ({"phase": "Pending", "message": "no node"}, P, "phase Pending: no node"),
    ({"phase": "failed", "reason": "OOM"}, D, "OOM"),
    ({"phase": "FailedToProvision"}, D, "FailedToProvision"),
    ({"phase": "Creating cluster"}, P, "Creating cluster"),
    ({"phase": "InProgress"}, P, "InProgress"),
    ({"phase": "in-progress"}, P, "in-progress"),
    ({"phase": "Unknown"}, U, "Unknown"),
    ({"phase": "Paused"}, S, "Paused"),
    ({"phase": "Zork"}, H, ""),
    ({"phase": "ApplyingChanges"}, P, "ApplyingChanges"),
    ({"phase": "ClusterRunning"}, H, ""),
    ({"phase": "PartiallyReady"}, P, "PartiallyReady"),
    ({"phase": "NotAvailable"}, P, "NotAvailable"),
    ({"phase": "Warning"}, D, "Warning"),
    ({"phase": "Cancelled"}, D, "Cancelled"),
    ({"phase": "Inconclusive"}, U, "Inconclusive"),
    ({"nexusStatus": "Pending"}, P, "nexusStatus Pending"),
    ({"lastSyncState": "failed", "message": "no host"}, D, "lastSyncState failed: no host"),
    ({"state": "ready"}, H, ""),
    ({"state": {"phase": "error", "message": "boom"}}, D, "boom"),
    ({"status": "Deploying"}, P, "Deploying"),
    ({"status": {"state": "Error", "message": "boom"}}, D, "boom"),
    ({"currentState": "stable"}, H, ""),
    ({"health": "green"}, H, ""),
    ({"health": "yellow"}, P, "yellow"),
    ({"health": "red"}, D, "red"),
    ({"health": {"status": "Degraded", "message": "1 of 3"}}, D, "1 of 3"),
    ({"phase": "Zork", "state": "Failed"}, D, "state Failed"),
    ("Failed", D, "Failed"),
]
OTHERS: list[tuple[Any, HealthState, str]] = [
    (None, H, ""),
    ({}, H, ""),
    ({"ready": True}, H, ""),
    ({"ready": False}, P, "ready is false"),
    ({"ready": False, "message": "2 of 3"}, P, "2 of 3"),
    ({"ready": False, "error": "no quorum"}, D, "no quorum"),
    ({"ready": "true"}, H, ""),
    ({"ready": "2/3"}, P, "2 of 3"),
    ({"ready": "3/3"}, H, ""),
    ({"failureReason": "InvalidConfiguration", "failureMessage": "no AMI", "ready": True}, D, "no AMI"),
    ({"errorMessage": "no such table"}, D, "no such table"),
    ({"errors": ["no such table"]}, D, "no such table"),
    ({"errors": [{"message": "no such table"}]}, D, "no such table"),
    ({"errors": []}, H, ""),
    ({"error": ""}, H, ""),
    ({"error": "None"}, H, ""),
    ({"problems": ["no output"], "active": False}, D, "no output"),
    ({"phase": "Running", "lastError": "an hour ago"}, H, ""),
    ({"replicas": 3, "readyReplicas": 2}, P, "2 of 3 replicas are ready"),
    ({"replicas": 3, "readyReplicas": 3}, H, ""),
    ({"replicas": 3, "availableReplicas": 1}, P, "1 of 3 replicas are available"),
    ({"parents": []}, P, "no parent"),
    (
        {
            "parents": [
                {
                    "parentRef": {"name": "edge"},
                    "conditions": [cond("Accepted", "False", "NotAllowed", "no such port")],
                }
            ]
        },
        D,
        "parent edge: Accepted: no such port",
    ),
    (
        {"parents": [{"parentRef": {"name": "edge"}, "conditions": [cond("Accepted", "False", "Pending")]}]},
        P,
        "parent edge",
    ),
    (
        {"parents": [{"parentRef": {"name": "edge"}, "conditions": [cond("Accepted", "True")]}]},
        H,
        "",
    ),
    (
        {
            "ancestors": [
                {"ancestorRef": {"name": "edge"}, "conditions": [cond("Accepted", "False", "Invalid", "bad")]}
            ]
        },
        D,
        "parent edge",
    ),
    ({"observedGeneration": 1, "phase": "Running"}, P, "newest generation"),
    ({"observedGeneration": 2, "phase": "Running"}, H, ""),
    ({"observedGeneration": True, "phase": "Running"}, H, ""),
]


@pytest.mark.parametrize(("status", "state", "says"), CONDITIONS + WORDS + OTHERS)
def test_a_status_says(status: Any, state: HealthState, says: str) -> None:
    found = assess(of(status))
    assert found.state is state, found.message
    assert says in found.message
    assert bool(found.message) == (state is not H), "whatever isn't healthy says why"


@pytest.mark.parametrize("switch", ["suspend", "suspended", "paused"])
def test_what_is_switched_off_is_suspended_whatever_its_status_says(switch: str) -> None:
    assert assess(of(conds(cond("Ready", "False", "Paused")), {switch: True})).state is S
    assert assess(of({"phase": "Running"}, {switch: False})).state is H


def test_replicas_are_compared_with_what_is_asked_for() -> None:
    assert (
        assess(of({"replicas": 1, "readyReplicas": 1}, {"replicas": 3})).message
        == "1 of 3 replicas are ready"
    )
    assert assess(of({"replicas": 1}, {"replicas": 3})).state is P
    assert assess(of({"replicas": 3}, {"replicas": 3})).state is H


def test_a_message_is_short_and_on_one_line() -> None:
    found = assess(of({"phase": "Failed", "message": "a\nb " + "c" * 5000}))
    assert "a b c" in found.message
    assert "\n" not in found.message
    assert len(found.message) < 700


NAMES = """
    apiVersion kind metadata spec status conditions type reason message phase state ready health replicas
    readyReplicas parents ancestors parentRef name observedGeneration generation deletionTimestamp finalizers
    suspend paused error errors failureMessage containerStatuses initContainerStatuses waiting terminated
    lastState exitCode loadBalancer ingress listeners annotations updateStrategy rollingUpdate partition
    lastScheduleTime lastSuccessfulTime active restartPolicy severity lastTransitionTime
"""
KEYS = st.sampled_from(NAMES.split())
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["True", "False", "Unknown", "Ready", "Failed", "Running", "Degraded", "Pending"]),
)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(KEYS | st.text(string.ascii_letters, max_size=4), below)
    ),
    max_leaves=25,
)
TYPES = st.sampled_from(
    [
        ("v1", "Pod"),
        ("v1", "Service"),
        ("v1", "Namespace"),
        ("v1", "PersistentVolumeClaim"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("networking.k8s.io/v1", "Ingress"),
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("example.com/v1", "Widget"),
    ]
)


@settings(deadline=None)  # the first one compiles the rules of its kind
@given(TYPES, st.dictionaries(KEYS, TREES))
def test_no_object_is_too_strange(named: tuple[str, str], obj: dict[str, Any]) -> None:
    """An error here would end the watch of its whole kind."""
    found = assess({**obj, "apiVersion": named[0], "kind": named[1]})
    assert isinstance(found.state, HealthState)
    assert bool(found.message) == (found.state is not H)


@settings(deadline=None)
@given(TREES, TREES, TREES)
def test_no_type_is_too_strange(version: Any, kind: Any, status: Any) -> None:
    assert (
        assess({"apiVersion": version, "kind": kind, "status": status, "metadata": status}).state
        in HealthState
    )
