"""What of an object's health counts for its Application: what a sync waits for, and what it doesn't."""

from gitops.core.health.assess import assess, being_deleted, kind_of
from gitops.core.health.reading import conditions
from gitops.core.health.states import HEALTHY, Health, HealthState, Object
from gitops.core.model import GroupKind

_BUDGET = GroupKind("policy", "PodDisruptionBudget")

# Whether these get any further depends on the cluster (an Ingress controller that publishes its address, a
# first Pod that uses a claim) or on the time of day, not on the revision; a sync that waited for them would
# hold back its prunes for ever. What they are for still tells: a Pod without its volume is not healthy.
_NOT_AWAITED = frozenset(
    {
        GroupKind("networking.k8s.io", "Ingress"),
        GroupKind("extensions", "Ingress"),
        GroupKind("autoscaling", "HorizontalPodAutoscaler"),
        _BUDGET,
        GroupKind("batch", "CronJob"),
        GroupKind("", "PersistentVolumeClaim"),
    }
)


def counted(obj: Object) -> Health:
    """The health of an object as it counts for its Application."""
    health = assess(obj)
    if health.state is HealthState.HEALTHY or being_deleted(obj):
        return health
    kind = kind_of(obj)
    waits = health.state is HealthState.PROGRESSING and kind in _NOT_AWAITED
    return HEALTHY if waits or (kind == _BUDGET and _lacks_pods(obj)) else health


def _lacks_pods(budget: Object) -> bool:
    """In every rollout; what the Pods belong to says so, too, and what is wrong with them."""
    return conditions(budget).get("DisruptionAllowed", {}).get("reason") == "InsufficientPods"
