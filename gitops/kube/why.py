"""Read what a diagnosis needs: the objects in question, what they made, what their rules ask for, Events."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.resources import Catalog
from gitops.core.why.model import Object, World
from gitops.core.why.needs import needs
from gitops.kube.client import JSON, METADATA_LIST, Client
from gitops.kube.objects import typed

_MOST = 500  # objects of a list, and Events of a namespace
_EVENT = GroupKind("", "Event")
_SECRET = GroupKind("", "Secret")
_MADE = {
    GroupKind("apps", "Deployment"): (GroupKind("apps", "ReplicaSet"), GroupKind("", "Pod")),
    GroupKind("apps", "ReplicaSet"): (GroupKind("", "Pod"),),
    GroupKind("apps", "StatefulSet"): (GroupKind("", "Pod"),),
    GroupKind("apps", "DaemonSet"): (GroupKind("", "Pod"),),
    GroupKind("batch", "Job"): (GroupKind("", "Pod"),),
}


async def gather(client: Client, catalog: Catalog, subjects: Iterable[ObjectKey], *, logs: bool) -> World:
    """The world around the subjects. LISTs only: who may watch objects may not always GET them."""
    reader = _Reader(client, catalog)
    keys = list(subjects)
    await asyncio.gather(*(reader.read(key.group_kind, key.namespace, key.name) for key in keys))
    places = {(_EVENT, key.namespace or "default"): None for key in keys}
    for key in keys:
        if key in reader.objects:
            places |= dict.fromkeys((kind, key.namespace) for kind in _MADE.get(key.group_kind, ()))
            places |= dict.fromkeys(needs(key, reader.objects[key]))
    await asyncio.gather(*(reader.read(kind, namespace) for kind, namespace in places))
    return reader.world()


class _Reader:
    def __init__(self, client: Client, catalog: Catalog) -> None:
        self._client = client
        self._catalog = catalog
        self.objects: dict[ObjectKey, Object] = {}
        self._read: set[tuple[GroupKind, str]] = set()
        self._unreadable: dict[GroupKind, str] = {}

    async def read(self, kind: GroupKind, namespace: str, name: str = "") -> None:
        """LIST a kind in a namespace, or one object of it. Of Secrets, metadata only."""
        resource = self._catalog.preferred(kind)
        if resource is None:
            self._unreadable[kind] = "the cluster doesn't serve it"
            return
        params = {"limit": str(_MOST), **({"fieldSelector": f"metadata.name={name}"} if name else {})}
        accept = METADATA_LIST if kind == _SECRET else JSON
        path = resource.collection(namespace)
        reply = await self._client.request("GET", path, params=params, accept=accept, label=resource.plural)
        if not reply.ok:
            self._unreadable[kind] = str(reply.failure.get("message"))
            return
        found = reply.json
        for item in found["items"]:
            obj = typed(item, kind)
            metadata = obj["metadata"]
            self.objects[ObjectKey(*kind, metadata.get("namespace", ""), metadata["name"])] = obj
        if not name and not found["metadata"].get("continue"):
            self._read.add((kind, namespace))

    def world(self) -> World:
        events: dict[ObjectKey, list[Object]] = {}
        for key in [key for key in self.objects if key.group_kind == _EVENT]:
            event = self.objects.pop(key)
            events.setdefault(_about(event), []).append(event)
        newest = {key: tuple(sorted(found, key=_seen, reverse=True)) for key, found in events.items()}
        return World(self.objects, newest, read=frozenset(self._read), unreadable=self._unreadable)


def _about(event: Mapping[str, Any]) -> ObjectKey:
    ref = event.get("involvedObject") or {}
    group = str(ref.get("apiVersion", "")).rpartition("/")[0]
    return ObjectKey(group, str(ref.get("kind")), str(ref.get("namespace", "")), str(ref.get("name")))


def _seen(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")
