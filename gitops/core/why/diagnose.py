"""Find the cause: run the rules over an object and all that it leads to, and name the deepest first."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from gitops.core.health import HealthState, assess
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, text
from gitops.core.why import pods, workloads
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
from gitops.core.why.creation import creation_causes
from gitops.core.why.following import family, made_by
from gitops.core.why.lookups import POD, SERVICE, describe
from gitops.core.why.model import Cause, Depth, Evidence, Object, Rule, World
from gitops.core.why.refusals import quota_causes
from gitops.core.why.routes import (
    GATEWAYS,
    INGRESS,
    ROUTES,
    gateway_causes,
    ingress_causes,
    policy_hints,
    route_causes,
)
from gitops.core.why.services import service_causes
from gitops.core.why.volumes import CLAIM, claim_causes


def _hints(key: ObjectKey, pod: Object, world: World) -> Iterator[Cause]:
    """What may keep traffic from a Pod that runs and isn't ready."""
    if pods.is_in_trouble(pod) and at(pod, ("status", "phase")) == "Running":
        yield from policy_hints(key, pod, world)


RULES: Mapping[GroupKind, tuple[Rule, ...]] = {
    **pods.RULES,
    POD: (*pods.RULES[POD], _hints),
    **workloads.RULES,
    CLAIM: (claim_causes,),
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
ANY: tuple[Rule, ...] = (deletion_causes, creation_causes)
_EVENTS = 3  # that are shown where no rule knows better


def diagnose(subjects: Iterable[ObjectKey], world: World) -> tuple[Cause, ...]:
    """The causes of what is wrong with the subjects, the root first.

    Of causes of one depth, the one that explains more objects comes first. A subject for which no
    rule finds anything is explained by its own words and its newest Events.
    """
    found: dict[Cause, None] = {}
    made = made_by(world)
    for subject in dict.fromkeys(subjects):
        causes = [
            cause
            for key in family((subject,), world, made)
            for rule in (*RULES.get(key.group_kind, ()), *ANY)
            for cause in rule(key, world.objects[key], world)
        ]
        found |= dict.fromkeys(causes or _by_its_own_words(subject, world))
    merged = _merged(found, world)
    return tuple(sorted(merged, key=lambda cause: (-cause.depth, -len(cause.others))))


def _by_its_own_words(key: ObjectKey, world: World) -> Iterator[Cause]:
    obj = world.objects.get(key)
    if obj is None:
        return
    health = assess(obj)
    if health.state in (HealthState.HEALTHY, HealthState.SUSPENDED):
        return
    warnings = [
        f"Event: {text(one.get('reason'))}: {text(one.get('message')) or text(one.get('note'))}"
        for one in world.events.get(key, ())
        if one.get("type") == "Warning"
    ]
    yield Cause(
        "unhealthy",
        key,
        f"is {health.state}: {health.message or 'it does not say why'}",
        Depth.EFFECT,
        tuple(Evidence(said, describe(key)) for said in warnings[:_EVENTS])
        or (Evidence("no Event tells more", describe(key)),),
    )


def _merged(causes: Iterable[Cause], world: World) -> list[Cause]:
    """One cause for all the siblings that have the same trouble: twenty Pods of one ReplicaSet, say."""
    groups: dict[tuple[str, object], list[Cause]] = {}
    for cause in causes:
        groups.setdefault((cause.id, _maker(cause.key, world)), []).append(cause)
    merged = []
    for first, *rest in groups.values():
        others = tuple(dict.fromkeys(one.key for one in rest if one.key != first.key))
        merged.append(replace(first, others=others) if others else first)
        merged += [one for one in rest if one.key == first.key]
    return merged


def _maker(key: ObjectKey, world: World) -> object:
    owners = items(world.objects.get(key, {}), "metadata", "ownerReferences")
    return next((text(one.get("uid")) for one in owners if one.get("controller")), key)
