"""Workloads whose rollout takes counting. Source: `kubectl rollout status` and the API's documentation."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from gitops.core.health.reading import Condition, by_type, conditions, is_false, is_true, words
from gitops.core.health.states import HEALTHY, Health, Object, degraded, progressing, suspended
from gitops.core.model import GroupKind
from gitops.core.reading import at, items, number, part, text

_UNSEEN = "its controller has not looked at it yet"


def _deployment(obj: Object) -> Health:
    spec, status, found = part(obj, "spec"), part(obj, "status"), conditions(obj)
    progress = found.get("Progressing")
    if progress and progress.get("reason") == "ProgressDeadlineExceeded":
        return degraded(_why(found, progress))
    if spec.get("paused") is True:
        return suspended("the rollout is paused")
    if is_true(found.get("ReplicaFailure")):
        return degraded(words(found["ReplicaFailure"]))
    if "observedGeneration" not in status:
        return progressing(_UNSEEN)
    wanted = number(spec.get("replicas"), 1)
    updated, total = number(status.get("updatedReplicas")), number(status.get("replicas"))
    available = number(status.get("availableReplicas"))
    if updated < wanted:
        return progressing(f"{updated} of {wanted} replicas are updated")
    if total > updated:
        return progressing(f"{total - updated} old replicas still run")
    if available < updated:
        return progressing(f"{available} of {updated} updated replicas are available")
    return HEALTHY


def _why(found: Mapping[str, Condition], progress: Condition) -> str:
    failure = found.get("ReplicaFailure")
    more = f": {words(failure)}" if failure and is_true(failure) else ""
    return words(progress) + more


def _stateful_set(obj: Object) -> Health:
    spec, status = part(obj, "spec"), part(obj, "status")
    if "observedGeneration" not in status:
        return progressing(_UNSEEN)
    wanted, ready = number(spec.get("replicas"), 1), number(status.get("readyReplicas"))
    if ready < wanted:
        return progressing(f"{ready} of {wanted} replicas are ready")
    strategy = part(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return HEALTHY
    partition = number(part(strategy, "rollingUpdate").get("partition"))
    updated = number(status.get("updatedReplicas"))
    if updated < wanted - partition:
        return progressing(f"{updated} of {max(wanted - partition, 0)} replicas are updated")
    revisions = status.get("currentRevision"), status.get("updateRevision")
    if not partition and all(revisions) and revisions[0] != revisions[1]:
        return progressing("the rollout of the newest revision is being finished")
    return HEALTHY


def _daemon_set(obj: Object) -> Health:
    spec, status = part(obj, "spec"), part(obj, "status")
    if "observedGeneration" not in status:
        return progressing(_UNSEEN)
    wanted = number(status.get("desiredNumberScheduled"))
    updated, available = number(status.get("updatedNumberScheduled")), number(status.get("numberAvailable"))
    if part(spec, "updateStrategy").get("type") != "OnDelete" and updated < wanted:
        return progressing(f"{updated} of {wanted} Pods are updated")
    if available < wanted:
        return progressing(f"{available} of {wanted} Pods are available")
    return HEALTHY


def _replica_set(obj: Object) -> Health:
    failure = conditions(obj).get("ReplicaFailure")
    if failure and is_true(failure):
        return degraded(words(failure))
    wanted = number(part(obj, "spec").get("replicas"), 1)
    available = number(part(obj, "status").get("availableReplicas"))
    if available < wanted:
        return progressing(f"{available} of {wanted} replicas are available")
    return HEALTHY


def _job(obj: Object) -> Health:
    found, status = conditions(obj), part(obj, "status")
    for kind in ("Failed", "FailureTarget"):
        if is_true(found.get(kind)):
            return degraded(f"the Job failed: {words(found[kind])}")
    if is_true(found.get("Complete")):
        return HEALTHY
    if part(obj, "spec").get("suspend") is True or is_true(found.get("Suspended")):
        return suspended("the Job is suspended")
    active, failed = number(status.get("active")), number(status.get("failed"))
    return progressing(f"{active} Pods active, {failed} failed so far")


def _cron_job(obj: Object) -> Health:
    if part(obj, "spec").get("suspend") is True:
        return suspended("the CronJob is suspended")
    status = part(obj, "status")
    started, ended = _time(status.get("lastScheduleTime")), _time(status.get("lastSuccessfulTime"))
    running = sum(1 for _ in items(status, "active"))
    if running:
        return progressing(f"{running} Jobs of it run")
    if started and (ended is None or ended < started):
        return degraded("its last run did not succeed: see its newest Job")
    return HEALTHY


def _time(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found if found.tzinfo else None


# Too many changes in a short time: what it wants is put off, not failed.
_PUT_OFF = frozenset({"BackoffBoth", "BackoffDownscale", "BackoffUpscale"})
_OLD_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"


def _autoscaler(obj: Object) -> Health:
    found = conditions(obj) or _old_conditions(obj)
    able, active = found.get("AbleToScale"), found.get("ScalingActive")
    if able and is_false(able) and able.get("reason") not in _PUT_OFF:
        return degraded(f"it can't scale: {words(able)}")
    if active and is_false(active) and active.get("reason") != "ScalingDisabled":
        return degraded(f"it does not scale: {words(active)}")
    judged = active is not None and active.get("status") != "Unknown"
    if (
        judged
        or "ScalingLimited" in found
        or (not found and number(part(obj, "status").get("currentReplicas")))
    ):
        return HEALTHY
    return progressing("its controller has not judged its target and its metrics yet")


def _old_conditions(obj: Object) -> dict[str, Condition]:
    """autoscaling/v1 has its conditions as JSON in an annotation."""
    written = at(obj, ("metadata", "annotations", _OLD_CONDITIONS))
    try:
        return by_type(json.loads(written)) if isinstance(written, str) else {}
    except (ValueError, RecursionError):
        return {}


KINDS: Mapping[GroupKind, Callable[[Object], Health]] = {
    GroupKind("apps", "Deployment"): _deployment,
    GroupKind("apps", "StatefulSet"): _stateful_set,
    GroupKind("apps", "DaemonSet"): _daemon_set,
    GroupKind("apps", "ReplicaSet"): _replica_set,
    GroupKind("extensions", "Deployment"): _deployment,
    GroupKind("extensions", "DaemonSet"): _daemon_set,
    GroupKind("extensions", "ReplicaSet"): _replica_set,
    GroupKind("", "ReplicationController"): _replica_set,
    GroupKind("batch", "Job"): _job,
    GroupKind("batch", "CronJob"): _cron_job,
    GroupKind("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
}
