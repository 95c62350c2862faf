"""What of an object's health counts for its Application: what a sync waits for, and what it doesn't."""

from gitops.core.health.assess import assess, being_deleted, kind_of
from gitops.core.health.states import HEALTHY, Health, HealthState, Object
from gitops.core.model import GroupKind

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
    health = assess(obj)
    waits = health.state is HealthState.PROGRESSING and kind_of(obj) in _NOT_AWAITED
    return HEALTHY if waits and not being_deleted(obj) else health
