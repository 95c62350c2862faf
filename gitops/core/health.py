"""Health of built-in kinds, computed from one object that is passed in; the rest is a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from gitops.core.model import GroupKind

Object: TypeAlias = Mapping[str, Any]


class HealthState(StrEnum):
    """The six states, best first; an Application is as healthy as its worst object."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """A state and one sentence that says why; empty when healthy."""

    state: HealthState
    message: str = ""


HEALTHY = Health(HealthState.HEALTHY)


def progressing(message: str) -> Health:
    """Not there yet; `message` says what it waits for."""
    return Health(HealthState.PROGRESSING, message)


def degraded(message: str) -> Health:
    """Broken; `message` says what is wrong."""
    return Health(HealthState.DEGRADED, message)


def needs_body(kind: GroupKind) -> bool:
    """Whether health needs more than metadata; if not, the watch is metadata-only.

    Data of Secrets and ConfigMaps then never enters the controller's memory.
    """
    return kind not in _METADATA_ONLY


def assess(obj: Object) -> Health:
    """The health of one live object.

    Sources: the API conventions (observedGeneration, conditions) and `kubectl rollout status`.
    """
    metadata = obj.get("metadata", {})
    if metadata.get("deletionTimestamp"):
        finalizers = ", ".join(metadata.get("finalizers", []))
        return progressing(
            "being deleted" + (f", waits for the finalizers {finalizers}" if finalizers else "")
        )
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    kind = GroupKind(group, str(obj.get("kind", "")))
    if kind in _METADATA_ONLY:
        return HEALTHY
    status = obj.get("status")
    if status is not None and not isinstance(status, Mapping):
        return HEALTHY  # a custom resource may call anything its status
    observed = (status or {}).get("observedGeneration")
    if isinstance(observed, int) and observed < metadata.get("generation", 0):
        return progressing("the newest generation has not been observed by its controller")
    return _RULES.get(kind, _by_conditions)(obj)


def _conditions(obj: Object) -> dict[str, Mapping[str, Any]]:
    found = (obj.get("status") or {}).get("conditions")
    if not isinstance(found, list):
        return {}
    return {str(one.get("type")): one for one in found if isinstance(one, Mapping)}


def _is(condition: Mapping[str, Any] | None, status: str) -> bool:
    return bool(condition) and str((condition or {}).get("status")) == status


def _words(condition: Mapping[str, Any]) -> str:
    return str(condition.get("message") or condition.get("reason") or condition.get("type"))


def _deployment(obj: Object) -> Health:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    conditions = _conditions(obj)
    progress = conditions.get("Progressing")
    if progress and progress.get("reason") == "ProgressDeadlineExceeded":
        return degraded(_words(progress))
    if _is(conditions.get("ReplicaFailure"), "True"):
        return degraded(_words(conditions["ReplicaFailure"]))
    if spec.get("paused"):
        return Health(HealthState.SUSPENDED, "the rollout is paused")
    if "observedGeneration" not in status:
        return progressing("its controller has not looked at it yet")
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if updated < wanted:
        return progressing(f"{updated} of {wanted} replicas are updated")
    if total > updated:
        return progressing(f"{total - updated} old replicas still run")
    if available < updated:
        return progressing(f"{available} of {updated} updated replicas are available")
    return HEALTHY


def _stateful_set(obj: Object) -> Health:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    if "observedGeneration" not in status:
        return progressing("its controller has not looked at it yet")
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready < wanted:
        return progressing(f"{ready} of {wanted} replicas are ready")
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return HEALTHY
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    updated = status.get("updatedReplicas", 0)
    if updated < wanted - partition:
        return progressing(f"{updated} of {max(wanted - partition, 0)} replicas are updated")
    return HEALTHY


def _daemon_set(obj: Object) -> Health:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    if "observedGeneration" not in status:
        return progressing("its controller has not looked at it yet")
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete" and updated < wanted:
        return progressing(f"{updated} of {wanted} Pods are updated")
    if available < wanted:
        return progressing(f"{available} of {wanted} Pods are available")
    return HEALTHY


def _replica_set(obj: Object) -> Health:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    failure = _conditions(obj).get("ReplicaFailure")
    if failure and _is(failure, "True"):
        return degraded(_words(failure))
    wanted, available = spec.get("replicas", 1), status.get("availableReplicas", 0)
    if available < wanted:
        return progressing(f"{available} of {wanted} replicas are available")
    return HEALTHY


def _job(obj: Object) -> Health:
    conditions = _conditions(obj)
    if _is(conditions.get("Failed"), "True"):
        return degraded(f"the Job failed: {_words(conditions['Failed'])}")
    if _is(conditions.get("Complete"), "True"):
        return HEALTHY
    if (obj.get("spec") or {}).get("suspend"):
        return Health(HealthState.SUSPENDED, "the Job is suspended")
    status = obj.get("status") or {}
    return progressing(f"{status.get('active', 0)} Pods active, {status.get('failed', 0)} failed so far")


def _cron_job(obj: Object) -> Health:
    if (obj.get("spec") or {}).get("suspend"):
        return Health(HealthState.SUSPENDED, "the CronJob is suspended")
    return HEALTHY


def _pod(obj: Object) -> Health:
    status = obj.get("status") or {}
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = str(waiting.get("reason", ""))
        if reason in _POD_FAULTS:
            return degraded(f"container {container.get('name')}: {reason}")
    phase = status.get("phase")
    if phase == "Succeeded":
        return HEALTHY
    if phase == "Failed":
        return degraded(str(status.get("reason") or "the Pod failed"))
    conditions = _conditions(obj)
    if phase == "Running" and _is(conditions.get("Ready"), "True"):
        return HEALTHY
    unscheduled = conditions.get("PodScheduled")
    if unscheduled and _is(unscheduled, "False"):
        return progressing(f"not scheduled: {_words(unscheduled)}")
    return progressing(f"phase {phase or 'not set'}, not ready")


_POD_FAULTS = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


def _claim(obj: Object) -> Health:
    phase = (obj.get("status") or {}).get("phase")
    if phase == "Bound":
        return HEALTHY
    if phase == "Lost":
        return degraded("its volume is lost")
    return progressing(f"phase {phase or 'not set'}, waits for a volume")


def _volume(obj: Object) -> Health:
    status = obj.get("status") or {}
    if status.get("phase") == "Failed":
        return degraded(str(status.get("message") or "reclaiming the volume failed"))
    return HEALTHY


def _service(obj: Object) -> Health:
    if (obj.get("spec") or {}).get("type") != "LoadBalancer":
        return HEALTHY
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    return HEALTHY if balancer.get("ingress") else progressing("waits for a load balancer's address")


def _definition(obj: Object) -> Health:
    conditions = _conditions(obj)
    refused = conditions.get("NamesAccepted")
    if refused and _is(refused, "False"):
        return degraded(f"its names are not accepted: {_words(refused)}")
    return HEALTHY if _is(conditions.get("Established"), "True") else progressing("not established yet")


def _namespace(obj: Object) -> Health:
    phase = (obj.get("status") or {}).get("phase")
    return progressing("being deleted") if phase == "Terminating" else HEALTHY


def _api_service(obj: Object) -> Health:
    available = _conditions(obj).get("Available")
    if available and _is(available, "False"):
        return degraded(f"not available: {_words(available)}")
    return HEALTHY if available else progressing("its availability is not known yet")


def _by_conditions(obj: Object) -> Health:
    """Any other kind, by the API conventions for conditions (as kstatus reads them)."""
    conditions = _conditions(obj)
    for kind in ("Stalled", "Failed", "Degraded"):
        if _is(conditions.get(kind), "True"):
            return degraded(_words(conditions[kind]))
    if _is(conditions.get("Reconciling"), "True"):
        return progressing(_words(conditions["Reconciling"]))
    for kind in ("Ready", "Available", "Succeeded"):
        condition = conditions.get(kind)
        if condition:
            return HEALTHY if _is(condition, "True") else progressing(f"{kind}: {_words(condition)}")
    return HEALTHY


_RULES: dict[GroupKind, Callable[[Object], Health]] = {
    GroupKind("apps", "Deployment"): _deployment,
    GroupKind("apps", "StatefulSet"): _stateful_set,
    GroupKind("apps", "DaemonSet"): _daemon_set,
    GroupKind("apps", "ReplicaSet"): _replica_set,
    GroupKind("batch", "Job"): _job,
    GroupKind("batch", "CronJob"): _cron_job,
    GroupKind("", "Pod"): _pod,
    GroupKind("", "PersistentVolumeClaim"): _claim,
    GroupKind("", "PersistentVolume"): _volume,
    GroupKind("", "Service"): _service,
    GroupKind("", "Namespace"): _namespace,
    GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    GroupKind("apiregistration.k8s.io", "APIService"): _api_service,
}

# Their metadata says all. An autoscaler or a budget that has nothing to act on yet, or an Ingress without
# an address, does not hold up a sync.
_METADATA_ONLY = frozenset(
    {
        GroupKind("", "ConfigMap"),
        GroupKind("", "Secret"),
        GroupKind("", "ServiceAccount"),
        GroupKind("", "LimitRange"),
        GroupKind("", "ResourceQuota"),
        GroupKind("", "Endpoints"),
        GroupKind("rbac.authorization.k8s.io", "Role"),
        GroupKind("rbac.authorization.k8s.io", "RoleBinding"),
        GroupKind("rbac.authorization.k8s.io", "ClusterRole"),
        GroupKind("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        GroupKind("networking.k8s.io", "NetworkPolicy"),
        GroupKind("networking.k8s.io", "IngressClass"),
        GroupKind("networking.k8s.io", "Ingress"),
        GroupKind("scheduling.k8s.io", "PriorityClass"),
        GroupKind("storage.k8s.io", "StorageClass"),
        GroupKind("storage.k8s.io", "CSIDriver"),
        GroupKind("policy", "PodDisruptionBudget"),
        GroupKind("autoscaling", "HorizontalPodAutoscaler"),
        GroupKind("node.k8s.io", "RuntimeClass"),
        GroupKind("discovery.k8s.io", "EndpointSlice"),
        GroupKind("coordination.k8s.io", "Lease"),
        GroupKind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        GroupKind("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    }
)
