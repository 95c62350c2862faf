"""API versions that Kubernetes serves no more.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import ObjectSet, Subject
from gitops.core.lint.severity import Severity


@dataclass(frozen=True, slots=True)
class Removal:
    """Since which release a version is gone or deprecated, and what to write instead, if anything."""

    release: str
    instead: str


def _removed(release: str, version: str, instead: str, *kinds: str) -> dict[tuple[str, str], Removal]:
    return {(version, kind): Removal(release, instead) for kind in kinds}


_APPS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ControllerRevision")
_FLOW = ("FlowSchema", "PriorityLevelConfiguration")
_RBAC = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_DEVICES = ("DeviceClass", "ResourceClaim", "ResourceClaimTemplate")
_STORAGE = ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment")

REMOVED: Mapping[tuple[str, str], Removal] = {
    **_removed("1.16", "extensions/v1beta1", "apps/v1", "Deployment", "ReplicaSet", "DaemonSet"),
    **_removed("1.16", "extensions/v1beta1", "networking.k8s.io/v1", "NetworkPolicy"),
    **_removed("1.16", "extensions/v1beta1", "", "PodSecurityPolicy"),
    **_removed("1.22", "extensions/v1beta1", "networking.k8s.io/v1", "Ingress"),
    **_removed("1.16", "apps/v1beta1", "apps/v1", *_APPS),
    **_removed("1.16", "apps/v1beta2", "apps/v1", *_APPS),
    **_removed("1.22", "networking.k8s.io/v1beta1", "networking.k8s.io/v1", "Ingress", "IngressClass"),
    **_removed("1.22", "admissionregistration.k8s.io/v1beta1", "admissionregistration.k8s.io/v1", *_WEBHOOKS),
    **_removed("1.22", "apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    **_removed("1.22", "apiregistration.k8s.io/v1beta1", "apiregistration.k8s.io/v1", "APIService"),
    **_removed("1.22", "authentication.k8s.io/v1beta1", "authentication.k8s.io/v1", "TokenReview"),
    **_removed(
        "1.22",
        "certificates.k8s.io/v1beta1",
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
    ),
    **_removed("1.22", "coordination.k8s.io/v1beta1", "coordination.k8s.io/v1", "Lease"),
    **_removed("1.22", "rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1", *_RBAC),
    **_removed("1.23", "rbac.authorization.k8s.io/v1alpha1", "rbac.authorization.k8s.io/v1", *_RBAC),
    **_removed("1.22", "scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1", "PriorityClass"),
    **_removed("1.23", "scheduling.k8s.io/v1alpha1", "scheduling.k8s.io/v1", "PriorityClass"),
    **_removed("1.22", "storage.k8s.io/v1beta1", "storage.k8s.io/v1", *_STORAGE),
    **_removed("1.27", "storage.k8s.io/v1beta1", "storage.k8s.io/v1", "CSIStorageCapacity"),
    **_removed("1.25", "batch/v1beta1", "batch/v1", "CronJob"),
    **_removed("1.21", "batch/v2alpha1", "batch/v1", "CronJob"),
    **_removed("1.25", "discovery.k8s.io/v1beta1", "discovery.k8s.io/v1", "EndpointSlice"),
    **_removed("1.25", "events.k8s.io/v1beta1", "events.k8s.io/v1", "Event"),
    **_removed("1.25", "policy/v1beta1", "policy/v1", "PodDisruptionBudget"),
    **_removed("1.25", "policy/v1beta1", "", "PodSecurityPolicy"),
    **_removed("1.25", "node.k8s.io/v1beta1", "node.k8s.io/v1", "RuntimeClass"),
    **_removed("1.25", "autoscaling/v2beta1", "autoscaling/v2", "HorizontalPodAutoscaler"),
    **_removed("1.26", "autoscaling/v2beta2", "autoscaling/v2", "HorizontalPodAutoscaler"),
    **_removed("1.26", "flowcontrol.apiserver.k8s.io/v1beta1", "flowcontrol.apiserver.k8s.io/v1", *_FLOW),
    **_removed("1.29", "flowcontrol.apiserver.k8s.io/v1beta2", "flowcontrol.apiserver.k8s.io/v1", *_FLOW),
    **_removed("1.32", "flowcontrol.apiserver.k8s.io/v1beta3", "flowcontrol.apiserver.k8s.io/v1", *_FLOW),
}


# Still served; since which release there is something better.
DEPRECATED: Mapping[tuple[str, str], Removal] = {
    ("v1", "Endpoints"): Removal("1.33", "discovery.k8s.io/v1 EndpointSlice"),
    ("networking.k8s.io/v1beta1", "ServiceCIDR"): Removal("1.33", "networking.k8s.io/v1"),
    **_removed("1.34", "resource.k8s.io/v1beta1", "resource.k8s.io/v1", *_DEVICES),
    **_removed("1.34", "resource.k8s.io/v1beta2", "resource.k8s.io/v1", *_DEVICES),
}


def _removed_version(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    found = REMOVED.get((subject.api_version, subject.key.kind))
    if found:
        instead = f"; use {found.instead}" if found.instead else "; nothing replaces it"
        message = f"Kubernetes serves {subject.api_version} no more since {found.release}{instead}"
        yield Hit("apiVersion", message)


def _deprecated_version(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    found = DEPRECATED.get((subject.api_version, subject.key.kind))
    if found:
        version = f"{subject.api_version} {subject.key.kind}"
        yield Hit("apiVersion", f"{version} is deprecated since {found.release}; use {found.instead}")


RULES = (
    Rule(
        "removed-version",
        Severity.ERROR,
        "A kind is written at an API version that Kubernetes has removed.",
        "The API server doesn't know it. Some fields have other names in the version that replaces it, so "
        "read its reference before you change the line.",
        "use the version that is named",
        None,
        _removed_version,
    ),
    Rule(
        "deprecated-version",
        Severity.INFO,
        "A kind is written at an API version that Kubernetes will remove.",
        "The API server still takes it, and warns.",
        "use the version that is named",
        None,
        _deprecated_version,
    ),
)
