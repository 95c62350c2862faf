"""The order of kinds within a wave: what others need goes first, what could block others goes last."""

from gitops.core.model import GroupKind

_RBAC = "rbac.authorization.k8s.io"
_DEFAULT = 4
_ORDER: tuple[tuple[GroupKind, ...], ...] = (
    (GroupKind("", "Namespace"),),
    (
        GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
        GroupKind(_RBAC, "ClusterRole"),
    ),
    (
        GroupKind("scheduling.k8s.io", "PriorityClass"),
        GroupKind("storage.k8s.io", "StorageClass"),
        GroupKind("storage.k8s.io", "CSIDriver"),
        GroupKind("networking.k8s.io", "IngressClass"),
        GroupKind("gateway.networking.k8s.io", "GatewayClass"),
        GroupKind("node.k8s.io", "RuntimeClass"),
        GroupKind("", "ResourceQuota"),
        GroupKind("", "LimitRange"),
        GroupKind("", "ServiceAccount"),
        GroupKind(_RBAC, "Role"),
        GroupKind(_RBAC, "RoleBinding"),
        GroupKind(_RBAC, "ClusterRoleBinding"),
    ),
    (
        GroupKind("", "ConfigMap"),
        GroupKind("", "Secret"),
        GroupKind("", "PersistentVolume"),
        GroupKind("", "PersistentVolumeClaim"),
        GroupKind("", "Service"),
        GroupKind("networking.k8s.io", "NetworkPolicy"),
    ),
    (),  # all other kinds
    (
        GroupKind("apps", "Deployment"),
        GroupKind("apps", "StatefulSet"),
        GroupKind("apps", "DaemonSet"),
        GroupKind("apps", "ReplicaSet"),
        GroupKind("", "ReplicationController"),
        GroupKind("", "Pod"),
        GroupKind("batch", "Job"),
        GroupKind("batch", "CronJob"),
    ),
    (
        GroupKind("autoscaling", "HorizontalPodAutoscaler"),
        GroupKind("policy", "PodDisruptionBudget"),
        GroupKind("networking.k8s.io", "Ingress"),
    ),
    # An APIService or a webhook whose backend isn't up yet refuses everything that comes after it.
    (
        GroupKind("apiregistration.k8s.io", "APIService"),
        GroupKind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        GroupKind("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        GroupKind("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        GroupKind("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        GroupKind("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
        GroupKind("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ),
)
_STAGES = {kind: stage for stage, kinds in enumerate(_ORDER) for kind in kinds}

# Deleting one of these deletes what people keep in it, so it asks first (engine.md section 4).
CONFIRMED_KINDS = frozenset(
    {
        GroupKind("", "Namespace"),
        GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
        GroupKind("", "PersistentVolume"),
        GroupKind("", "PersistentVolumeClaim"),
    }
)


def stage_of(kind: GroupKind) -> int:
    """The stage in which objects of this kind are applied, counted from 0; deletes go the other way."""
    return _STAGES.get(kind, _DEFAULT)
