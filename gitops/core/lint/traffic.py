"""Rules about Services, and what leads to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import SERVICE, ObjectSet, Subject, has_labels
from gitops.core.lint.severity import Severity
from gitops.core.model import GroupKind
from gitops.core.reading import items, part

_INGRESS = GroupKind("networking.k8s.io", "Ingress")
_ROUTES = frozenset(
    GroupKind("gateway.networking.k8s.io", kind)
    for kind in ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")
)


def _node_port(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    if subject.spec.get("type") == "NodePort":
        yield Hit("spec.type", "it opens a port on every node of the cluster")


def _service_without_pods(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    selector = part(subject.spec, "selector")
    if selector and every.makers(subject.place) and not _pods_of(subject, every):
        yield Hit("spec.selector", "it selects the Pods of no workload beside it")


def _pods_of(service: Subject, every: ObjectSet) -> list[Subject]:
    selector = part(service.spec, "selector")
    if not selector or service.spec.get("type") == "ExternalName":
        return []
    return [one for one in every.makers(service.place) if one.pod and has_labels(one.pod.labels, selector)]


def _service_port(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    """A port by number works also undeclared, so only Pods that declare others are at fault.

    Jobs that carry the same labels serve nobody.
    """
    for one in _pods_of(subject, every):
        if one.key.group == "batch":
            continue
        ports = [port for container in one.pod.running for port in items(container.body, "ports")]  # type: ignore[union-attr]
        names = {port.get("name") for port in ports}
        numbers = {port.get("containerPort") for port in ports}
        for position, port in enumerate(items(subject.spec, "ports")):
            target = port.get("targetPort", port.get("port"))
            if isinstance(target, str) and target.isdigit():
                target = int(target)
            known = target in names if isinstance(target, str) else not ports or target in numbers
            if not known:
                path = f"spec.ports[{_called(port, position)}].targetPort"
                yield Hit(path, f"{one.key.kind} {one.key.name} has no port {target}; {_listed(ports)}")


def _called(port: Mapping[str, Any], position: int) -> str:
    return f"name={port['name']}" if "name" in port else str(position)


def _listed(ports: list[Mapping[str, Any]]) -> str:
    if not ports:
        return "it declares none"
    shown = (f"{port.get('name') or ''} {port.get('containerPort')}".strip() for port in ports)
    return f"it has {', '.join(shown)}"


def _missing_backend(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    """Only where there are Services beside it: else they come from elsewhere."""
    if not every.of_kind(SERVICE, subject.place):
        return
    backends = _of_ingress(subject) if subject.key.group_kind == _INGRESS else _of_route(subject)
    for path, name, port in backends:
        service = every.find(SERVICE, subject.place, name)
        if service is None:
            yield Hit(path, f"there is no Service {name} beside it")
        elif port is not None and not _serves(service, port):
            yield Hit(path, f"Service {name} has no port {port}")


def _serves(service: Subject, port: Any) -> bool:
    ports = list(items(service.spec, "ports"))
    return not ports or any(port in (one.get("name"), one.get("port")) for one in ports)


def _of_ingress(ingress: Subject) -> Iterator[tuple[str, str, Any]]:
    backends = [("spec.defaultBackend", part(ingress.spec, "defaultBackend"))]
    for number, rule in enumerate(items(ingress.spec, "rules")):
        for position, path in enumerate(items(rule, "http", "paths")):
            backends.append((f"spec.rules[{number}].http.paths[{position}].backend", part(path, "backend")))
    for place, backend in backends:
        service = part(backend, "service")
        port = part(service, "port")
        if service.get("name"):
            yield f"{place}.service", str(service["name"]), port.get("name", port.get("number"))


def _of_route(route: Subject) -> Iterator[tuple[str, str, Any]]:
    for number, rule in enumerate(items(route.spec, "rules")):
        for position, one in enumerate(items(rule, "backendRefs")):
            elsewhere = one.get("namespace", route.place) != route.place
            if one.get("kind", "Service") == "Service" and not one.get("group") and not elsewhere:
                place = f"spec.rules[{number}].backendRefs[{position}]"
                yield place, str(one.get("name")), one.get("port")


RULES = (
    Rule(
        "node-port",
        Severity.WARNING,
        "A Service is of type NodePort.",
        "It can be reached on every node, past Ingress, TLS and whatever else stands in front; nodes come "
        "and go, and ports collide.",
        "use ClusterIP behind an Ingress or a Gateway, or LoadBalancer",
        frozenset({SERVICE}),
        _node_port,
    ),
    Rule(
        "service-without-pods",
        Severity.WARNING,
        "A Service selects the Pods of no workload beside it.",
        "Every connection to it is refused.",
        "correct its selector, or the labels of the Pods' template",
        frozenset({SERVICE}),
        _service_without_pods,
    ),
    Rule(
        "service-port",
        Severity.ERROR,
        "A Service leads to a port that its Pods don't declare.",
        "A name that no container has gives no endpoint at all; a number that nobody listens on refuses "
        "every connection.",
        "let targetPort name a port of the container",
        frozenset({SERVICE}),
        _service_port,
    ),
    Rule(
        "missing-backend",
        Severity.WARNING,
        "An Ingress or a route leads to a Service, or to a port of it, that is not there.",
        "Visitors get an error 503.",
        "correct the Service's name or port",
        frozenset({_INGRESS}) | _ROUTES,
        _missing_backend,
    ),
)
