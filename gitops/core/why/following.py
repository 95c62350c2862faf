"""Where a question leads: what an object made, and what it depends on."""

from collections.abc import Iterable, Iterator, Mapping

from gitops.core.health import HealthState, assess
from gitops.core.model import ObjectKey
from gitops.core.reading import at, items, part, text
from gitops.core.why.autoscaling import AUTOSCALER, target_of
from gitops.core.why.lookups import POD, SERVICE, is_ready, labels_of, matches, of_kind
from gitops.core.why.model import Object, World
from gitops.core.why.pods import is_in_trouble
from gitops.core.why.routes import INGRESS
from gitops.core.why.volumes import claims_of
from gitops.core.why.workloads import REPLICA_SET


def family(
    subjects: Iterable[ObjectKey], world: World, made: Mapping[str, list[ObjectKey]]
) -> tuple[ObjectKey, ...]:
    """The subjects that were read, and all that they lead to, each once, what is nearer first.

    `made` is `made_by(world)`.
    """
    found: dict[ObjectKey, None] = {}
    ahead = [key for key in subjects if key in world.objects]
    while ahead:
        found |= dict.fromkeys(ahead)
        ahead = [
            there
            for key in ahead
            for there in dict.fromkeys(_next(key, world.objects[key], world, made))
            if there in world.objects and there not in found
        ]
    return tuple(found)


def made_by(world: World) -> Mapping[str, list[ObjectKey]]:
    """What was made, by the uid of its maker; ReplicaSets that are rolled out of use left out."""
    found: dict[str, list[ObjectKey]] = {}
    for key, obj in world.objects.items():
        if key.group_kind == REPLICA_SET and at(obj, ("spec", "replicas")) == 0:
            continue
        for owner in items(obj, "metadata", "ownerReferences"):
            found.setdefault(text(owner.get("uid")), []).append(key)
    return found


def _next(
    key: ObjectKey, obj: Object, world: World, children: Mapping[str, list[ObjectKey]]
) -> Iterator[ObjectKey]:
    kind = key.group_kind
    if kind == POD or assess(obj).state is not HealthState.HEALTHY:
        yield from _worth_asking(children.get(text(at(obj, ("metadata", "uid"))), []), world)
    if kind == POD and is_in_trouble(obj):
        yield from claims_of(key, obj)
    elif kind == SERVICE:
        yield from _unready_pods(key, obj, world)
    elif kind == INGRESS:
        for name in _services(obj):
            yield ObjectKey(*SERVICE, key.namespace, name)
    elif kind == AUTOSCALER:
        yield target_of(key, obj)


def _worth_asking(made: list[ObjectKey], world: World) -> list[ObjectKey]:
    """Without Pods that failed and were replaced, where those that came after are in trouble too."""
    failed = {key for key in made if at(world.objects[key], ("status", "phase")) == "Failed"}
    others = [key for key in made if key not in failed]
    replaced = any(key.group_kind == POD and is_in_trouble(world.objects[key]) for key in others)
    return others if replaced else made


def _unready_pods(key: ObjectKey, obj: Object, world: World) -> list[ObjectKey]:
    """The Pods of a Service that takes no traffic at all."""
    selector = part(obj, "spec", "selector")
    pods = [
        (there, pod)
        for there, pod in of_kind(world, POD, key.namespace)
        if selector and matches(selector, labels_of(pod))
    ]
    return [] if any(is_ready(pod) for _, pod in pods) else [there for there, _ in pods]


def _services(ingress: Object) -> Iterator[str]:
    backends = [part(ingress, "spec", "defaultBackend")]
    backends += [
        part(path, "backend")
        for rule in items(ingress, "spec", "rules")
        for path in items(rule, "http", "paths")
    ]
    for backend in backends:
        if name := text(part(backend, "service").get("name")):
            yield name
