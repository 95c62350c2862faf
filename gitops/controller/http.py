"""The endpoints for kubelet and Prometheus: /healthz, /readyz, /metrics."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from gitops.observe.metrics import Metrics


class Endpoints:
    """A small HTTP server. `ready` says what is not ready yet, `alive` what hangs; empty: all well."""

    def __init__(self, metrics: Metrics, ready: Callable[[], str], alive: Callable[[], str]) -> None:
        self._metrics = metrics
        self._ready = ready
        self._alive = alive
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 takes a free one. Returns the port."""
        app = web.Application()
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/healthz", self._serve_health)
        app.router.add_get("/readyz", self._serve_readiness)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        body, content_type = await asyncio.to_thread(self._metrics.exposition)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _serve_health(self, _: web.Request) -> web.Response:
        return _answer(self._alive())

    async def _serve_readiness(self, _: web.Request) -> web.Response:
        return _answer(self._ready())


def _answer(trouble: str) -> web.Response:
    return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)
