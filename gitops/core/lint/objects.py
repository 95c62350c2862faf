"""The objects that are linted, as rules see them: Pods' templates and containers, and who selects whom."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gitops.core.model import GroupKind, Manifest, ObjectKey
from gitops.core.reading import items, part

DEPLOYMENT = GroupKind("apps", "Deployment")
STATEFUL_SET = GroupKind("apps", "StatefulSet")
DAEMON_SET = GroupKind("apps", "DaemonSet")
SERVICE = GroupKind("", "Service")
_TEMPLATE = ("spec", "template")
_TEMPLATES: Mapping[GroupKind, tuple[str, ...]] = {
    DEPLOYMENT: _TEMPLATE,
    STATEFUL_SET: _TEMPLATE,
    DAEMON_SET: _TEMPLATE,
    GroupKind("apps", "ReplicaSet"): _TEMPLATE,
    GroupKind("", "ReplicationController"): _TEMPLATE,
    GroupKind("batch", "Job"): _TEMPLATE,
    GroupKind("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    GroupKind("", "Pod"): (),
}
WORKLOADS = frozenset(_TEMPLATES)
SERVING = frozenset({DEPLOYMENT, STATEFUL_SET, DAEMON_SET})  # their Pods are meant to run for ever
REPLICATED = frozenset({DEPLOYMENT, STATEFUL_SET})


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a Pod; `path` is its place in the object."""

    name: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    init: bool = False  # it ends before the others begin; a sidecar doesn't


@dataclass(frozen=True, slots=True)
class Pod:
    """The Pods that an object makes."""

    path: str  # of their spec
    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]
    spec: Mapping[str, Any] = field(repr=False)
    containers: tuple[Container, ...] = ()

    @property
    def running(self) -> tuple[Container, ...]:
        """The containers that run as long as the Pod."""
        return tuple(one for one in self.containers if not one.init)


@dataclass(frozen=True, slots=True)
class Subject:
    """One object. `key` is as the manifest says it; `place` is the namespace that it comes to be in."""

    key: ObjectKey
    api_version: str
    origin: str
    place: str
    body: Mapping[str, Any] = field(repr=False)
    pod: Pod | None = field(default=None, repr=False)

    @property
    def spec(self) -> Mapping[str, Any]:
        return part(self.body, "spec")

    @property
    def annotations(self) -> Mapping[str, Any]:
        return part(self.body, "metadata", "annotations")

    @property
    def replicas(self) -> int:
        """How many Pods it asks for; 1 where it doesn't say."""
        found = self.spec.get("replicas")
        return found if isinstance(found, int) and not isinstance(found, bool) else 1


def read(manifest: Manifest, namespace: str) -> Subject:
    """A manifest as rules see it; `namespace` is where objects without one go."""
    body: dict[str, Any] = orjson.loads(manifest.body)
    key = ObjectKey(manifest.group, manifest.kind, manifest.namespace, manifest.name)
    pod = _pod(body, _TEMPLATES[key.group_kind]) if key.group_kind in WORKLOADS else None
    return Subject(key, manifest.api_version, manifest.origin, manifest.namespace or namespace, body, pod)


def _pod(body: Mapping[str, Any], template: tuple[str, ...]) -> Pod:
    place = part(body, *template)
    path = ".".join((*template, "spec"))
    spec = part(place, "spec")
    metadata = part(place, "metadata")
    containers = tuple(_containers(spec, path))
    return Pod(path, part(metadata, "labels"), part(metadata, "annotations"), spec, containers)


def _containers(spec: Mapping[str, Any], path: str) -> Iterator[Container]:
    for name in ("initContainers", "containers"):
        for position, body in enumerate(items(spec, name)):
            called = str(body.get("name", position))
            # KEP-753: an init container that is restarted for ever is a sidecar.
            init = name == "initContainers" and body.get("restartPolicy") != "Always"
            yield Container(called, f"{path}.{name}[name={called}]", body, init)


class ObjectSet:
    """Everything that is rendered together, with the lookups that rules across objects need."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self.all = tuple(subjects)
        self._by_kind: dict[tuple[GroupKind, str], list[Subject]] = defaultdict(list)
        self._by_key: dict[tuple[GroupKind, str, str], Subject] = {}
        self._makers: dict[str, list[Subject]] = defaultdict(list)
        self._services: dict[str, list[Subject]] = defaultdict(list)
        for one in self.all:
            self._by_kind[one.key.group_kind, one.place].append(one)
            self._by_key[one.key.group_kind, one.place, one.key.name] = one
            if one.pod:
                self._makers[one.place].append(one)
            if one.key.group_kind == SERVICE and part(one.spec, "selector"):
                self._services[one.place].append(one)

    def of_kind(self, kind: GroupKind, place: str) -> list[Subject]:
        """All objects of a kind in a namespace."""
        return self._by_kind.get((kind, place), [])

    def find(self, kind: GroupKind, place: str, name: str) -> Subject | None:
        return self._by_key.get((kind, place, name))

    def makers(self, place: str) -> list[Subject]:
        """What makes Pods in a namespace."""
        return self._makers.get(place, [])

    def services_of(self, subject: Subject) -> list[Subject]:
        """The Services that send traffic to the Pods of a workload."""
        if subject.pod is None:
            return []
        labels = subject.pod.labels
        found = self._services.get(subject.place, ())
        return [one for one in found if has_labels(labels, part(one.spec, "selector"))]


def has_labels(labels: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether all of `wanted` are among the labels."""
    return all(name in labels and labels[name] == value for name, value in wanted.items())


def selects(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether a LabelSelector fits; an empty one fits everything."""
    if not has_labels(labels, part(selector, "matchLabels")):
        return False
    return all(_expressed(one, labels) for one in items(selector, "matchExpressions"))


def _expressed(one: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    name, values = str(one.get("key")), one.get("values")
    among = labels.get(name) in values if isinstance(values, list) else False
    match one.get("operator"):
        case "In":
            return name in labels and among
        case "NotIn":
            return name not in labels or not among
        case "Exists":
            return name in labels
        case "DoesNotExist":
            return name not in labels
    return True  # the API server refuses what it doesn't know
