"""Why a Service leads nowhere."""

from typing import Any

from gitops.core.model import ObjectKey
from gitops.core.why.lookups import POD
from gitops.core.why.model import Cause, Depth, World
from gitops.core.why.services import ENDPOINT_SLICE, service_causes
from tests.unit.core.why.worlds import Obj, ids, obj, pod, world

WEB = ObjectKey("", "Service", "shop", "web")


def service(selector: dict[str, str] | None = None, **spec: Any) -> Obj:
    chosen = {"app": "web"} if selector is None else selector
    ports = [{"port": 80, "targetPort": 8080}]
    return obj("v1", "Service", "web", spec={"selector": chosen, "ports": ports, **spec})


def causes(one: Obj, around: World) -> list[Cause]:
    return list(service_causes(WEB, one, around))


def test_a_ready_pod_is_all_that_a_service_needs() -> None:
    assert causes(service(), world(pod("a", {"app": "web"}))) == []


def test_the_label_that_differs_is_named_with_the_nearest_pod() -> None:
    near = pod("near", {"app": "wep", "tier": "front"})
    far = pod("far", {"app": "db", "tier": "back"})
    [cause] = causes(service({"app": "web", "tier": "front"}), world(far, near))
    assert (cause.id, cause.depth) == ("service-selector", Depth.ROOT)
    assert cause.sentence.endswith("the nearest, Pod near, has app=wep in place of web")
    [cause] = causes(service({"app": "web", "tier": "front"}), world(pod("a", {"app": "web"})))
    assert cause.sentence.endswith("Pod a, has no label tier")


def test_a_deployment_whose_template_differs_is_the_nearest_where_there_are_no_pods() -> None:
    template = {"metadata": {"labels": {"app": "wep"}}}
    maker = obj("apps/v1", "Deployment", "web", spec={"replicas": 1, "template": template})
    [cause] = causes(service(), world(maker, read=[POD]))
    assert "Deployment web, has app=wep in place of web" in cause.sentence


def test_a_service_for_a_deployment_without_pods_leads_to_the_deployment() -> None:
    template = {"metadata": {"labels": {"app": "web"}}}
    maker = obj("apps/v1", "Deployment", "web", spec={"replicas": 2, "template": template})
    [cause] = causes(service(), world(maker, read=[POD]))
    assert (cause.id, cause.depth) == ("service-pods-missing", Depth.EFFECT), "why it has none is deeper"
    maker["spec"]["replicas"] = 0
    [cause] = causes(service(), world(maker, read=[POD]))
    assert (cause.id, cause.depth) == ("service-scaled-to-zero", Depth.ROOT)


def test_pods_that_could_not_be_read_are_not_called_absent() -> None:
    assert causes(service(), World({}, unreadable={POD: "forbidden"})) == []


def test_pods_that_are_not_ready_are_an_effect_of_something_else() -> None:
    [cause] = causes(service(), world(pod("a", {"app": "web"}, ready=False)))
    assert (cause.id, cause.depth) == ("service-pods-not-ready", Depth.EFFECT)
    assert causes(service(publishNotReadyAddresses=True), world(pod("a", {"app": "web"}, ready=False))) == []


def test_a_named_target_port_has_to_be_declared() -> None:
    named = service(ports=[{"port": 80, "targetPort": "http"}])
    there = {"name": "web", "containerPort": 8080}
    [cause] = causes(named, world(pod("a", {"app": "web"}, ports=[there])))
    assert (cause.id, cause.depth) == ("service-target-port", Depth.ROOT)
    assert "targetPort http, which no container" in cause.sentence
    assert "web (8080)" in cause.sentence
    assert causes(named, world(pod("a", {"app": "web"}, ports=[{**there, "name": "http"}]))) == []


def test_a_target_port_by_number_may_be_wrong_and_need_not() -> None:
    [cause] = causes(service(), world(pod("a", {"app": "web"}, ports=[{"containerPort": 80}])))
    assert (cause.id, cause.depth) == ("service-target-port", Depth.STATE)
    assert "may be wrong" in cause.sentence


def test_an_external_name_needs_no_pod() -> None:
    assert causes(service(type="ExternalName", externalName="x.example"), world(read=[POD])) == []


def test_a_load_balancer_without_an_address_says_what_its_event_says() -> None:
    said = "Error syncing load balancer: no credentials"
    around = world(pod("a", {"app": "web"}), events={WEB: [said]})
    [cause] = causes(service(type="LoadBalancer"), around)
    assert cause.id == "load-balancer-pending"
    assert cause.evidence[0].text == f"Event: {said}"


def test_a_service_without_selector_needs_endpoints_from_somebody() -> None:
    assert ids(causes(service({}), world(read=[ENDPOINT_SLICE]))) == ["service-no-selector"]
    labels = {"kubernetes.io/service-name": "web"}
    filled = obj(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "x",
        metadata={"labels": labels},
        endpoints=[{"addresses": []}],
    )
    assert causes(service({}), world(filled)) == []
