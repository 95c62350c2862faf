"""What rules look up in the world again and again: Pods of a selector, Events, and commands to type."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.health.reading import conditions, is_true
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, part, text
from gitops.core.why.model import Object, World

POD = GroupKind("", "Pod")
SERVICE = GroupKind("", "Service")
SECRET = GroupKind("", "Secret")
_TEMPLATES = frozenset(
    GroupKind("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
)


def describe(key: ObjectKey) -> str:
    """The command that shows an object with its Events."""
    return f"kubectl describe {typed_name(key)}{namespace_flag(key.namespace)}"


def get(key: ObjectKey) -> str:
    """The command that shows an object as it is."""
    return f"kubectl get {typed_name(key)}{namespace_flag(key.namespace)} -o yaml"


def typed_name(key: ObjectKey) -> str:
    """`deployment.apps/web`, as kubectl takes it."""
    return f"{str(key.group_kind).lower()}/{key.name}"


def namespace_flag(namespace: str) -> str:
    """` -n shop`, or nothing for what has no namespace."""
    return f" -n {namespace}" if namespace else ""


def of_kind(world: World, kind: GroupKind, namespace: str = "") -> Iterator[tuple[ObjectKey, Object]]:
    """All objects of a kind that were read, in a namespace or (empty) anywhere, by name."""
    for key in sorted(world.objects):
        if key.group_kind == kind and namespace in ("", key.namespace):
            yield key, world.objects[key]


def is_absent(world: World, key: ObjectKey) -> bool:
    """Whether an object was looked for and isn't there; False where nobody could look."""
    return key not in world.objects and world.is_known(key.group_kind, key.namespace)


def labels_of(obj: Object) -> Mapping[str, Any]:
    """The labels of an object."""
    return part(obj, "metadata", "labels")


def matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether labels fit a plain selector; the empty one fits all."""
    return all(labels.get(name) == value for name, value in selector.items())


def matches_selector(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether labels fit a LabelSelector with matchLabels and matchExpressions."""
    if not matches(part(selector, "matchLabels"), labels):
        return False
    for one in items(selector, "matchExpressions"):
        name, values = text(one.get("key")), one.get("values") or ()
        met = {
            "In": labels.get(name) in values,
            "NotIn": labels.get(name) not in values,
            "Exists": name in labels,
            "DoesNotExist": name not in labels,
        }
        if not met.get(text(one.get("operator")), True):
            return False
    return True


def is_ready(pod: Object) -> bool:
    """Whether a Pod takes traffic."""
    return is_true(conditions(pod).get("Ready")) and not at(pod, ("metadata", "deletionTimestamp"))


def is_over(pod: Object) -> bool:
    """Whether a Pod has run and will not run again."""
    return at(pod, ("status", "phase")) in ("Succeeded", "Failed")


def workloads(world: World, namespace: str) -> Iterator[tuple[ObjectKey, Object]]:
    """What makes Pods in a namespace, without what a Deployment makes."""
    for key in sorted(world.objects):
        if key.namespace == namespace and key.group_kind in _TEMPLATES:
            obj = world.objects[key]
            if not at(obj, ("metadata", "ownerReferences")):
                yield key, obj


def template_of(obj: Object) -> Mapping[str, Any]:
    """The Pods' template of a workload."""
    return part(obj, "spec", "template")


def messages(world: World, key: ObjectKey) -> Iterator[str]:
    """What the Events of an object say, newest first, each text once."""
    seen = set()
    for event in world.events.get(key, ()):
        said = text(event.get("message")) or text(event.get("note"))
        if said and said not in seen:
            seen.add(said)
            yield said


def listed(names: list[str], most: int = 3) -> str:
    """`a, b and 4 more`."""
    more = len(names) - most
    return f"{', '.join(names[:most])} and {more} more" if more > 0 else ", ".join(names)
