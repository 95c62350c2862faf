"""The one place that knows who judges an object: our own code, its rules, or the conventions."""

from collections.abc import Callable, Mapping

from gitops.core.health import pods, workloads
from gitops.core.health.catalog import judge_of
from gitops.core.health.generic import by_convention, outdated, switched_off
from gitops.core.health.reading import conditions, is_true, words
from gitops.core.health.states import HEALTHY, Health, Object, progressing
from gitops.core.model import GroupKind
from gitops.core.reading import part, text

_CODE: Mapping[GroupKind, Callable[[Object], Health]] = {**workloads.KINDS, **pods.KINDS}


def needs_body(kind: GroupKind) -> bool:
    """Whether health needs more than metadata; if not, the watch is metadata-only.

    Data of Secrets and ConfigMaps then never enters the controller's memory.
    """
    return kind not in _METADATA_ONLY


def assess(obj: Object) -> Health:
    """The health of one live object, whatever its shape.

    Sources: the API conventions (observedGeneration, conditions), `kubectl rollout status`, and
    the documentation that each data file names.
    """
    if leaving := being_deleted(obj):
        return leaving
    kind = kind_of(obj)
    if kind in _METADATA_ONLY:
        return HEALTHY
    code = _CODE.get(kind)
    if code:
        return outdated(obj) or code(obj)
    judge = judge_of(kind)
    if judge:
        return judge.assess(obj)
    found = conditions(obj)
    return switched_off(obj, found) or outdated(obj) or by_convention(obj, found)


def being_deleted(obj: Object) -> Health | None:
    """Progressing, for an object that is on its way out; None for all others."""
    metadata = part(obj, "metadata")
    if not metadata.get("deletionTimestamp"):
        return None
    listed = metadata.get("finalizers")
    finalizers = ", ".join(text(one) for one in listed) if isinstance(listed, list) else ""
    said = "being deleted" + (f", waits for the finalizers {finalizers}" if finalizers else "")
    # A Namespace says in its conditions what is left in it.
    left = [words(one) for one in conditions(obj).values() if is_true(one)]
    if left and kind_of(obj) == GroupKind("", "Namespace"):
        said += f": {'; '.join(left)}"
    return progressing(said)


def kind_of(obj: Object) -> GroupKind:
    """The type of an object by its own words."""
    return GroupKind(str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind", "")))


# Their metadata says all.
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
        GroupKind("scheduling.k8s.io", "PriorityClass"),
        GroupKind("storage.k8s.io", "StorageClass"),
        GroupKind("storage.k8s.io", "CSIDriver"),
        GroupKind("node.k8s.io", "RuntimeClass"),
        GroupKind("discovery.k8s.io", "EndpointSlice"),
        GroupKind("coordination.k8s.io", "Lease"),
        GroupKind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        GroupKind("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    }
)
