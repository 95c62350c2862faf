"""A reflector: one resource type, listed and watched for ever, and whatever happens told to a sink.

The official client's Watch retries a 410 at the same version and never relists, and its pool
cuts a watch after 300 s, hence our own.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import orjson

from gitops.core.resources import Resource
from gitops.kube.client import JSON, METADATA, METADATA_LIST, Client
from gitops.observe import logs

# The server sends a bookmark about once a minute; a watch that is silent for longer is dead,
# whatever TCP says (a NAT that forgot the connection looks just like this).
_SILENCE = 150.0
_RELIST = 3600.0
_PAGE = "500"
_LONGEST_LINE = 32 * 2**20  # an object has 1.5 MiB at most in etcd, JSON may be longer
_LONGEST_PAUSE = 30.0

log = logs.get("watch")


class Sink(Protocol):
    """Who is told. Calls come one at a time, in the server's order."""

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        """These are all the objects there are: a list from the start."""

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        """An object was added or modified."""

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        """An object is gone, or no longer matches the selector: look before believing."""

    def failed(self, resource: Resource, status: int, message: str) -> None:
        """The type can't be read now. What was known of it may be stale."""


class _Gone(Exception):
    """The version to continue from is too old (410): list again."""


class Reflector:
    """Lists and watches one resource. `synced` is set after the first complete list."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        sink: Sink,
        *,
        selector: str = "",
        fields: str = "",
        namespace: str = "",
        metadata_only: bool = False,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self.answered = asyncio.Event()  # listed for the first time, or failed to
        self.restarts = 0
        self._client = client
        self._sink = sink
        self._metadata_only = metadata_only
        self._path = resource.collection(namespace)
        self._params = {
            name: value for name, value in (("labelSelector", selector), ("fieldSelector", fields)) if value
        }

    async def run(self) -> None:
        """Reflect until cancelled."""
        pause = 0.5
        while True:
            try:
                version = await self._list()
                pause = 0.5
                await self._follow(version)
            except _Gone:
                log.debug("watch starts over", resource=self.resource.plural)
            except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
                self._failed(0, str(error) or type(error).__name__)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
                pause = min(pause * 2, _LONGEST_PAUSE)
            except _Refused as refusal:
                self._failed(refusal.status, str(refusal))
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
                pause = min(pause * 2, _LONGEST_PAUSE)
            self.restarts += 1

    def _failed(self, status: int, message: str) -> None:
        self._sink.failed(self.resource, status, message)
        self.answered.set()

    async def _list(self) -> str:
        """List all pages; only a complete list replaces what is known. Returns its version."""
        objects: list[Mapping[str, Any]] = []
        accept = METADATA_LIST if self._metadata_only else JSON
        params = {**self._params, "limit": _PAGE}
        while True:
            reply = await self._client.request(
                "GET", self._path, params=params, accept=accept, label=self.resource.plural
            )
            if reply.status == 410:  # the continue token expired: a list must be of one moment
                raise _Gone
            if not reply.ok:
                raise _Refused(reply.status, str(reply.failure.get("message", "")))
            page = reply.json
            objects.extend(page.get("items") or ())
            token = page["metadata"].get("continue")
            if not token:
                break
            params = {**self._params, "limit": _PAGE, "continue": token}
        self._sink.replaced(self.resource, objects)
        self.synced.set()
        self.answered.set()
        return str(page["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> None:
        """Watch from a version on, through reconnects, until it is too old or an hour is over."""
        until = time.monotonic() + _RELIST * random.uniform(0.8, 1.2)  # noqa: S311
        while time.monotonic() < until:
            params = {
                **self._params,
                "watch": "1",
                "allowWatchBookmarks": "true",
                "resourceVersion": version,
                "timeoutSeconds": str(random.randint(300, 600)),  # noqa: S311
            }
            accept = METADATA if self._metadata_only else JSON
            opened = time.monotonic()
            async with self._client.stream(self._path, params, accept) as response:
                if response.status == 410:
                    raise _Gone
                if response.status != 200:
                    body = await response.read()
                    raise _Refused(response.status, body.decode(errors="replace")[:300])
                version = await self._events(response, version)
            if time.monotonic() - opened < 1:  # a proxy that closes at once must not make us spin
                await asyncio.sleep(1)

    async def _events(self, response: aiohttp.ClientResponse, version: str) -> str:
        rest = b""
        while True:
            # Whatever has arrived at once: a sync of a thousand objects comes back as thousands of lines.
            async with asyncio.timeout(_SILENCE):
                data = await response.content.readany()
            if not data:
                return version
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise aiohttp.ClientPayloadError(f"a line of the watch is longer than {_LONGEST_LINE} bytes")
            for line in lines:
                version = self._take(orjson.loads(line))

    def _take(self, event: Mapping[str, Any]) -> str:
        """Tell the sink of one event. Returns the version to continue from."""
        obj = event["object"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._sink.changed(self.resource, obj)
            case "DELETED":
                self._sink.deleted(self.resource, obj)
            case "ERROR":
                if obj.get("code") == 410:
                    raise _Gone
                raise _Refused(obj.get("code", 0), obj.get("message", ""))
        return str(obj["metadata"]["resourceVersion"])


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
