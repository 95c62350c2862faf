"""What we own, as watches show it: one watch per resource type in use, selected by the part-of label."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from gitops.api.group import APPLYSET_PART_OF_LABEL
from gitops.controller.own_health import OwnHealth
from gitops.core.health import Health, needs_body
from gitops.core.inventory import Observed
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.resources import Resource
from gitops.kube.client import Client
from gitops.kube.objects import remember
from gitops.kube.reflector import Reflector
from gitops.observe import logs
from gitops.observe.metrics import Metrics

Listener: TypeAlias = Callable[[str, Observed | None, Observed | None], None]

_SYNC_TIMEOUT = 20.0
_REMEMBERED = 4096

log = logs.get("members")


class Members:
    """The members of all Applications. The listener is told (part-of id, before, after) of each change."""

    def __init__(self, client: Client, metrics: Metrics, listener: Listener, own: OwnHealth) -> None:
        self._client = client
        self._metrics = metrics
        self._listener = listener
        self._own = own
        self._by_kind: dict[GroupKind, dict[ObjectKey, Observed]] = {}
        self._by_set: dict[str, dict[ObjectKey, Observed]] = {}
        self._reflectors: dict[GroupKind, tuple[Reflector, asyncio.Task[None]]] = {}
        self._failures: dict[GroupKind, Problem] = {}
        self._left: dict[str, str] = {}  # uid → version at which it went, of those that went last

    def of(self, applyset_id: str) -> Mapping[ObjectKey, Observed]:
        """The objects that carry this part-of label, members or copies."""
        return self._by_set.get(applyset_id, {})

    async def ensure(self, resources: Iterable[Resource]) -> dict[GroupKind, Problem]:
        """Have these types watched, and wait for their first list. Returns those that can't be read."""
        wanted = list(resources)
        for resource in wanted:
            if resource.group_kind not in self._reflectors:
                self._start(resource)
        waiting = [
            asyncio.create_task(self._reflectors[one.group_kind][0].answered.wait())
            for one in wanted
            if not self._reflectors[one.group_kind][0].answered.is_set()
        ]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=_SYNC_TIMEOUT)
            for task in late:
                task.cancel()
        return {
            one.group_kind: self._failures.get(one.group_kind, _silent(one))
            for one in wanted
            if one.group_kind in self._failures or not self._reflectors[one.group_kind][0].synced.is_set()
        }

    def _start(self, resource: Resource) -> None:
        reflector = Reflector(
            self._client,
            resource,
            self,
            selector=APPLYSET_PART_OF_LABEL,
            metadata_only=not needs_body(resource.group_kind),
        )
        task = asyncio.create_task(reflector.run(), name=f"watch {resource.group_kind}")
        self._reflectors[resource.group_kind] = (reflector, task)

    def read_again(self, kinds: Iterable[GroupKind]) -> None:
        """List these types anew: their health is judged by other rules than before."""
        for kind in kinds:
            if kind in self._reflectors:
                reflector, task = self._reflectors[kind]
                task.cancel()
                self._start(reflector.resource)

    def keep_only(self, kinds: set[GroupKind]) -> None:
        """Stop the watches of types that nobody uses any more."""
        for kind in [kind for kind in self._reflectors if kind not in kinds]:
            self._reflectors.pop(kind)[1].cancel()
            self._failures.pop(kind, None)
            for seen in list(self._by_kind.pop(kind, {}).values()):
                self._by_set.get(seen.part_of, {}).pop(seen.key, None)

    async def close(self) -> None:
        tasks = [task for _, task in self._reflectors.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def kinds(self) -> set[GroupKind]:
        return set(self._reflectors)

    # What the reflectors tell.

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        kind = resource.group_kind
        self._failures.pop(kind, None)
        known = self._by_kind.get(kind, {})
        found = {}
        for obj in objects:
            key = _key(kind, obj["metadata"])
            before = known.get(key)
            seen = remember(obj, kind, before.key if before else key)
            found[key] = self._own.asked(seen, before, obj)
        for key in [key for key in known if key not in found]:
            self._take_out(key)
        for seen in found.values():
            self._put(seen)
        self._metrics.watched(resource.plural, len(found))

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        kind, metadata = resource.group_kind, obj["metadata"]
        key = _key(kind, metadata)
        known = self._by_kind.get(kind, {}).get(key)
        # The echo of a write of ours, whose answer said all of this.
        same = (
            known and known.resource_version == metadata["resourceVersion"] and known.uid == metadata["uid"]
        )
        if known and same and not self._own.is_asked(known):
            return
        self._put(self._own.asked(remember(obj, kind, known.key if known else key), known, obj))

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        kind = resource.group_kind
        metadata = obj["metadata"]
        key = _key(kind, metadata)
        known = self._by_kind.get(kind, {}).get(key)
        # The answer to a write of ours may come after the event of a deletion that followed it; taken in
        # then, it would stay for ever.
        self._left.pop(metadata["uid"], None)
        self._left[metadata["uid"]] = metadata["resourceVersion"]
        if len(self._left) > _REMEMBERED:
            del self._left[next(iter(self._left))]
        # The event of a predecessor, when its successor has been made already.
        if known and known.uid == metadata["uid"]:
            self._take_out(key)

    def failed(self, resource: Resource, status: int, message: str) -> None:
        log.warning("watch failed", resource=resource.plural, status=status, error=message)
        self._metrics.watch_restarted(resource.plural)
        reason = Reason.FORBIDDEN if status == 403 else Reason.UNREADABLE
        blame = Blame.CREDENTIALS if status == 403 else Blame.CLUSTER
        key = ObjectKey(resource.group, resource.kind, "", "*")
        self._failures[resource.group_kind] = Problem(
            reason, f"can't be watched: {message}", blame, advice="it is tried again", key=key
        )

    # What we know from our own requests.

    def wrote(self, seen: Observed) -> None:
        """The answer to a write of ours, or a fresh read: known before its event arrives."""
        if seen.key.group_kind in self._reflectors and seen.part_of:
            known = self._by_kind.get(seen.key.group_kind, {}).get(seen.key)
            self._put(self._own.asked(seen, known, None))

    def judged(self, seen: Observed, health: Health) -> None:
        """What a rule of a user says of the object as it was seen; a newer one waits for its own answer."""
        known = self._by_kind.get(seen.key.group_kind, {}).get(seen.key)
        if known and known.uid == seen.uid and known.resource_version == seen.resource_version:
            self._put(replace(known, health=health))

    def gone(self, key: ObjectKey, uid: str) -> None:
        """A GET by name said that this object is gone."""
        known = self._by_kind.get(key.group_kind, {}).get(key)
        if known and known.uid == uid:
            self._take_out(key)

    def _put(self, seen: Observed) -> None:
        left_at = self._left.get(seen.uid)
        if left_at is not None and not _is_later(seen.resource_version, left_at):
            return
        objects = self._by_kind.setdefault(seen.key.group_kind, {})
        before = objects.get(seen.key)
        if before is not None:
            if _is_older(seen, before):
                return
            if before.part_of != seen.part_of:
                self._by_set.get(before.part_of, {}).pop(seen.key, None)
                self._listener(before.part_of, before, None)
                before = None
            elif before.key is not seen.key:
                # A dictionary keeps the key that it has, and each object would have two.
                del objects[seen.key], self._by_set[seen.part_of][seen.key]
        objects[seen.key] = seen
        self._by_set.setdefault(seen.part_of, {})[seen.key] = seen
        moved = before is None or before.resource_version != seen.resource_version
        if moved or (before and before.health != seen.health):
            self._listener(seen.part_of, before, seen)

    def _take_out(self, key: ObjectKey) -> None:
        seen = self._by_kind.get(key.group_kind, {}).pop(key, None)
        if seen:
            self._by_set.get(seen.part_of, {}).pop(key, None)
            self._listener(seen.part_of, seen, None)


def _key(kind: GroupKind, metadata: Mapping[str, Any]) -> ObjectKey:
    return ObjectKey(kind.group, kind.kind, metadata.get("namespace", ""), metadata["name"])


def _is_later(version: str, than: str) -> bool:
    """Whether a resourceVersion is later; what is no number is taken as later, as in `_is_older`."""
    return not (version.isdigit() and than.isdigit()) or int(version) > int(than)


def _is_older(seen: Observed, known: Observed) -> bool:
    """Whether an event is older than what we know from the reply to our own write.

    resourceVersions are comparable as numbers within one resource (KEP-5504); anything else
    is taken as newer.
    """
    new, old = seen.resource_version, known.resource_version
    return new.isdigit() and old.isdigit() and int(new) < int(old)


def _silent(resource: Resource) -> Problem:
    key = ObjectKey(resource.group, resource.kind, "", "*")
    return Problem(
        Reason.UNREADABLE,
        "the first list has not arrived yet",
        Blame.CLUSTER,
        advice="it is awaited",
        key=key,
    )
