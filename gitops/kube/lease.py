"""One controller at a time: a Lease, renewed in a thread of its own, so that a busy loop can't lose it."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gitops.kube.client import Access, Client
from gitops.observe import logs

log = logs.get("lease")

_DURATION = 15.0  # seconds that a lease holds without being renewed
_RENEW = 4.0
# Well before others may take it: what we are writing by then still has to be answered.
_GIVE_UP = 10.0
_RETRY = 2.0


def own_identity() -> str:
    """`<host>_<pid>`: a restart on the same host sees that its predecessor is dead."""
    return f"{socket.gethostname()}_{os.getpid()}"


@dataclass(frozen=True, slots=True)
class _Held:
    holder: str
    renewed: str
    version: str


class Lease:
    """Acquires a Lease and keeps it. `lost` is called, from another thread, when it can't be kept."""

    def __init__(
        self,
        access: Access,
        namespace: str,
        name: str,
        lost: Callable[[], object],
        identity: str | None = None,
    ) -> None:
        self._access = access
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace, self._name = namespace, name
        self._lost = lost
        self._identity = identity or own_identity()
        self._held = False
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None  # the thread's own
        self._wakeup = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        # A lease counts from when we saw it renewed, by our own clock: clocks of hosts differ.
        self._seen: tuple[str, float] = ("", 0.0)
        self._acquired: Callable[[], object] = lambda: None

    async def acquire(self) -> None:
        """Start, and return when the lease is ours."""
        loop = asyncio.get_running_loop()
        acquired = asyncio.Event()
        self._acquired = lambda: loop.call_soon_threadsafe(acquired.set)
        self._thread.start()
        await acquired.wait()

    @property
    def held(self) -> bool:
        return self._held

    async def release(self) -> None:
        """Give it back, so that a successor needn't wait."""
        self._stopping = True
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._wakeup.set)
            await asyncio.to_thread(self._thread.join, 5.0)

    def _run(self) -> None:
        asyncio.run(self._keep())

    async def _keep(self) -> None:
        client = await Client.connect(self._access)
        loop = self._loop = asyncio.get_running_loop()
        renewed = loop.time()
        try:
            while not self._stopping:
                kept = await self._try(client)
                if kept:
                    renewed = loop.time()
                    if not self._held:
                        log.info("lease acquired", lease=f"{self._namespace}/{self._name}")
                        self._held = True
                        self._acquired()
                elif self._held and loop.time() - renewed > _GIVE_UP:
                    log.error("lease lost", lease=f"{self._namespace}/{self._name}")
                    self._held = False
                    self._lost()
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RENEW if kept else _RETRY):
                        await self._wakeup.wait()
            if self._held:
                await self._write(client, await self._read(client), holder="")
        finally:
            await client.close()

    async def _try(self, client: Client) -> bool:
        known = await self._read(client)
        if known is None or (known.version and not self._may_take(known)):
            return False
        return await self._write(client, known, holder=self._identity)

    def _may_take(self, known: _Held) -> bool:
        if known.holder in ("", self._identity) or is_dead(known.holder):
            return True
        now = asyncio.get_running_loop().time()
        mark = f"{known.holder} {known.renewed}"
        if self._seen[0] != mark:
            log.info("another controller holds the lease", holder=known.holder)
            self._seen = (mark, now)
        return now - self._seen[1] > _DURATION

    async def _read(self, client: Client) -> _Held | None:
        """The lease; version empty: there is none. None: it can't be read."""
        reply = await client.request("GET", f"{self._path}/{self._name}", label="leases")
        if reply.status == 404:
            return _Held("", "", "")
        if not reply.ok:
            log.warning("lease can't be read", status=reply.status, error=reply.failure.get("message"))
            return None
        document = reply.json
        spec = document.get("spec") or {}
        return _Held(
            spec.get("holderIdentity") or "",
            spec.get("renewTime") or "",
            document["metadata"]["resourceVersion"],
        )

    async def _write(self, client: Client, known: _Held | None, *, holder: str) -> bool:
        if known is None:
            return False
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        if known.version:
            metadata["resourceVersion"] = known.version  # somebody else was faster: 409
        document = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": int(_DURATION),
                "renewTime": now,
                **({"acquireTime": now} if known.holder != holder else {}),
            },
        }
        method, path = ("PUT", f"{self._path}/{self._name}") if known.version else ("POST", self._path)
        reply = await client.request(method, path, orjson.dumps(document), label="leases")
        if not reply.ok and reply.status != 409:
            log.warning("lease can't be written", status=reply.status, error=reply.failure.get("message"))
        return reply.ok


def is_dead(holder: str) -> bool:
    """Whether the holder was a process of this very host that is no more."""
    name, _, pid = holder.rpartition("_")
    host = name.rpartition("@")[2]  # a command's holder says whose it is before that
    return host == socket.gethostname() and pid.isdigit() and not Path(f"/proc/{pid}").exists()
