"""Read what a diagnosis needs: the objects in question, what they lead to, Events, last words."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from gitops.api.group import APPLYSET_PART_OF_LABEL
from gitops.core.health import HealthState, assess, needs_body
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.resources import Catalog, Resource
from gitops.core.why.containers import crashing
from gitops.core.why.following import family, made_by
from gitops.core.why.lookups import POD, SECRET, messages
from gitops.core.why.model import Object, World
from gitops.core.why.needs import EVENT, needs
from gitops.core.why.refusals import WEBHOOKS
from gitops.kube.client import JSON, METADATA_LIST, Client, Reply
from gitops.kube.listing import Listed, list_up_to
from gitops.kube.objects import typed

_MOST = 5000  # objects of a list; of what has more, not all is known
_ROUNDS = 4  # from an Ingress over Services and Pods to claims
_LOGS = 3  # Pods whose logs are read
_LINES = "20"
_TROUBLE = (HealthState.PROGRESSING, HealthState.DEGRADED, HealthState.MISSING, HealthState.UNKNOWN)


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
        places = {
            place for key in family(keys, world, made_by(world)) for place in needs(key, world.objects[key])
        }
        new = sorted(place for place in places if not reader.has_asked(*place))
        if not new:
            break
        await asyncio.gather(*(reader.read(kind, namespace) for kind, namespace in new))
        world = reader.world()
    if logs:
        await reader.read_logs(
            [
                (key, name)
                for key in family(keys, world, made_by(world))
                if key.group_kind == POD
                for name in crashing(world.objects[key])
            ][:_LOGS]
        )
        if any(
            "webhook" in said for key in family(keys, world, made_by(world)) for said in messages(world, key)
        ):
            await asyncio.gather(*(reader.read(kind, "") for kind in WEBHOOKS))
    return reader.world()


async def members_in_trouble(
    client: Client, identity: str, resources: Iterable[Resource], namespaces: Iterable[str]
) -> tuple[dict[ObjectKey, Object], dict[GroupKind, str]]:
    """The members of an ApplySet that are not healthy, whole, and the kinds that could not be read.

    Who may not list a kind across the cluster is asked for each of `namespaces` instead. Kinds that
    are healthy as soon as they exist are not asked for.
    """
    selector = f"{APPLYSET_PART_OF_LABEL}={identity}"
    trouble: dict[ObjectKey, Object] = {}
    unreadable: dict[GroupKind, str] = {}

    async def read(resource: Resource) -> None:
        lists = [await _list(client, resource, "", selector=selector)]
        if isinstance(lists[0], Reply) and resource.namespaced:
            lists = [await _list(client, resource, place, selector=selector) for place in sorted(namespaces)]
        for found in lists:
            if isinstance(found, Reply):
                unreadable[resource.group_kind] = _message(found)
                continue
            for item in found.objects:
                obj = typed(item, resource.group_kind)
                if assess(obj).state in _TROUBLE:
                    trouble[_key_of(obj, resource.group_kind)] = obj

    await asyncio.gather(*(read(one) for one in resources if needs_body(one.group_kind)))
    return dict(sorted(trouble.items())), unreadable


def _message(reply: Reply) -> str:
    return str(reply.failure.get("message"))


def _key_of(obj: Object, kind: GroupKind) -> ObjectKey:
    metadata = obj["metadata"]
    return ObjectKey(*kind, metadata.get("namespace", ""), metadata["name"])


async def _list(
    client: Client, resource: Resource, namespace: str, *, selector: str = "", fields: str = ""
) -> Listed | Reply:
    """The objects of a type, until there are too many. Of Secrets, metadata only."""
    accept = METADATA_LIST if resource.group_kind == SECRET else JSON
    return await list_up_to(
        _MOST, client, resource, namespace, selector=selector, fields=fields, accept=accept
    )


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
        fields = f"metadata.name={name}" if name else ""
        found = await _list(self._client, resource, namespace, fields=fields)
        if isinstance(found, Reply):
            self._unreadable[kind] = _message(found)
            return
        for item in found.objects:
            self._keep(kind, typed(item, kind))
        if found.complete and not name:
            self._read.add((kind, namespace))

    def _keep(self, kind: GroupKind, obj: Object) -> None:
        if kind == EVENT:
            self._events.setdefault(_about(obj), []).append(obj)
            return
        self.objects[_key_of(obj, kind)] = obj

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
