"""Find the cause: run the rules over an object and all that it made, and name the deepest first."""

from collections.abc import Iterable, Iterator

from gitops.core.health.reading import at, items
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.why.autoscaling import AUTOSCALER, BUDGET, autoscaler_causes, budget_causes
from gitops.core.why.cluster import (
    API_SERVICE,
    DEFINITION,
    NAMESPACE,
    api_service_causes,
    definition_causes,
    deletion_causes,
    namespace_causes,
)
from gitops.core.why.lookups import SERVICE
from gitops.core.why.model import Cause, Rule, World
from gitops.core.why.refusals import quota_causes, refused_in_events
from gitops.core.why.routes import GATEWAYS, INGRESS, ROUTES, gateway_causes, ingress_causes, route_causes
from gitops.core.why.services import service_causes

# The rules of this half: traffic, autoscaling, the cluster's own objects.
RULES: dict[GroupKind, tuple[Rule, ...]] = {
    SERVICE: (service_causes,),
    INGRESS: (ingress_causes,),
    **dict.fromkeys(ROUTES, (route_causes,)),
    GroupKind(GATEWAYS, "Gateway"): (gateway_causes,),
    AUTOSCALER: (autoscaler_causes,),
    BUDGET: (budget_causes,),
    NAMESPACE: (namespace_causes,),
    DEFINITION: (definition_causes,),
    API_SERVICE: (api_service_causes,),
    GroupKind("", "ResourceQuota"): (quota_causes,),
}
ANY: tuple[Rule, ...] = (deletion_causes, refused_in_events)


def diagnose(subjects: Iterable[ObjectKey], world: World) -> tuple[Cause, ...]:
    """The causes of what is wrong with the subjects, the deepest first."""
    found = [
        cause
        for subject in subjects
        for key in _family(subject, world)
        for rule in (*RULES.get(key.group_kind, ()), *ANY)
        for cause in rule(key, world.objects[key], world)
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: -one.depth))


def _family(key: ObjectKey, world: World) -> Iterator[ObjectKey]:
    """An object, what it made, what that made."""
    if key not in world.objects:
        return
    yield key
    uid = at(world.objects[key], ("metadata", "uid"))
    for other, obj in world.objects.items():
        if uid and any(one.get("uid") == uid for one in items(obj, "metadata", "ownerReferences")):
            yield from _family(other, world)
