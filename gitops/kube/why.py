"""Read what a diagnosis needs: the objects in question, what they lead to, Events, last words."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.resources import Catalog
from gitops.core.why.containers import crashing
from gitops.core.why.following import family
from gitops.core.why.lookups import POD, SECRET, messages
from gitops.core.why.model import Object, World
from gitops.core.why.needs import EVENT, needs
from gitops.core.why.refusals import WEBHOOKS
from gitops.kube.client import JSON, METADATA_LIST, Client
from gitops.kube.objects import typed

_PAGE = 500  # objects of one answer
_MOST = 5000  # objects of a list; of what has more, not all is known
_ROUNDS = 4  # from an Ingress over Services and Pods to claims
_LOGS = 3  # Pods whose logs are read
_LINES = "20"


async def gather(
    client: Client,
    catalog: Catalog,
    subjects: Iterable[ObjectKey],
    *,
    logs: bool,
    known: Mapping[ObjectKey, Object] | None = None,
) -> World:
    """The world around the subjects. LISTs only: who may watch objects may not always GET them.

    `known` are subjects that were read already; `logs`: the last lines of containers that crash, too, and
    who refuses Pods: what only a reader of all the evidence has use for.
    """
    reader = _Reader(client, catalog, known or {})
    keys = list(subjects)
    missing = [key for key in keys if key not in reader.objects]
    await asyncio.gather(*(reader.read(key.group_kind, key.namespace, key.name) for key in missing))
    world = reader.world()
    for _ in range(_ROUNDS):
        places = {place for key in family(keys, world) for place in needs(key, world.objects[key])}
        new = sorted(place for place in places if not reader.has_asked(*place))
        if not new:
            break
        await asyncio.gather(*(reader.read(kind, namespace) for kind, namespace in new))
        world = reader.world()
    if logs:
        await reader.read_logs(
            [
                (key, name)
                for key in family(keys, world)
                if key.group_kind == POD
                for name in crashing(world.objects[key])
            ][:_LOGS]
        )
        if any("webhook" in said for key in family(keys, world) for said in messages(world, key)):
            await asyncio.gather(*(reader.read(kind, "") for kind in WEBHOOKS))
    return reader.world()


class _Reader:
    """What has been asked for so far, and what came back."""

    def __init__(self, client: Client, catalog: Catalog, known: Mapping[ObjectKey, Object]) -> None:
        self._client = client
        self._catalog = catalog
        self.objects: dict[ObjectKey, Object] = dict(known)
        self._events: dict[ObjectKey, list[Object]] = {}
        self._logs: dict[tuple[ObjectKey, str], tuple[str, ...]] = {}
        self._asked: set[tuple[GroupKind, str]] = set()
        self._read: set[tuple[GroupKind, str]] = set()
        self._unreadable: dict[GroupKind, str] = {}

    def has_asked(self, kind: GroupKind, namespace: str) -> bool:
        return (kind, namespace) in self._asked

    async def read(self, kind: GroupKind, namespace: str, name: str = "") -> None:
        """LIST a kind in a namespace, or one object of it. Of Secrets, metadata only."""
        if not name:
            self._asked.add((kind, namespace))
        resource = self._catalog.preferred(kind)
        if resource is None:
            self._unreadable[kind] = "the cluster doesn't serve it"
            return
        params = {"limit": str(_PAGE), **({"fieldSelector": f"metadata.name={name}"} if name else {})}
        accept = METADATA_LIST if kind == SECRET else JSON
        path, count, more = resource.collection(namespace), 0, ""
        while count < _MOST:
            reply = await self._client.request(
                "GET",
                path,
                params=params | ({"continue": more} if more else {}),
                accept=accept,
                label=resource.plural,
            )
            if not reply.ok:
                self._unreadable[kind] = str(reply.failure.get("message"))
                return
            found = reply.json
            for item in found["items"]:
                self._keep(kind, typed(item, kind))
            count += len(found["items"])
            more = found["metadata"].get("continue") or ""
            if not more:
                if not name:
                    self._read.add((kind, namespace))
                return

    def _keep(self, kind: GroupKind, obj: Object) -> None:
        if kind == EVENT:
            self._events.setdefault(_about(obj), []).append(obj)
            return
        metadata = obj["metadata"]
        self.objects[ObjectKey(*kind, metadata.get("namespace", ""), metadata["name"])] = obj

    async def read_logs(self, containers: Iterable[tuple[ObjectKey, str]]) -> None:
        """The last lines before a container ended; none where the kubelet has none."""
        await asyncio.gather(*(self._read_log(key, name) for key, name in containers))

    async def _read_log(self, key: ObjectKey, container: str) -> None:
        resource = self._catalog.preferred(POD)
        if resource is None:
            return
        for previous in ("true", "false"):  # one that doesn't restart has no previous log
            params = {"container": container, "previous": previous, "tailLines": _LINES}
            path = f"{resource.path(key)}/log"
            reply = await self._client.request("GET", path, params=params, label="pods/log")
            if reply.ok and reply.body.strip():
                lines = reply.body.decode(errors="replace").strip().splitlines()
                self._logs[(key, container)] = tuple(lines)
                return

    def world(self) -> World:
        events = {key: tuple(sorted(found, key=_seen, reverse=True)) for key, found in self._events.items()}
        return World(self.objects, events, self._logs, frozenset(self._read), self._unreadable)


def _about(event: Mapping[str, Any]) -> ObjectKey:
    ref = event.get("involvedObject") or {}
    group = str(ref.get("apiVersion", "")).rpartition("/")[0]
    return ObjectKey(group, str(ref.get("kind")), str(ref.get("namespace", "")), str(ref.get("name")))


def _seen(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")
