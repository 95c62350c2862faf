"""What a sync waits for, and what it doesn't."""

from typing import Any

import pytest

from gitops.core.health import HealthState, assess, counted


def obj(version: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, **more}


NOT_AWAITED = [
    obj("networking.k8s.io/v1", "Ingress"),
    obj("autoscaling/v2", "HorizontalPodAutoscaler"),
    obj("policy/v1", "PodDisruptionBudget"),
    obj("batch/v1", "CronJob", status={"active": [{"name": "a"}]}),
    obj("v1", "PersistentVolumeClaim", status={"phase": "Pending"}),
]


@pytest.mark.parametrize("waiting", NOT_AWAITED, ids=lambda one: one["kind"])
def test_what_the_cluster_may_never_do_keeps_no_sync_waiting(waiting: dict[str, Any]) -> None:
    assert assess(waiting).state is HealthState.PROGRESSING
    assert counted(waiting).state is HealthState.HEALTHY


@pytest.mark.parametrize(("reason", "state"), [("InsufficientPods", "Healthy"), ("SyncFailed", "Degraded")])
def test_a_budget_leaves_it_to_its_pods_to_be_broken(reason: str, state: str) -> None:
    condition = {"type": "DisruptionAllowed", "status": "False", "reason": reason, "message": "why"}
    status = {"conditions": [condition], "currentHealthy": 0, "desiredHealthy": 1}
    budget = obj("policy/v1", "PodDisruptionBudget", status=status)
    assert assess(budget).state is HealthState.DEGRADED
    assert counted(budget).state == state


@pytest.mark.parametrize("waiting", NOT_AWAITED, ids=lambda one: one["kind"])
def test_its_deletion_is_waited_for(waiting: dict[str, Any]) -> None:
    leaving = waiting | {"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert counted(leaving).state is HealthState.PROGRESSING


def test_what_is_broken_counts_and_so_does_everything_else() -> None:
    lost = obj("v1", "PersistentVolumeClaim", status={"phase": "Lost"})
    assert counted(lost).state is HealthState.DEGRADED
    service = obj("v1", "Service", spec={"type": "LoadBalancer"})
    assert counted(service) == assess(service)
    assert counted(service).state is HealthState.PROGRESSING
