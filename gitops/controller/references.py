"""ConfigMaps and Secrets that specs refer to by name, watched one by one: a changed one works at once."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.controller.applications import AppKey
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.core.values import Holder
from gitops.kube.client import Account, Client
from gitops.kube.reflector import Reflector
from gitops.observe.logs import redactor

_RESOURCES = {
    "ConfigMap": Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS),
    "Secret": Resource("", "v1", "Secret", "secrets", namespaced=True, verbs=NEEDED_VERBS),
}
_FIRST_READ = 15.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A ConfigMap or Secret, and the account that reads it (None: the controller's own)."""

    kind: str
    namespace: str
    name: str
    account: Account | None


@dataclass(slots=True)
class _Watched:
    reflector: Reflector
    sink: "_Sink"
    task: asyncio.Task[None]
    users: set[AppKey] = field(default_factory=set)


class References:
    """What watched objects hold. `changed` is told who uses one that changed, after its first read."""

    def __init__(self, client: Client, changed: Callable[[AppKey], None]) -> None:
        self._client = client
        self._changed = changed
        self._watched: dict[Reference, _Watched] = {}
        self._used: dict[AppKey, set[Reference]] = {}

    async def read(self, reference: Reference, user: AppKey, where: str) -> Holder | None:
        """What it holds as of now, None: it is not there. It is watched from then on, until `release`.

        Raises:
            GitopsError: FORBIDDEN (the account may not watch it, or there is no answer), at `where`.
        """
        watched = self._watched.get(reference) or self._start(reference)
        watched.users.add(user)
        self._used.setdefault(user, set()).add(reference)
        if not watched.reflector.synced.is_set():
            try:
                async with asyncio.timeout(_FIRST_READ):
                    await watched.sink.answered.wait()
            except TimeoutError:
                raise _unreadable(reference, "no answer yet", where) from None
        if watched.sink.refusal:
            raise _unreadable(reference, watched.sink.refusal, where)
        return watched.sink.holder

    def release(self, user: AppKey, keep: Collection[Reference] = ()) -> None:
        """`user` needs none of them any more, but for those in `keep`."""
        used = self._used.pop(user, set())
        for reference in used.difference(keep):
            watched = self._watched[reference]
            watched.users.discard(user)
            if not watched.users:
                watched.task.cancel()
                del self._watched[reference]
        if kept := used.intersection(keep):
            self._used[user] = kept

    def _start(self, reference: Reference) -> _Watched:
        users: set[AppKey] = set()
        sink = _Sink(lambda: [self._changed(user) for user in users])
        reflector = Reflector(
            self._client.as_account(reference.account),
            _RESOURCES[reference.kind],
            sink,
            fields=f"metadata.name={reference.name}",
            namespace=reference.namespace,
        )
        name = f"watch {reference.kind} {reference.namespace}/{reference.name}"
        watched = _Watched(reflector, sink, asyncio.create_task(reflector.run(), name=name), users)
        self._watched[reference] = watched
        return watched

    async def close(self) -> None:
        tasks = [watched.task for watched in self._watched.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Sink:
    """What is known of one object."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self.holder: Holder | None = None
        self.refusal = ""
        self.answered = asyncio.Event()

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        self._set(resource, objects[0] if objects else None)

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._set(resource, obj)

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._set(resource, None)

    def failed(self, resource: Resource, status: int, message: str) -> None:
        # A watch that breaks leaves what it read: only a refusal takes the value away.
        if status in (401, 403):
            self.holder = None
            self.refusal = message or f"status {status}"
            self.answered.set()

    def _set(self, resource: Resource, obj: Mapping[str, Any] | None) -> None:
        holder = held_by(resource.kind, obj) if obj else None
        if resource.kind == "Secret" and holder:
            for value in holder.data.values():
                redactor.remember(value)
        again = self.answered.is_set() and (holder != self.holder or bool(self.refusal))
        self.holder, self.refusal = holder, ""
        self.answered.set()
        if again:
            self._changed()


def held_by(kind: str, obj: Mapping[str, Any]) -> Holder:
    """What a ConfigMap or Secret holds, as bytes."""
    encoded = obj.get("data" if kind == "Secret" else "binaryData") or {}
    plain = {} if kind == "Secret" else obj.get("data") or {}
    try:
        data = {name: base64.b64decode(value or "") for name, value in encoded.items()}
    except binascii.Error:  # the API server doesn't store such a thing
        data = {}
    data |= {name: str(value).encode() for name, value in plain.items()}
    return Holder(str(obj["metadata"].get("uid", "")), data)


def _unreadable(reference: Reference, message: str, where: str) -> GitopsError:
    account = reference.account
    who = f"the service account {account.namespace}/{account.name}" if account else "the controller"
    return fail(
        Reason.FORBIDDEN,
        f"{who} can't read the {reference.kind} {reference.namespace}/{reference.name}: {message}",
        Blame.CREDENTIALS,
        where=where,
        advice=f"let it get, list and watch this {reference.kind}",
    )
