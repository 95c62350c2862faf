"""Why an autoscaler doesn't scale, and why nobody may evict a Pod."""

from typing import Any

from gitops.core.why.autoscaling import METRICS_API, autoscaler_causes, budget_causes
from gitops.core.why.model import Cause, Depth, World
from tests.unit.core.why.worlds import Obj, condition, ids, key_of, obj, world


def deployment(**container: Any) -> Obj:
    spec = {"containers": [{"name": "web", **container}, {"name": "proxy", **container}]}
    return obj("apps/v1", "Deployment", "web", spec={"replicas": 1, "template": {"spec": spec}})


def autoscaler(*conditions: Obj) -> Obj:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 4,
    }
    return obj(
        "autoscaling/v2", "HorizontalPodAutoscaler", "web", spec=spec, status={"conditions": [*conditions]}
    )


def causes(one: Obj, around: World) -> list[Cause]:
    return list(autoscaler_causes(key_of(one), one, around))


def inactive(message: str, reason: str = "FailedGetResourceMetric") -> Obj:
    return autoscaler(condition("ScalingActive", "False", reason, message))


def test_containers_without_a_request_are_named() -> None:
    one = inactive("failed to get cpu utilization: missing request for cpu in container web of Pod web-1")
    [cause] = causes(one, world(deployment()))
    assert cause.id == "autoscaler-no-request"
    assert "container web, proxy of Deployment web requests no cpu" in cause.sentence
    assert "resources.requests.cpu" in cause.advice[0]


def test_a_cluster_without_a_metrics_server_is_told_from_one_that_does_not_answer() -> None:
    one = inactive("unable to get metrics for resource cpu: no metrics returned from resource metrics API")
    [cause] = causes(one, world(deployment(), read=[METRICS_API.group_kind]))
    assert cause.sentence.endswith("the cluster has no metrics server")
    [cause] = causes(one, world(deployment()))
    assert cause.id == "autoscaler-no-metrics"
    assert cause.sentence == "gets no metrics of its Pods from the metrics server"


def test_a_target_that_is_missing_comes_before_its_metrics() -> None:
    unable = condition("AbleToScale", "False", "FailedGetScale", 'deployments.apps "web" not found')
    one = autoscaler(unable, condition("ScalingActive", "False", "FailedGetResourceMetric", "no metrics"))
    [cause] = causes(one, world(read=[key_of(deployment()).group_kind]))
    assert cause.id == "autoscaler-target"
    assert cause.sentence == "can't find what it is to scale: there is no Deployment web"
    [cause] = causes(one, world())
    assert 'deployments.apps "web" not found' in cause.sentence


def test_custom_metrics_and_a_target_at_zero_have_words_of_their_own() -> None:
    assert ids(causes(inactive("no adapter", "FailedGetPodsMetric"), world())) == ["autoscaler-no-metric"]
    assert ids(causes(inactive("replicas is 0", "ScalingDisabled"), world())) == ["autoscaler-off"]


def test_an_autoscaler_at_its_maximum_says_so() -> None:
    limited = condition("ScalingLimited", "True", "TooManyReplicas", "more than the maximum")
    [cause] = causes(autoscaler(limited), world(deployment()))
    assert cause.sentence == "wants more replicas than its maximum of 4"
    assert causes(autoscaler(condition("ScalingActive", "True")), world(deployment())) == []


def budget(allowed: int, healthy: int, wanted: int, expected: int, **spec: Any) -> list[Cause]:
    status = {
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "expectedPods": expected,
    }
    one = obj("policy/v1", "PodDisruptionBudget", "web", spec=spec, status=status)
    return list(budget_causes(key_of(one), one, world()))


def test_a_budget_that_never_allows_an_eviction_is_the_root() -> None:
    [cause] = budget(0, 2, 2, 2, minAvailable="100%")
    assert (cause.id, cause.depth) == ("budget-allows-none", Depth.ROOT)
    assert "with minAvailable 100%, all of its 2 Pods have to stay" in cause.sentence


def test_a_budget_that_is_used_up_by_sick_pods_is_an_effect() -> None:
    [cause] = budget(0, 1, 2, 3, maxUnavailable=1)
    assert (cause.id, cause.depth) == ("budget-exhausted", Depth.EFFECT)
    assert budget(1, 3, 2, 3) == []
    assert budget(0, 0, 0, 0) == [], "it is for no Pods yet"


def test_a_budget_whose_selector_fits_pods_of_nobody_says_so() -> None:
    failed = condition("DisruptionAllowed", "False", "SyncFailed", "found no controllers for pod")
    one = obj("policy/v1", "PodDisruptionBudget", "web", status={"conditions": [failed]})
    assert ids(budget_causes(key_of(one), one, world())) == ["budget-unknown"]
