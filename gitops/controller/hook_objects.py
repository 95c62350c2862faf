"""The objects of hooks, as watches show them: each with its last seen state, also when it is gone."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitops.api.group import HOOK_OF_LABEL, HOOK_RUN_ANNOTATION
from gitops.core.hooks import HookState, exit_of, state_of
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.resources import Resource
from gitops.kube.client import Client
from gitops.kube.reflector import Reflector
from gitops.observe import logs

log = logs.get("hooks")

_SYNC_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class HookObject:
    """One object of a hook. `gone`: it was deleted, and this is how it was seen last."""

    key: ObjectKey
    uid: str
    resource_version: str
    owner: str  # the label: an ApplySet id
    mark: str  # which hook of which run
    state: HookState
    message: str = ""
    deleting: bool = False
    gone: bool = False


def read_hook_object(obj: Mapping[str, Any], kind: GroupKind) -> HookObject:
    """What is kept of a hook's object."""
    metadata = obj["metadata"]
    api_version = obj.get("apiVersion") or (f"{kind.group}/v1" if kind.group else "v1")
    state, message = state_of({**obj, "apiVersion": api_version, "kind": kind.kind}, kind)
    if kind == GroupKind("", "Pod") and state is HookState.RUNNING:
        message = exit_of(obj)
    return HookObject(
        key=ObjectKey(kind.group, kind.kind, metadata.get("namespace", ""), metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        owner=(metadata.get("labels") or {}).get(HOOK_OF_LABEL, ""),
        mark=(metadata.get("annotations") or {}).get(HOOK_RUN_ANNOTATION, ""),
        state=state,
        message=message,
        deleting=bool(metadata.get("deletionTimestamp")),
    )


class HookObjects:
    """All objects with the label of hooks. The listener is told the ApplySet id of each that changed."""

    def __init__(self, client: Client, listener: Callable[[str], None]) -> None:
        self._client = client
        self._listener = listener
        self._objects: dict[ObjectKey, HookObject] = {}
        self._reflectors: dict[GroupKind, tuple[Reflector, asyncio.Task[None]]] = {}

    async def ensure(self, resources: Iterable[Resource]) -> bool:
        """Have these types watched, and wait for their first list. False: some can't be read now."""
        wanted = list(resources)
        for resource in wanted:
            if resource.group_kind not in self._reflectors:
                reflector = Reflector(self._client, resource, self, selector=HOOK_OF_LABEL)
                task = asyncio.create_task(reflector.run(), name=f"watch hooks {resource.group_kind}")
                self._reflectors[resource.group_kind] = (reflector, task)
        reflectors = [self._reflectors[resource.group_kind][0] for resource in wanted]
        late = [one for one in reflectors if not one.answered.is_set()]
        if late:
            waiting = [asyncio.create_task(one.answered.wait()) for one in late]
            _, silent = await asyncio.wait(waiting, timeout=_SYNC_TIMEOUT)
            for unanswered in silent:
                unanswered.cancel()
        return all(one.synced.is_set() for one in reflectors)

    def of(self, owner: str) -> list[HookObject]:
        """Those of one Application that are there."""
        return [one for one in self._objects.values() if one.owner == owner and not one.gone]

    def get(self, key: ObjectKey, owner: str) -> HookObject | None:
        """One object as it was seen last."""
        found = self._objects.get(key)
        return found if found and found.owner == owner else None

    def put(self, seen: HookObject) -> None:
        """The answer to a request of ours: known before its event arrives."""
        known = self._objects.get(seen.key)
        if known is None or known.uid != seen.uid or _version(known) <= _version(seen):
            self._objects[seen.key] = seen

    def forget(self, key: ObjectKey) -> None:
        """A deleted object whose result is recorded needs no memory."""
        known = self._objects.get(key)
        if known and known.gone:
            del self._objects[key]

    async def close(self) -> None:
        tasks = [task for _, task in self._reflectors.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What the reflectors tell.

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        kind = resource.group_kind
        found = {one.key: one for one in (read_hook_object(obj, kind) for obj in objects)}
        for key in [key for key in self._objects if key.group_kind == kind and key not in found]:
            self._set(replace(self._objects[key], gone=True))
        for one in found.values():
            self._set(one)

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._set(read_hook_object(obj, resource.group_kind))

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        seen = read_hook_object(obj, resource.group_kind)
        known = self._objects.get(seen.key)
        if known is None or known.uid == seen.uid:
            self._set(replace(seen, gone=True))

    def failed(self, resource: Resource, status: int, message: str) -> None:
        log.warning("watch of hooks failed", resource=resource.plural, status=status, error=message)

    def _set(self, seen: HookObject) -> None:
        known = self._objects.get(seen.key)
        if known and known.uid == seen.uid and _version(known) > _version(seen):
            return
        self._objects[seen.key] = seen
        if known is None or (known.state, known.gone) != (seen.state, seen.gone):
            self._listener(seen.owner)


def _version(one: HookObject) -> int:
    return int(one.resource_version) if one.resource_version.isdigit() else 0
