"""Secrets that specs refer to by name, watched one by one: a rotated token works at once."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.kube.client import Account, Client
from gitops.kube.reflector import Reflector
from gitops.observe.logs import redactor

_SECRETS = Resource("", "v1", "Secret", "secrets", namespaced=True, verbs=NEEDED_VERBS)
_FIRST_READ = 15.0


@dataclass(frozen=True, slots=True)
class SecretName:
    """A Secret, and the account that reads it (None: the controller's own)."""

    namespace: str
    name: str
    account: Account | None


@dataclass(slots=True)
class _Watched:
    reflector: Reflector
    sink: "_Sink"
    task: asyncio.Task[None]
    users: set[Hashable] = field(default_factory=set)


class Secrets:
    """The data of watched Secrets. `changed` is told which one changed, after its first read."""

    def __init__(self, client: Client, changed: Callable[[SecretName], None]) -> None:
        self._client = client
        self._changed = changed
        self._watched: dict[SecretName, _Watched] = {}

    async def read(self, name: SecretName, user: Hashable) -> Mapping[str, bytes]:
        """The Secret's data as of now; it is watched from then on, until `release`.

        Raises:
            GitopsError: CREDENTIALS_NOT_FOUND (absent) or FORBIDDEN (the account may not watch it).
        """
        watched = self._watched.get(name) or self._start(name)
        watched.users.add(user)
        if not watched.reflector.synced.is_set():
            try:
                async with asyncio.timeout(_FIRST_READ):
                    await watched.sink.answered.wait()
            except TimeoutError:
                raise _unreadable(name, "no answer yet") from None
        if watched.sink.problem:
            raise GitopsError(watched.sink.problem)
        if watched.sink.data is None:
            raise fail(
                Reason.CREDENTIALS_NOT_FOUND,
                f"there is no Secret {name.namespace}/{name.name}",
                Blame.CREDENTIALS,
                where="spec.source.credentials.secretName",
                advice="create it, or correct the name",
            )
        return watched.sink.data

    def release(self, user: Hashable, keep: SecretName | None = None) -> None:
        """`user` needs none of them any more, but for `keep`."""
        for name, watched in list(self._watched.items()):
            if name == keep:
                continue
            watched.users.discard(user)
            if not watched.users:
                watched.task.cancel()
                del self._watched[name]

    def _start(self, name: SecretName) -> _Watched:
        sink = _Sink(name, self._changed)
        reflector = Reflector(
            self._client.as_account(name.account),
            _SECRETS,
            sink,
            fields=f"metadata.name={name.name}",
            namespace=name.namespace,
        )
        task = asyncio.create_task(reflector.run(), name=f"watch Secret {name.namespace}/{name.name}")
        watched = _Watched(reflector, sink, task)
        self._watched[name] = watched
        return watched

    async def close(self) -> None:
        tasks = [watched.task for watched in self._watched.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Sink:
    """What is known of one Secret."""

    def __init__(self, name: SecretName, changed: Callable[[SecretName], None]) -> None:
        self._name = name
        self._changed = changed
        self.data: dict[str, bytes] | None = None
        self.problem: Problem | None = None
        self.answered = asyncio.Event()

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        self._set(objects[0] if objects else None)

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._set(obj)

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._set(None)

    def failed(self, resource: Resource, status: int, message: str) -> None:
        # A watch that breaks leaves what it read: only a refusal takes the value away.
        if status in (401, 403):
            self.data = None
            self.problem = _unreadable(self._name, message).problem
            self.answered.set()

    def _set(self, obj: Mapping[str, Any] | None) -> None:
        data = _decode(obj) if obj else None
        for value in (data or {}).values():
            redactor.remember(value)
        again = self.answered.is_set() and (data != self.data or self.problem is not None)
        self.data, self.problem = data, None
        self.answered.set()
        if again:
            self._changed(self._name)


def _decode(obj: Mapping[str, Any]) -> dict[str, bytes]:
    try:
        return {name: base64.b64decode(value or "") for name, value in (obj.get("data") or {}).items()}
    except binascii.Error:  # the API server doesn't store such a thing
        return {}


def _unreadable(name: SecretName, message: str) -> GitopsError:
    account = name.account
    who = f"the service account {account.namespace}/{account.name}" if account else "the controller"
    return fail(
        Reason.FORBIDDEN,
        f"{who} can't read the Secret {name.namespace}/{name.name}: {message}",
        Blame.CREDENTIALS,
        where="spec.source.credentials.secretName",
        advice="let it get, list and watch this Secret",
    )
