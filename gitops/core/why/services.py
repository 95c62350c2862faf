"""Why a Service leads nowhere: its selector, its Pods, its ports, its load balancer."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, number, part, text
from gitops.core.why.lookups import (
    POD,
    describe,
    is_over,
    is_ready,
    labels_of,
    listed,
    matches,
    messages,
    namespace_flag,
    of_kind,
    template_of,
    typed_name,
    workloads,
)
from gitops.core.why.model import Cause, Depth, Evidence, Object, World

ENDPOINT_SLICE = GroupKind("discovery.k8s.io", "EndpointSlice")
_OF_SERVICE = "kubernetes.io/service-name"


def service_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why a Service has no endpoints or no address."""
    kind = text(at(obj, ("spec", "type")))
    if kind == "ExternalName":
        return
    if kind == "LoadBalancer" and not at(obj, ("status", "loadBalancer", "ingress")):
        yield _pending(key, world)
    selector = part(obj, "spec", "selector")
    if not selector:
        yield from _without_selector(key, world)
        return
    if not world.is_known(POD, key.namespace):
        return
    pods = [
        (at_key, pod)
        for at_key, pod in of_kind(world, POD, key.namespace)
        if matches(selector, labels_of(pod)) and not is_over(pod)
    ]
    if not pods:
        yield _no_pods(key, selector, world)
        return
    yield from _ports(key, obj, pods)
    if not any(is_ready(pod) for _, pod in pods) and not at(obj, ("spec", "publishNotReadyAddresses")):
        yield _unready(key, selector, pods)


def _pending(key: ObjectKey, world: World) -> Cause:
    said = next((one for one in messages(world, key) if "load balancer" in one.lower()), "")
    evidence = [Evidence("status.loadBalancer has no address", f"{describe(key)}")]
    if said:
        evidence.insert(0, Evidence(f"Event: {said}", describe(key)))
    return Cause(
        "load-balancer-pending",
        key,
        "waits for the cluster to give its load balancer an address",
        Depth.STATE,
        tuple(evidence),
        (
            "look at the cloud's controller manager, or at what provides load balancers here (MetalLB, say)",
            "use type ClusterIP where the cluster has none",
        ),
    )


def _without_selector(key: ObjectKey, world: World) -> Iterator[Cause]:
    """Whoever writes a Service without a selector makes its endpoints too."""
    if not world.is_known(ENDPOINT_SLICE, key.namespace):
        return
    slices = [
        one
        for _, one in of_kind(world, ENDPOINT_SLICE, key.namespace)
        if labels_of(one).get(_OF_SERVICE) == key.name
    ]
    if any(one.get("endpoints") for one in slices):
        return
    yield Cause(
        "service-no-selector",
        key,
        "has no selector, and nobody made endpoints for it",
        Depth.ROOT,
        (
            Evidence(
                "spec.selector is empty",
                f"kubectl get endpointslices -l {_OF_SERVICE}={key.name}{namespace_flag(key.namespace)}",
            ),
        ),
        ("set spec.selector to the labels of its Pods, or add an EndpointSlice",),
    )


def _no_pods(key: ObjectKey, selector: Mapping[str, Any], world: World) -> Cause:
    maker = next(
        (
            (at_key, one)
            for at_key, one in workloads(world, key.namespace)
            if matches(selector, part(template_of(one), "metadata", "labels"))
        ),
        None,
    )
    if maker:
        return _not_made(key, *maker)
    shown = _shown(selector)
    look = f"kubectl get pods --show-labels{namespace_flag(key.namespace)}"
    nearest = _nearest(selector, world, key.namespace)
    if nearest is None:
        return Cause(
            "service-selector",
            key,
            f"has no endpoints: its selector {shown} fits no Pod, and nothing here has such labels",
            Depth.ROOT,
            (Evidence(f"spec.selector is {shown}", look),),
            ("correct spec.selector, or deploy what it selects into this namespace",),
        )
    near, labels = nearest
    differences = [
        f"{name}={labels[name]} in place of {value}" if name in labels else f"no label {name}"
        for name, value in sorted(selector.items())
        if labels.get(name) != value
    ]
    return Cause(
        "service-selector",
        key,
        f"has no endpoints: its selector {shown} fits no Pod; the nearest, {near}, has "
        f"{' and '.join(differences)}",
        Depth.ROOT,
        (Evidence(f"spec.selector is {shown}", look),),
        ("make spec.selector and the labels of the Pods' template the same",),
    )


def _not_made(key: ObjectKey, maker: ObjectKey, obj: Object) -> Cause:
    wanted = number(at(obj, ("spec", "replicas")), 1)
    scaled = "replicas" in part(obj, "spec") and wanted == 0
    return Cause(
        "service-scaled-to-zero" if scaled else "service-pods-missing",
        key,
        f"has no endpoints: {maker.kind} {maker.name}, whose Pods it selects, "
        + ("has 0 replicas" if scaled else "has no Pods"),
        Depth.ROOT if scaled else Depth.EFFECT,
        (Evidence(f"spec.replicas of {maker.kind} {maker.name} is {wanted}", describe(maker)),),
        (f"kubectl scale {typed_name(maker)} --replicas=1{namespace_flag(key.namespace)}",) if scaled else (),
    )


def _nearest(
    selector: Mapping[str, Any], world: World, namespace: str
) -> tuple[str, Mapping[str, Any]] | None:
    """The Pod, or the workload's template, with the most of the selector's labels; None: none has any."""
    found: list[tuple[int, int, str, Mapping[str, Any]]] = []
    candidates = [
        (f"Pod {key.name}", labels_of(pod)) for key, pod in of_kind(world, POD, namespace) if not is_over(pod)
    ]
    candidates += [
        (f"{key.kind} {key.name}", part(template_of(one), "metadata", "labels"))
        for key, one in workloads(world, namespace)
    ]
    for number_, (name, labels) in enumerate(candidates):
        same = sum(labels.get(label) == value for label, value in selector.items())
        named = sum(label in labels for label in selector)
        if named:
            found.append((-2 * same - named, number_, name, labels))
    if not found:
        return None
    _, _, name, labels = min(found, key=lambda one: one[:2])
    return name, labels


def _unready(key: ObjectKey, selector: Mapping[str, Any], pods: list[tuple[ObjectKey, Object]]) -> Cause:
    names = [one.name for one, _ in pods]
    number_of = "its Pod" if len(names) == 1 else f"none of its {len(names)} Pods"
    return Cause(
        "service-pods-not-ready",
        key,
        f"has no endpoints: {number_of} is {'not ' if len(names) == 1 else ''}ready ({listed(names)})",
        Depth.EFFECT,
        (
            Evidence(
                f"{len(names)} Pods fit {_shown(selector)}, 0 are ready",
                f"kubectl get pods -l {_shown(selector)}{namespace_flag(key.namespace)}",
            ),
        ),
        (f"look at one of them: gitops why pod/{names[0]}{namespace_flag(key.namespace)}",),
    )


def _ports(key: ObjectKey, obj: Object, pods: list[tuple[ObjectKey, Object]]) -> Iterator[Cause]:
    """Ports by name have to be declared; by number they needn't, so that those only may be wrong."""
    for port in items(obj, "spec", "ports"):
        target = port.get("targetPort")
        if not isinstance(target, str) and not isinstance(target, int):
            continue
        declared = [one for _, pod in pods for one in _declared(pod)]
        by_name = isinstance(target, str)
        fits = any(one.get("name" if by_name else "containerPort") == target for one in declared)
        if fits or (not by_name and not declared):
            continue
        shown = sorted({_port_shown(one) for one in declared})
        there = f"they declare {listed(shown)}" if shown else "they declare no port"
        about = f"its port {number(port.get('port'))} leads to targetPort {target}"
        yield Cause(
            "service-target-port",
            key,
            f"{about}, which no container of its Pods has: {there}"
            if by_name
            else f"{about}, which may be wrong: no container of its Pods declares it; {there}",
            Depth.ROOT if by_name else Depth.STATE,
            (
                Evidence(
                    f"Pod {pods[0][0].name}: {there}",
                    f"kubectl get {typed_name(pods[0][0])}{namespace_flag(key.namespace)} "
                    "-o jsonpath='{.spec.containers[*].ports}'",
                ),
            ),
            ("correct targetPort in the Service, or the container's ports",),
        )


def _declared(pod: Object) -> Iterator[Mapping[str, Any]]:
    for group in ("containers", "initContainers"):
        for container in items(pod, "spec", group):
            if group == "containers" or container.get("restartPolicy") == "Always":
                yield from items(container, "ports")


def _port_shown(port: Mapping[str, Any]) -> str:
    value = str(number(port.get("containerPort")))
    name = text(port.get("name"))
    return f"{name} ({value})" if name else value


def _shown(selector: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
