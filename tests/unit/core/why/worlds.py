"""Builders: a world of a few objects, each kind that is named read completely."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.why.model import Cause, World

Obj = dict[str, Any]


def obj(api_version: str, kind: str, name: str, namespace: str = "shop", /, **parts: Any) -> Obj:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **parts.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


def key_of(one: Mapping[str, Any]) -> ObjectKey:
    group = one["apiVersion"].rpartition("/")[0]
    metadata = one["metadata"]
    return ObjectKey(group, one["kind"], metadata.get("namespace", ""), metadata["name"])


def world(
    *objects: Obj, read: Iterable[GroupKind] = (), events: Mapping[ObjectKey, Iterable[str]] | None = None
) -> World:
    """These objects are all there is of their kinds and of those in `read`."""
    kinds = {key_of(one).group_kind for one in objects} | set(read)
    told = {key: tuple({"message": said} for said in messages) for key, messages in (events or {}).items()}
    return World({key_of(one): one for one in objects}, told, read=frozenset((kind, "") for kind in kinds))


def pod(name: str, labels: Mapping[str, str], *, ready: bool = True, ports: Iterable[Obj] = ()) -> Obj:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
    spec = {"containers": [{"name": "web", "ports": list(ports)}]}
    return obj("v1", "Pod", name, metadata={"labels": dict(labels)}, spec=spec, status=status)


def ids(causes: Iterable[Cause]) -> list[str]:
    return [one.id for one in causes]


def condition(kind: str, status: str, reason: str = "", message: str = "") -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message}
