"""Why an autoscaler doesn't scale, and why a disruption budget lets nobody evict a Pod."""

from collections.abc import Iterator

from gitops.core.health.reading import conditions, is_false, is_true, words
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, number, part, text
from gitops.core.why.lookups import (
    describe,
    is_absent,
    listed,
    namespace_flag,
    template_of,
    typed_name,
)
from gitops.core.why.model import Cause, Depth, Evidence, Object, World

AUTOSCALER = GroupKind("autoscaling", "HorizontalPodAutoscaler")
BUDGET = GroupKind("policy", "PodDisruptionBudget")
METRICS_API = ObjectKey("apiregistration.k8s.io", "APIService", "", "v1beta1.metrics.k8s.io")

# kube-controller-manager: podautoscaler's replica calculator.
_NO_REQUEST = "missing request for"


def target_of(key: ObjectKey, obj: Object) -> ObjectKey:
    """What an autoscaler scales."""
    ref = part(obj, "spec", "scaleTargetRef")
    group = text(ref.get("apiVersion")).rpartition("/")[0]
    return ObjectKey(group, text(ref.get("kind")), key.namespace, text(ref.get("name")))


def autoscaler_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why a HorizontalPodAutoscaler doesn't scale."""
    found = conditions(obj)
    target = target_of(key, obj)
    able, active, limited = (found.get(one) for one in ("AbleToScale", "ScalingActive", "ScalingLimited"))
    if is_absent(world, target) or (able and is_false(able) and text(able.get("reason")) == "FailedGetScale"):
        there = f"there is no {target.kind} {target.name}" if is_absent(world, target) else ""
        yield Cause(
            "autoscaler-target",
            key,
            f"can't find what it is to scale: {there or words(able or {})}",
            Depth.ROOT,
            (
                Evidence(
                    f"spec.scaleTargetRef is {typed_name(target)}",
                    f"kubectl get {typed_name(target)}{namespace_flag(key.namespace)}",
                ),
            ),
            ("correct spec.scaleTargetRef, or create what it names",),
        )
        return
    if active and is_false(active):
        yield _inactive(key, target, words(active), text(active.get("reason")), world)
    elif limited and is_true(limited) and text(limited.get("reason")) == "TooManyReplicas":
        most = number(at(obj, ("spec", "maxReplicas")))
        yield Cause(
            "autoscaler-at-max",
            key,
            f"wants more replicas than its maximum of {most}",
            Depth.STATE,
            (Evidence(f"ScalingLimited: {words(limited)}", describe(key)),),
            ("raise spec.maxReplicas, or find out where the load comes from",),
        )


def _inactive(key: ObjectKey, target: ObjectKey, said: str, reason: str, world: World) -> Cause:
    evidence = (Evidence(f"ScalingActive is False ({reason}): {said}", describe(key)),)
    if reason == "ScalingDisabled":
        return Cause(
            "autoscaler-off",
            key,
            f"doesn't scale, because {target.kind} {target.name} has 0 replicas",
            Depth.ROOT,
            evidence,
            (f"kubectl scale {typed_name(target)} --replicas=1{namespace_flag(key.namespace)}",),
        )
    if _NO_REQUEST in said:
        what = said.partition(_NO_REQUEST)[2].split()[0].strip(":,.") or "cpu"
        lacking = _without_request(target, what, world)
        whose = f"container {listed(lacking)} of" if lacking else "a container of"
        return Cause(
            "autoscaler-no-request",
            key,
            f"can't tell how busy the Pods are: {whose} {target.kind} {target.name} requests no {what}",
            Depth.ROOT,
            evidence,
            (f"set resources.requests.{what} in every container of {target.kind} {target.name}",),
        )
    if reason == "FailedGetResourceMetric":
        return _no_metrics(key, evidence, world)
    return Cause(
        "autoscaler-no-metric",
        key,
        f"gets no value for a metric: {said}",
        Depth.ROOT,
        (
            *evidence,
            Evidence(
                "custom and external metrics come from an adapter", "kubectl get apiservices | grep metrics"
            ),
        ),
        ("see whether the adapter that gives this metric runs, and whether the metric's name is right",),
    )


def _no_metrics(key: ObjectKey, evidence: tuple[Evidence, ...], world: World) -> Cause:
    look = f"kubectl get {typed_name(METRICS_API)}"
    if is_absent(world, METRICS_API):
        why = Evidence(f"there is no APIService {METRICS_API.name}", look)
        sentence = "gets no metrics: the cluster has no metrics server"
    else:
        why = Evidence("resource metrics come from the metrics server", look)
        sentence = "gets no metrics of its Pods from the metrics server"
    advice = "install the metrics server, or look at its Pods: kubectl top pods" + namespace_flag(
        key.namespace
    )
    return Cause("autoscaler-no-metrics", key, sentence, Depth.ROOT, (*evidence, why), (advice,))


def _without_request(target: ObjectKey, resource: str, world: World) -> list[str]:
    pod = part(template_of(world.objects.get(target, {})), "spec")
    return [
        text(one.get("name"))
        for one in items(pod, "containers")
        if resource not in part(one, "resources", "requests")
        and resource not in part(one, "resources", "limits")  # the request defaults to the limit
    ]


def budget_causes(key: ObjectKey, obj: Object, _world: World) -> Iterator[Cause]:
    """Why a PodDisruptionBudget allows no eviction, so that a drain of a node waits."""
    status = part(obj, "status")
    allowed = conditions(obj).get("DisruptionAllowed")
    if allowed and text(allowed.get("reason")) == "SyncFailed":
        yield Cause(
            "budget-unknown",
            key,
            f"allows no eviction, because it can't be computed: {words(allowed)}",
            Depth.ROOT,
            (Evidence("DisruptionAllowed: SyncFailed", describe(key)),),
            ("a selector must fit only Pods whose owner has a scale (Deployment, StatefulSet, ReplicaSet)",),
        )
        return
    expected = number(status.get("expectedPods"))
    if number(status.get("disruptionsAllowed")) or not expected:
        return
    healthy, wanted = number(status.get("currentHealthy")), number(status.get("desiredHealthy"))
    seen = Evidence(f"{healthy} of {expected} Pods are healthy, {wanted} have to be", describe(key))
    if wanted >= expected:
        spec = part(obj, "spec")
        rule = next(
            (f"{one} {spec[one]}" for one in ("minAvailable", "maxUnavailable") if one in spec), "its rule"
        )
        yield Cause(
            "budget-allows-none",
            key,
            f"never allows an eviction: with {rule}, all of its {expected} Pods have to stay",
            Depth.ROOT,
            (seen,),
            ("run more replicas, or set maxUnavailable to 1: else no node with such a Pod can be drained",),
        )
        return
    yield Cause(
        "budget-exhausted",
        key,
        f"allows no eviction now: {healthy} of its {expected} Pods are healthy, and {wanted} have to be",
        Depth.EFFECT,
        (seen,),
        ("see why the other Pods are not healthy",),
    )
