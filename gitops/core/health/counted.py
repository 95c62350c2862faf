"""What of an object's health counts for its Application: what a sync waits for, and what it doesn't."""

from collections.abc import Mapping

from gitops.api.group import IGNORE_HEALTH_ANNOTATION
from gitops.core.health.assess import assess, kind_of
from gitops.core.health.reading import part
from gitops.core.health.states import HEALTHY, Health, HealthState, Object
from gitops.core.model import GroupKind

# Ours, and the one that objects may have from Argo CD.
_ANNOTATIONS = (IGNORE_HEALTH_ANNOTATION, "argocd.argoproj.io/ignore-healthcheck")

# Whether these get any further depends on what the cluster has (an Ingress controller that publishes its
# address, a first Pod that uses a claim), not on the revision; a sync that waited for them would hold
# back its prunes for ever. What they are for still tells: a Pod without its volume is not healthy.
_NOT_AWAITED = frozenset(
    {
        GroupKind("networking.k8s.io", "Ingress"),
        GroupKind("extensions", "Ingress"),
        GroupKind("autoscaling", "HorizontalPodAutoscaler"),
        GroupKind("policy", "PodDisruptionBudget"),
        GroupKind("", "PersistentVolumeClaim"),
    }
)


def counted(obj: Object) -> Health:
    """The health of an object as it counts for its Application."""
    metadata = part(obj, "metadata")
    if is_ignored(metadata.get("annotations")):
        return HEALTHY
    health = assess(obj)
    leaving = metadata.get("deletionTimestamp")
    if health.state is HealthState.PROGRESSING and kind_of(obj) in _NOT_AWAITED and not leaving:
        return HEALTHY
    return health


def is_ignored(annotations: object) -> bool:
    """Whether somebody wants an object's health not to count."""
    return isinstance(annotations, Mapping) and any(
        str(annotations.get(name)).lower() == "true" for name in _ANNOTATIONS
    )
