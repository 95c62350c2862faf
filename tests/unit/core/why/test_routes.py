"""Why traffic from outside doesn't arrive."""

from typing import Any

from gitops.core.model import GroupKind
from gitops.core.why.lookups import POD, SECRET, SERVICE
from gitops.core.why.model import Cause, Depth, World
from gitops.core.why.routes import (
    GATEWAYS,
    gateway_causes,
    ingress_causes,
    policy_hints,
    route_causes,
)
from tests.unit.core.why.worlds import Obj, condition, ids, key_of, obj, pod, world

NETWORKING = "networking.k8s.io/v1"
NGINX = obj(NETWORKING, "IngressClass", "nginx", "")
SHOP = obj(
    "v1", "Service", "shop", spec={"selector": {"app": "shop"}, "ports": [{"port": 80, "name": "http"}]}
)
POD_OF_SHOP = pod("shop-1", {"app": "shop"})
FINE = (NGINX, SHOP, POD_OF_SHOP)
GRANT = GroupKind(GATEWAYS, "ReferenceGrant")


def ingress(name: str = "shop", port: Any = 80, **spec: Any) -> Obj:
    backend = {"service": {"name": name, "port": {"name" if isinstance(port, str) else "number": port}}}
    rules = [{"host": "shop.example", "http": {"paths": [{"path": "/", "backend": backend}]}}]
    full = {"ingressClassName": "nginx", "rules": rules, **spec}
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    return obj(NETWORKING, "Ingress", "shop", spec=full, status=address)


def of_ingress(one: Obj, around: World) -> list[Cause]:
    return list(ingress_causes(key_of(one), one, around))


def test_an_ingress_with_class_backend_and_pods_is_fine() -> None:
    assert of_ingress(ingress(), world(*FINE)) == []
    assert of_ingress(ingress(port="http"), world(*FINE)) == []


def test_a_class_that_is_missing_is_named_with_those_that_are_there() -> None:
    [cause] = of_ingress(ingress(ingressClassName="nginks"), world(*FINE))
    assert (cause.id, cause.depth) == ("ingress-class-missing", Depth.ROOT)
    assert "there is no IngressClass nginks" in cause.sentence
    assert "there are: nginx" in cause.evidence[0].text


def test_no_class_is_fine_only_where_the_cluster_has_a_default() -> None:
    without = ingress(ingressClassName=None)
    assert ids(of_ingress(without, world(*FINE))) == ["ingress-class-none"]
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    chosen = obj(NETWORKING, "IngressClass", "other", "", metadata={"annotations": default})
    assert of_ingress(without, world(*FINE, chosen)) == []
    old = ingress(ingressClassName=None)
    old["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    assert of_ingress(old, world(*FINE)) == []


def test_classes_that_could_not_be_read_are_not_called_missing() -> None:
    assert of_ingress(ingress(ingressClassName="other"), world(SHOP, POD_OF_SHOP)) == []


def test_a_backend_that_is_missing_is_named_once() -> None:
    [cause] = of_ingress(ingress("shopp"), world(*FINE))
    assert cause.id == "backend-missing"
    assert "shop.example/ leads to the Service shopp, which doesn't exist" in cause.sentence
    assert "it has shop" in cause.evidence[0].text


def test_a_port_that_the_backend_lacks_is_named_with_those_that_it_has() -> None:
    for port in (8080, "web"):
        [cause] = of_ingress(ingress(port=port), world(*FINE))
        assert cause.id == "backend-port"
        assert cause.sentence.endswith(f"port {port} of the Service shop, which has only 80 http")


def test_a_backend_without_pods_is_the_cause_of_the_service() -> None:
    [cause] = of_ingress(ingress(), world(NGINX, SHOP, pod("x", {"app": "chop"})))
    assert (cause.id, cause.key.kind) == ("service-selector", "Service")


def test_a_certificate_that_is_missing_is_known_only_where_secrets_were_read() -> None:
    one = ingress(tls=[{"secretName": "cert"}])
    assert of_ingress(one, world(*FINE)) == []
    assert ids(of_ingress(one, world(*FINE, read=[SECRET]))) == ["tls-secret-missing"]


def test_an_ingress_that_nothing_is_wrong_with_waits_for_its_controller() -> None:
    one = ingress()
    del one["status"]
    assert ids(of_ingress(one, world(*FINE))) == ["ingress-no-address"]


# -- the Gateway API


def route(conditions: list[Obj] | None = None, **ref: Any) -> Obj:
    rules = [{"backendRefs": [{"name": "shop", "port": 80, **ref}]}]
    status = {"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions or []}]}
    spec = {"parentRefs": [{"name": "edge"}], "rules": rules}
    return obj(f"{GATEWAYS}/v1", "HTTPRoute", "shop", spec=spec, status=status)


def of_route(one: Obj, around: World) -> list[Cause]:
    return list(route_causes(key_of(one), one, around))


def test_a_route_without_its_gateway_or_backend_says_which() -> None:
    assert of_route(route(), world(*FINE)) == []
    gateways = GroupKind(GATEWAYS, "Gateway")
    assert ids(of_route(route(), world(*FINE, read=[gateways]))) == ["route-parent-missing"]
    refused = condition("ResolvedRefs", "False", "BackendNotFound", "service shopp not found")
    found = of_route(route([refused], name="shopp"), world(*FINE))
    assert ids(found) == ["backend-missing"], "the condition says the same"


def test_a_parent_that_does_not_accept_a_route_is_quoted() -> None:
    refused = condition("Accepted", "False", "NotAllowedByListeners", "no listener allows this namespace")
    [cause] = of_route(route([refused]), world(*FINE))
    assert cause.id == "route-not-accepted"
    assert cause.sentence == "the Gateway edge doesn't accept it: no listener allows this namespace"


def test_a_backend_of_another_namespace_needs_a_grant() -> None:
    other = obj("v1", "Service", "db", "data", spec={"type": "ExternalName", "ports": [{"port": 80}]})
    to_other = route(name="db", namespace="data")
    [cause] = of_route(to_other, world(other, read=[GRANT]))
    assert cause.id == "reference-not-granted"
    spec = {
        "from": [{"group": GATEWAYS, "kind": "HTTPRoute", "namespace": "shop"}],
        "to": [{"group": "", "kind": "Service"}],
    }
    grant = obj(f"{GATEWAYS}/v1beta1", "ReferenceGrant", "x", "data", spec=spec)
    assert of_route(to_other, world(other, grant)) == []
    assert of_route(to_other, world(other)) == [], "grants that were not read may be there"


def test_a_gateway_without_its_class_is_looked_at_by_nobody() -> None:
    one = obj(f"{GATEWAYS}/v1", "Gateway", "edge", spec={"gatewayClassName": "envoy"})
    found = gateway_causes(key_of(one), one, world(read=[GroupKind(GATEWAYS, "GatewayClass")]))
    assert ids(found) == ["gateway-class-missing"]


# -- NetworkPolicies


def policy(name: str, **spec: Any) -> Obj:
    return obj(NETWORKING, "NetworkPolicy", name, spec={"podSelector": {}, **spec})


def hints(*policies: Obj) -> list[Cause]:
    one = pod("shop-1", {"app": "shop"}, ready=False)
    return list(policy_hints(key_of(one), one, world(*policies, read=[POD, SERVICE])))


def test_a_policy_that_allows_nothing_may_be_why() -> None:
    [cause] = hints(policy("shut", policyTypes=["Ingress", "Egress"]))
    assert cause.depth is Depth.EFFECT, "it is a guess"
    assert (
        cause.sentence == "the NetworkPolicy shut allows no traffic to it and none from it: that may be why"
    )


def test_policies_add_up() -> None:
    assert hints(policy("shut"), policy("open", ingress=[{"from": []}])) == []


def test_a_policy_for_other_pods_is_no_hint() -> None:
    expressions = [{"key": "app", "operator": "NotIn", "values": ["shop"]}]
    assert hints(policy("shut", podSelector={"matchExpressions": expressions})) == []
