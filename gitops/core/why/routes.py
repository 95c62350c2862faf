"""Why traffic from outside doesn't arrive: Ingress, the routes of the Gateway API, NetworkPolicies."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.health.reading import by_type, conditions, is_false, words
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, number, part, text
from gitops.core.why.lookups import (
    SERVICE,
    describe,
    get,
    is_absent,
    labels_of,
    listed,
    matches_selector,
    namespace_flag,
    of_kind,
    typed_name,
)
from gitops.core.why.model import Cause, Depth, Evidence, Object, World
from gitops.core.why.services import service_causes

INGRESS = GroupKind("networking.k8s.io", "Ingress")
INGRESS_CLASS = GroupKind("networking.k8s.io", "IngressClass")
NETWORK_POLICY = GroupKind("networking.k8s.io", "NetworkPolicy")
GATEWAYS = "gateway.networking.k8s.io"
ROUTES = frozenset(GroupKind(GATEWAYS, f"{one}Route") for one in ("HTTP", "GRPC", "TLS", "TCP", "UDP"))
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_OLD_CLASS = "kubernetes.io/ingress.class"


def ingress_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why an Ingress leads nowhere."""
    found = [*_class_causes(key, obj, world), *_backend_causes(key, obj, world), *_tls(key, obj, world)]
    yield from found
    if not found and not at(obj, ("status", "loadBalancer", "ingress")):
        yield Cause(
            "ingress-no-address",
            key,
            "no Ingress controller has given it an address yet",
            Depth.EFFECT,
            (Evidence("status.loadBalancer has no address", describe(key)),),
            ("see whether the Ingress controller of its class runs",),
        )


def _class_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    if not world.is_known(INGRESS_CLASS):
        return
    classes = dict(of_kind(world, INGRESS_CLASS))
    there = [one.name for one in classes]
    known = f"there are: {listed(there)}" if there else "the cluster has none"
    name = text(at(obj, ("spec", "ingressClassName")))
    if name and name not in there:
        yield Cause(
            "ingress-class-missing",
            key,
            f"no Ingress controller looks at it: there is no IngressClass {name}",
            Depth.ROOT,
            (Evidence(f"spec.ingressClassName is {name}; {known}", "kubectl get ingressclasses"),),
            (f"correct spec.ingressClassName ({known}), or install that Ingress controller",),
        )
    if name or at(obj, ("metadata", "annotations", _OLD_CLASS)):
        return
    if not any(at(one, ("metadata", "annotations", _DEFAULT_CLASS)) == "true" for one in classes.values()):
        yield Cause(
            "ingress-class-none",
            key,
            "no Ingress controller looks at it: it names no IngressClass, and the cluster has no default one",
            Depth.ROOT,
            (Evidence(f"spec.ingressClassName is empty; {known}", "kubectl get ingressclasses"),),
            (f"set spec.ingressClassName ({known})",),
        )


def _backend_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    backends = [("spec.defaultBackend", part(obj, "spec", "defaultBackend"))]
    for rule in items(obj, "spec", "rules"):
        host = text(rule.get("host")) or "*"
        backends += [
            (f"{host}{text(path.get('path')) or '/'}", part(path, "backend"))
            for path in items(rule, "http", "paths")
        ]
    seen = set()
    for place, backend in backends:
        name, port = text(at(backend, ("service", "name"))), part(backend, "service", "port")
        wanted: str | int = text(port.get("name")) or number(port.get("number"))
        if name and (name, wanted) not in seen:
            seen.add((name, wanted))
            service = ObjectKey("", "Service", key.namespace, name)
            yield from backend_causes(key, place, service, wanted, world)


def backend_causes(
    key: ObjectKey, place: str, service: ObjectKey, port: str | int, world: World
) -> Iterator[Cause]:
    """What is wrong with a Service that `key` leads to; `port` by name or number, 0 for none."""
    if is_absent(world, service):
        there = [one.name for one, _ in of_kind(world, SERVICE, service.namespace)]
        known = f"it has {listed(there)}" if there else "it has none"
        yield Cause(
            "backend-missing",
            key,
            f"{place} leads to the Service {service.name}, which doesn't exist",
            Depth.ROOT,
            (
                Evidence(
                    f"Services in the namespace {service.namespace}: {known}",
                    f"kubectl get services{namespace_flag(service.namespace)}",
                ),
            ),
            (f"correct the name, or add the Service to the namespace {service.namespace}",),
        )
    if service not in world.objects:
        return
    obj = world.objects[service]
    ports = list(items(obj, "spec", "ports"))
    field = "name" if isinstance(port, str) else "port"
    external = text(at(obj, ("spec", "type"))) == "ExternalName"
    if port and not external and not any(one.get(field) == port for one in ports):
        there = [f"{number(one.get('port'))} {text(one.get('name'))}".strip() for one in ports]
        yield Cause(
            "backend-port",
            key,
            f"{place} leads to port {port} of the Service {service.name}, which has only {listed(there)}",
            Depth.ROOT,
            (Evidence(f"ports of the Service: {listed(there)}", get(service)),),
            ("correct the port of the backend, or add it to the Service",),
        )
    yield from service_causes(service, obj, world)


def _tls(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    for entry in items(obj, "spec", "tls"):
        name = text(entry.get("secretName"))
        secret = ObjectKey("", "Secret", key.namespace, name)
        if name and is_absent(world, secret):
            yield Cause(
                "tls-secret-missing",
                key,
                f"has no certificate: the Secret {name} of spec.tls doesn't exist",
                Depth.ROOT,
                (
                    Evidence(
                        f"no Secret {name} in the namespace {key.namespace}",
                        f"kubectl get {typed_name(secret)}{namespace_flag(key.namespace)}",
                    ),
                ),
                (
                    "create it with tls.crt and tls.key",
                    "where cert-manager makes it, look at the Certificate: kubectl get certificates"
                    + namespace_flag(key.namespace),
                ),
            )


# -- the Gateway API ----------------------------------------------------------------------------


def route_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why a route of the Gateway API isn't served."""
    found = []
    for ref in items(obj, "spec", "parentRefs"):
        gateway = _referred(ref, key, GATEWAYS, "Gateway")
        if gateway.group_kind == GroupKind(GATEWAYS, "Gateway") and is_absent(world, gateway):
            found.append(_parent_missing(key, gateway))
    for rule in items(obj, "spec", "rules"):
        for ref in items(rule, "backendRefs"):
            found += _route_backend(key, ref, world)
    yield from found
    known = {one.id for one in found}
    for status in items(obj, "status", "parents"):
        parent = text(at(status, ("parentRef", "name")))
        for kind, condition in by_type(status.get("conditions")).items():
            cause = _not_accepted(key, parent, kind, condition) if is_false(condition) else None
            if cause and cause.id not in known:
                yield cause


def _referred(ref: Mapping[str, Any], key: ObjectKey, group: str, kind: str) -> ObjectKey:
    return ObjectKey(
        text(ref["group"]) if "group" in ref else group,
        text(ref.get("kind")) or kind,
        text(ref.get("namespace")) or key.namespace,
        text(ref.get("name")),
    )


def _parent_missing(key: ObjectKey, gateway: ObjectKey) -> Cause:
    return Cause(
        "route-parent-missing",
        key,
        f"its parent, the Gateway {gateway.namespace}/{gateway.name}, doesn't exist",
        Depth.ROOT,
        (Evidence("spec.parentRefs names it", f"kubectl get gateways{namespace_flag(gateway.namespace)}"),),
        ("correct spec.parentRefs, or create the Gateway",),
    )


def _route_backend(key: ObjectKey, ref: Mapping[str, Any], world: World) -> Iterator[Cause]:
    backend = _referred(ref, key, "", "Service")
    if backend.group_kind != SERVICE:
        return
    if backend.namespace != key.namespace and _is_refused(key, backend, world):
        yield _needs_grant(key, backend)
    yield from backend_causes(key, "a rule of it", backend, number(ref.get("port")), world)


def _is_refused(key: ObjectKey, backend: ObjectKey, world: World) -> bool:
    """Whether no ReferenceGrant of the backend's namespace allows the reference (GEP-709)."""
    kind = GroupKind(GATEWAYS, "ReferenceGrant")
    if not world.is_known(kind, backend.namespace):
        return False
    for _, grant in of_kind(world, kind, backend.namespace):
        allows = any(
            (one.get("group"), one.get("kind"), one.get("namespace")) == (key.group, key.kind, key.namespace)
            for one in items(grant, "spec", "from")
        )
        names = any(
            one.get("kind") == "Service" and one.get("name") in (None, "", backend.name)
            for one in items(grant, "spec", "to")
        )
        if allows and names:
            return False
    return True


def _needs_grant(key: ObjectKey, backend: ObjectKey) -> Cause:
    return Cause(
        "reference-not-granted",
        key,
        f"may not lead to the Service {backend.namespace}/{backend.name}: no ReferenceGrant there allows it",
        Depth.ROOT,
        (
            Evidence(
                f"no ReferenceGrant in the namespace {backend.namespace} is for it",
                f"kubectl get referencegrants{namespace_flag(backend.namespace)}",
            ),
        ),
        (
            (
                f"add a ReferenceGrant to the namespace {backend.namespace}: from {key.kind} of the "
                f"namespace {key.namespace}, to Service {backend.name}"
            ),
        ),
    )


# reason → id of the cause; the standard's reasons (gateway-api v1 RouteConditionReason)
_ROUTE_REASONS = {
    "BackendNotFound": "backend-missing",
    "RefNotPermitted": "reference-not-granted",
    "InvalidKind": "backend-kind",
}


def _not_accepted(key: ObjectKey, parent: str, kind: str, condition: Mapping[str, Any]) -> Cause | None:
    reason = text(condition.get("reason"))
    said = words(condition)
    if kind == "ResolvedRefs":
        sentence, identity = f"a backend can't be used: {said}", _ROUTE_REASONS.get(reason, "route-backend")
        advice = "correct its backendRefs"
        if identity == "reference-not-granted":
            advice = "add a ReferenceGrant to the namespace of what it refers to"
    elif kind == "Accepted":
        sentence, identity = f"the Gateway {parent} doesn't accept it: {said}", "route-not-accepted"
        advice = "compare its hostnames and parentRefs with the Gateway's listeners and their allowedRoutes"
    else:
        return None
    evidence = Evidence(f"{kind} is False for the parent {parent}: {reason}", describe(key))
    return Cause(identity, key, sentence, Depth.ROOT, (evidence,), (advice,))


def gateway_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why a Gateway takes no traffic."""
    name = text(at(obj, ("spec", "gatewayClassName")))
    if is_absent(world, ObjectKey(GATEWAYS, "GatewayClass", "", name)):
        yield Cause(
            "gateway-class-missing",
            key,
            f"no controller looks at it: there is no GatewayClass {name}",
            Depth.ROOT,
            (Evidence(f"spec.gatewayClassName is {name}", "kubectl get gatewayclasses"),),
            ("correct spec.gatewayClassName, or install the controller that has this class",),
        )
        return
    for kind in ("Accepted", "Programmed"):
        condition = conditions(obj).get(kind)
        if condition and is_false(condition):
            yield Cause(
                "gateway-not-accepted" if kind == "Accepted" else "gateway-not-programmed",
                key,
                f"its controller says: {words(condition)}",
                Depth.STATE,
                (Evidence(f"{kind} is False: {text(condition.get('reason'))}", describe(key)),),
            )
            return


# -- NetworkPolicies ----------------------------------------------------------------------------


def policy_hints(key: ObjectKey, pod: Object, world: World) -> Iterator[Cause]:
    """NetworkPolicies that select a Pod and allow nothing: they may be why, and nothing here can prove it."""
    for at_key, policy in of_kind(world, NETWORK_POLICY, key.namespace):
        if not matches_selector(part(policy, "spec", "podSelector"), labels_of(pod)):
            continue
        kinds = at(policy, ("spec", "policyTypes")) or ["Ingress"]
        shut = [
            words_
            for kind, field, words_ in (("Ingress", "ingress", "to it"), ("Egress", "egress", "from it"))
            if kind in kinds and not at(policy, ("spec", field)) and not _opened(key, pod, field, world)
        ]
        if shut:
            yield Cause(
                "network-policy",
                key,
                f"the NetworkPolicy {at_key.name} allows no traffic {' and none '.join(shut)}: "
                "that may be why",
                Depth.EFFECT,
                (Evidence(f"{at_key.name} selects it and has no rule", describe(at_key)),),
                ("if it needs that traffic, allow it by a rule of a NetworkPolicy",),
            )


def _opened(key: ObjectKey, pod: Object, field: str, world: World) -> bool:
    """Policies add up: one that allows something may allow just what is needed."""
    return any(
        at(policy, ("spec", field)) and matches_selector(part(policy, "spec", "podSelector"), labels_of(pod))
        for _, policy in of_kind(world, NETWORK_POLICY, key.namespace)
    )
