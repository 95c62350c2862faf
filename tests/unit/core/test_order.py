"""The order of kinds: what others need goes first."""

import pytest

from gitops.core.model import GroupKind
from gitops.core.order import CONFIRMED_KINDS, stage_of

RBAC = "rbac.authorization.k8s.io"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (GroupKind("", "Namespace"), GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")),
        (GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"), GroupKind("example.com", "Widget")),
        (GroupKind(RBAC, "ClusterRole"), GroupKind(RBAC, "ClusterRoleBinding")),
        (GroupKind(RBAC, "ClusterRole"), GroupKind(RBAC, "RoleBinding")),
        (GroupKind("", "ServiceAccount"), GroupKind("apps", "Deployment")),
        (GroupKind("", "ResourceQuota"), GroupKind("", "ConfigMap")),
        (GroupKind("storage.k8s.io", "StorageClass"), GroupKind("", "PersistentVolumeClaim")),
        (GroupKind("", "PersistentVolumeClaim"), GroupKind("apps", "StatefulSet")),
        (GroupKind("", "Secret"), GroupKind("batch", "Job")),
        (GroupKind("example.com", "Widget"), GroupKind("apps", "Deployment")),
        (GroupKind("apps", "Deployment"), GroupKind("autoscaling", "HorizontalPodAutoscaler")),
        (GroupKind("", "Service"), GroupKind("networking.k8s.io", "Ingress")),
        (
            GroupKind("apps", "Deployment"),
            GroupKind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ),
        (GroupKind("apps", "Deployment"), GroupKind("apiregistration.k8s.io", "APIService")),
    ],
)
def test_what_others_need_goes_first(first: GroupKind, then: GroupKind) -> None:
    assert stage_of(first) < stage_of(then)


def test_a_kind_counts_with_its_group() -> None:
    assert stage_of(GroupKind("serving.knative.dev", "Service")) == stage_of(
        GroupKind("example.com", "Widget")
    )


def test_a_namespace_of_another_group_is_deleted_without_asking() -> None:
    assert GroupKind("", "Namespace") in CONFIRMED_KINDS
    assert GroupKind("example.com", "Namespace") not in CONFIRMED_KINDS
