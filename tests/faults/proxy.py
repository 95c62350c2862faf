"""A proxy between the controller and the API server that does harm at one chosen point.

HTTP on our side and HTTPS on the other, with the administrator's token: the controller's
kubeconfig points here.
"""

import asyncio
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gitops.local.controlplane import ControlPlane
from tests.faults.plans import Fault, Plan, Point

_HOP_BY_HOP = {
    "host",
    "connection",
    "transfer-encoding",
    "content-length",
    "authorization",
    "accept-encoding",
}
_UNSEEN = ("/leases/", "/leases?", "/events")
_START_SECONDS = 10.0
_LATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One write as it came by."""

    at: float
    point: Point
    path: str
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    status: int = 0  # of the API server's answer; 0 when it was not forwarded


class Proxy:
    """Forwards everything; `plan` names the one fault, `kill` ends the controller."""

    def __init__(self, control_plane: ControlPlane, site: str, kill: Callable[[], None]) -> None:
        self.plan: Plan | None = None
        self.refuse: Callable[[str, str], int] = lambda _method, _path: 0  # a status instead of an answer
        self.struck = 0
        self.points: list[Point] = []
        self.writes: list[Seen] = []
        self._upstream = control_plane.url
        self._token = control_plane.admin_token
        self._tls = ssl.create_default_context(cafile=str(control_plane.ca_file))
        self._site = site
        self._kill = kill
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_START_SECONDS)

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "users": [{"name": "proxy", "user": {}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def last_write(self) -> float:
        """When the last write came by, by the monotonic clock."""
        with self._lock:
            return self.writes[-1].at if self.writes else 0.0

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, connect=10)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False, read_bufsize=2**20
        )
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])

    async def _stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _point(self, verb: str, path: str) -> Point:
        what = path.replace(self._site, "~")
        with self._lock:
            self._counts[verb, what] += 1
            point = Point(verb, what, self._counts[verb, what])
            self.points.append(point)
        return point

    def _strikes(self, point: Point) -> Fault | None:
        if self.plan and self.plan.point == point:
            self.struck += 1
            return self.plan.fault
        return None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        path = request.rel_url.path
        if code := self.refuse(request.method, path):
            return _failure(code, "ServiceUnavailable" if code == 503 else "Forbidden", f"no {path} now")
        if any(part in str(request.rel_url) + "/" for part in _UNSEEN):
            return await self._answer(request, body, None)
        if request.query.get("watch"):
            return await self._watch(request, path)
        verb = request.method
        if verb == "GET":
            point = self._point(verb, path)
            return await self._answer(request, body, self._strikes(point))
        point = self._point(verb, path)
        fault = self._strikes(point)
        began = time.monotonic()

        def note(status: int) -> None:
            if "dryRun" not in request.query:
                seen = Seen(began, point, path, dict(request.query), body, status)
                with self._lock:
                    self.writes.append(seen)

        return await self._answer(request, body, fault, note)

    async def _answer(
        self,
        request: web.BaseRequest,
        body: bytes,
        fault: Fault | None,
        note: Callable[[int], None] = lambda _: None,
    ) -> web.StreamResponse:
        match fault:
            case Fault.KILL_BEFORE:
                self._kill()
                return self._reset(request)
            case Fault.CONFLICT:
                return _failure(409, "Conflict", "the object has been modified; please apply your changes")
            case Fault.BUSY:
                return _failure(429, "TooManyRequests", "busy", {"Retry-After": "1"})
        status, headers, content = await self._forward(request, body)
        note(status)
        match fault:
            case Fault.KILL_AFTER:
                self._kill()
                return self._reset(request)
            case Fault.RESET:
                return self._reset(request)
            case Fault.ERROR_500:
                return _failure(500, "InternalError", "etcdserver: leader changed")
            case Fault.ERROR_504:
                return _failure(504, "Timeout", "request did not complete within the allotted timeout")
            case Fault.CUT:
                return await self._cut(request, status, headers, content)
        return web.Response(status=status, headers=headers, body=content)

    async def _forward(self, request: web.BaseRequest, body: bytes) -> tuple[int, dict[str, str], bytes]:
        assert self._session
        async with self._session.request(
            request.method,
            self._upstream + str(request.rel_url),
            data=body or None,
            headers=self._headers(request),
        ) as answer:
            content = await answer.read()
            kept = {
                name: answer.headers[name]
                for name in ("Content-Type", "Retry-After")
                if name in answer.headers
            }
            return answer.status, kept, content

    def _headers(self, request: web.BaseRequest) -> dict[str, str]:
        kept = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        return {**kept, "Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"}

    def _reset(self, request: web.BaseRequest) -> web.Response:
        if request.transport:
            request.transport.abort()
        return web.Response(status=502)

    async def _cut(
        self, request: web.BaseRequest, status: int, headers: Mapping[str, str], content: bytes
    ) -> web.StreamResponse:
        answer = web.StreamResponse(status=status, headers=dict(headers))
        answer.content_length = len(content)
        await answer.prepare(request)
        await answer.write(content[: len(content) // 2])
        self._reset(request)
        return answer

    async def _watch(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        assert self._session
        async with self._session.get(
            self._upstream + str(request.rel_url), headers=self._headers(request)
        ) as upstream:
            answer = web.StreamResponse(status=upstream.status, headers={"Content-Type": "application/json"})
            await answer.prepare(request)
            held = b""
            async for line in _lines(upstream.content):
                if not line:  # a while without an event: late is not never
                    await answer.write(held)
                    held = b""
                    continue
                if b'"type":"BOOKMARK"' in line[:30]:
                    await answer.write(line)
                    continue
                match self._strikes(self._point("EVENT", path)):
                    case Fault.CLOSED:
                        break
                    case Fault.GONE:
                        await answer.write(_GONE)
                        break
                    case Fault.DOUBLED:
                        await answer.write(line + line)
                    case Fault.LATE:
                        held = line
                    case _:
                        await answer.write(line + held)
                        held = b""
            await answer.write_eof()
            return answer


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines as they come, and an empty one whenever none has come for a while."""
    while True:
        reading = asyncio.ensure_future(content.readuntil(b"\n", max_size=2**25))
        while not (await asyncio.wait({reading}, timeout=_LATE_SECONDS))[0]:
            yield b""
        line = reading.result()
        if not line:
            return
        yield line


_STATUS: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
_GONE = json.dumps(
    {"type": "ERROR", "object": {**_STATUS, "reason": "Expired", "code": 410, "message": "too old"}}
).encode() + b"\n"  # fmt: skip


def _failure(code: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {**_STATUS, "reason": reason, "message": message, "code": code}
    return web.json_response(body, status=code, headers=dict(headers or {}))
