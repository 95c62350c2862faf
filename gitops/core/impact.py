"""What a change of one object does to what runs: restarts, lost data, cut traffic. Rules over values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitops.core.crd_changes import narrowed
from gitops.core.diff import Change, Segment
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.plan import Verb
from gitops.core.reading import part


class Effect(StrEnum):
    """The kinds of impact; programs read these words."""

    RESTART = "restart"
    REPLACE = "replace"
    DATA_LOSS = "data-loss"
    TRAFFIC = "traffic"
    SCALE_TO_ZERO = "scale-to-zero"
    NARROWED_API = "narrowed-api"
    IMMUTABLE = "immutable"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Impact:
    """One thing that people want to know before they merge."""

    effect: Effect
    message: str


_DEPLOYMENT = GroupKind("apps", "Deployment")
_STATEFUL_SET = GroupKind("apps", "StatefulSet")
_DAEMON_SET = GroupKind("apps", "DaemonSet")
_REPLICA_SET = GroupKind("apps", "ReplicaSet")
_RESTARTED = frozenset({_DEPLOYMENT, _STATEFUL_SET, _DAEMON_SET})
_SCALED = frozenset({_DEPLOYMENT, _STATEFUL_SET, _REPLICA_SET})
_CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_SERVICE = GroupKind("", "Service")
_LOSSES = {
    GroupKind("", "PersistentVolumeClaim"): "the volume's data is lost where its class reclaims by deletion",
    GroupKind("", "PersistentVolume"): "the volume's data is lost where it reclaims by deletion",
    GroupKind("", "Namespace"): "everything in the namespace is deleted with it",
    _CRD: "all objects of this kind are deleted with it, in all namespaces",
}
_TEMPLATE: tuple[Segment, ...] = ("spec", "template")


def impacts(
    key: ObjectKey,
    verb: Verb,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    changes: Sequence[Change] = (),
) -> tuple[Impact, ...]:
    """What a step means beyond its fields; both objects may be as rendered or as the server has them."""
    return tuple(_impacts(key, verb, before, after, changes))


def _impacts(
    key: ObjectKey,
    verb: Verb,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    changes: Sequence[Change],
) -> Iterator[Impact]:
    kind = key.group_kind
    if verb in (Verb.DELETE, Verb.REPLACE):
        if verb is Verb.REPLACE:
            yield Impact(Effect.REPLACE, "is deleted and created anew: it is away for a moment")
        if kind in _LOSSES:
            yield Impact(Effect.DATA_LOSS, _LOSSES[kind])
        if kind == _SERVICE and verb is Verb.DELETE:
            yield Impact(Effect.TRAFFIC, "its name and address stop answering")
        return
    if before is None or after is None:
        return
    if kind in _RESTARTED and any(change.path[:2] == _TEMPLATE for change in changes):
        yield Impact(Effect.RESTART, _restart(kind, after))
    if kind in _SCALED and _spec(after).get("replicas") == 0 and _spec(before).get("replicas", 1) != 0:
        yield Impact(Effect.SCALE_TO_ZERO, "scales down to 0: nothing of it runs any more")
    if kind == _SERVICE:
        yield from _of_service(before, after)
    if kind == _CRD:
        for message in narrowed(before, after):
            yield Impact(Effect.NARROWED_API, message)


def immutable_advice() -> Impact:
    """What can be done about a change that the server refuses for ever."""
    return Impact(
        Effect.IMMUTABLE,
        "the server doesn't let this field change; undo it, or let the object be deleted and created anew "
        "with the annotation gitops.dev/force: Enabled",
    )


def _restart(kind: GroupKind, after: Mapping[str, Any]) -> str:
    spec = _spec(after)
    if spec.get("paused"):
        return "its Pods restart once it is no longer paused"
    if part(spec, "updateStrategy").get("type") == "OnDelete":
        return "its Pods change when somebody deletes them (OnDelete)"
    if kind == _DAEMON_SET:
        return "restarts its Pods on every node"
    replicas = spec.get("replicas", 1)
    if replicas == 0:
        return "no Pod restarts: it has 0 replicas"
    at_once = part(spec, "strategy").get("type") == "Recreate"
    how = ", all at once (Recreate)" if at_once else ""
    return f"restarts its Pods: {replicas} replica{'s' if replicas != 1 else ''}{how}"


def _of_service(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Impact]:
    old, new = _spec(before), _spec(after)
    if old.get("selector") != new.get("selector"):
        yield Impact(Effect.TRAFFIC, "selects other Pods: traffic is cut where none of them is ready")
    types = (old.get("type", "ClusterIP"), new.get("type", "ClusterIP"))
    if types[0] != types[1]:
        yield Impact(Effect.TYPE, f"changes its type from {types[0]} to {types[1]}: addresses may go")


def _spec(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return part(obj, "spec")
