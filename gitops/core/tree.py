"""The objects of an Application and what they own, as a tree: pure functions over what was read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gitops.core.health import HEALTHY, Health, HealthState
from gitops.core.model import ObjectKey
from gitops.core.reading import part

# Worst first. What can't be told apart from broken comes before what only takes its time.
_RANKS = {
    HealthState.DEGRADED: 0,
    HealthState.MISSING: 1,
    HealthState.UNKNOWN: 2,
    HealthState.PROGRESSING: 3,
    HealthState.SUSPENDED: 4,
    HealthState.HEALTHY: 5,
}

# What runs comes first, then what leads to it, then what it needs; other kinds between.
_KINDS = {
    kind: index
    for index, kind in enumerate(
        (
            *("Application", "Namespace", "CustomResourceDefinition"),
            *("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "Pod"),
            *("Ingress", "Service", "EndpointSlice", "PersistentVolumeClaim", ""),
            *("ConfigMap", "Secret", "ServiceAccount"),
            *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
        )
    )
}

_LONG = 50  # lines; a shorter tree is shown as it is
_MANY = 3  # of one kind, healthy, side by side: more are folded in a long tree


@dataclass(frozen=True, slots=True)
class Seen:
    """One live object as a tree needs it; `owners` are the uids that its ownerReferences name."""

    key: ObjectKey
    uid: str
    owners: tuple[str, ...]
    health: Health
    created: datetime | None = None
    ready: str = ""  # "2/3" of what has parts that get ready
    restarts: int = 0
    is_old: bool = False  # a ReplicaSet that a newer one replaced
    hook: str = ""  # the phase of a sync in which it ran


@dataclass(frozen=True, slots=True)
class Node:
    """An object and what it owns, worst first."""

    key: ObjectKey
    health: Health
    created: datetime | None = None
    ready: str = ""
    restarts: int = 0
    is_old: bool = False
    uid: str = ""
    children: tuple["Node", ...] = ()
    hook: str = ""

    @property
    def worst(self) -> HealthState:
        """The worst state of the object and everything below it."""
        states = [self.health.state, *(child.worst for child in self.children)]
        return min(states, key=lambda state: _RANKS[state])


@dataclass(frozen=True, slots=True)
class Fold:
    """Several objects of one kind in one line: old ones, or healthy ones of a long tree."""

    kind: str
    count: int
    is_old: bool = False


def seen(obj: Mapping[str, Any], key: ObjectKey, health: Health) -> Seen:
    """Read a live object, or its PartialObjectMetadata."""
    metadata = obj["metadata"]
    status, spec = part(obj, "status"), part(obj, "spec")
    created = metadata.get("creationTimestamp")
    return Seen(
        key,
        metadata["uid"],
        tuple(one["uid"] for one in metadata.get("ownerReferences") or ()),
        health,
        datetime.fromisoformat(created) if created else None,
        _ready(key.kind, spec, status),
        sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ()),
        key.kind == "ReplicaSet" and not spec.get("replicas", 1) and not status.get("replicas"),
    )


def _ready(kind: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    match kind:
        case "Deployment" | "StatefulSet" | "ReplicaSet":
            return f"{status.get('readyReplicas') or 0}/{spec.get('replicas', 1)}"
        case "DaemonSet":
            return f"{status.get('numberReady') or 0}/{status.get('desiredNumberScheduled') or 0}"
        case "Pod":
            containers = spec.get("containers") or ()
            ready = sum(bool(one.get("ready")) for one in status.get("containerStatuses") or ())
            return f"{ready}/{len(containers)}"
        case "Job":
            return f"{status.get('succeeded') or 0}/{spec.get('completions') or 1}"
    return ""


def forest(members: Iterable[Seen], owned: Iterable[Seen]) -> tuple[Node, ...]:
    """The members with what they own below them; a member that another one owns is below that one.

    Of `owned`, what belongs to no member is left out.
    """
    roots = {one.uid: one for one in members}
    every = {one.uid: one for one in owned} | roots
    below: dict[str, list[Seen]] = {}
    for one in every.values():
        for owner in one.owners:
            below.setdefault(owner, []).append(one)
    placed: set[str] = set()

    def node(one: Seen) -> Node:
        placed.add(one.uid)
        children = [node(child) for child in below.get(one.uid, ()) if child.uid not in placed]
        return _node(one, children)

    tops = [one for one in roots.values() if not any(owner in roots for owner in one.owners)]
    made = [node(one) for one in tops]
    # Objects that own each other in a ring would have no top.
    made += [node(one) for one in roots.values() if one.uid not in placed]
    return ordered(made)


def _node(one: Seen, children: Iterable[Node]) -> Node:
    # An old ReplicaSet is no news, whatever its status says.
    health = HEALTHY if one.is_old and one.health.state is not HealthState.DEGRADED else one.health
    return Node(
        one.key,
        health,
        one.created,
        one.ready,
        one.restarts,
        one.is_old,
        one.uid,
        ordered(children),
        one.hook,
    )


def ordered(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Trouble first, then by kind in a useful order, then by name."""
    other = _KINDS[""]
    return tuple(
        sorted(
            nodes,
            key=lambda one: (
                _RANKS[one.worst],
                one.is_old,
                _KINDS.get(one.key.kind, other),
                one.key.kind,
                one.key.namespace,
                one.key.name,
            ),
        )
    )


def missing(key: ObjectKey, why: str) -> Node:
    """An object that is wanted and isn't there."""
    return Node(key, Health(HealthState.MISSING, why))


def size(nodes: Iterable[Node]) -> int:
    """The number of objects in the trees."""
    return sum(1 + size(one.children) for one in nodes)


def folded(nodes: Sequence[Node], *, is_long: bool) -> list[Node | Fold]:
    """Siblings as they are shown: old ones always in one line, in a long tree also many healthy ones."""
    shown: list[Node | Fold] = []
    kinds: dict[tuple[bool, str], list[Node]] = {}
    for one in nodes:
        kinds.setdefault((one.is_old, one.key.kind), []).append(one)
    done: set[tuple[bool, str]] = set()
    for one in nodes:
        group = (one.is_old, one.key.kind)
        alike = [peer for peer in kinds[group] if peer.worst is HealthState.HEALTHY]
        is_foldable = one.worst is HealthState.HEALTHY and (one.is_old or (is_long and len(alike) > _MANY))
        if not is_foldable:
            shown.append(one)
        elif group not in done:
            done.add(group)
            shown.append(Fold(one.key.kind, len(alike), one.is_old))
    return shown


def is_long(nodes: Sequence[Node]) -> bool:
    """Whether healthy objects should be folded for the others to be seen."""
    return size(nodes) > _LONG


def with_children(node: Node, children: Iterable[Node]) -> Node:
    """The node with more below it."""
    return replace(node, children=ordered((*node.children, *children)))
