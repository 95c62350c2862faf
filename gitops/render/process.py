"""The renderer as a child process of ours: for the command, and for a controller outside a Pod."""

import asyncio
import contextlib
import shutil
import subprocess
import threading
from types import TracebackType

from gitops.render.client import RendererClient
from gitops.render.errors import unavailable
from gitops.render.spawn import Started, spawn

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_RESTART_PAUSE = 0.2
_LONGEST_PAUSE = 10.0


class RendererProcess:
    """Starts `python -m gitops.render`, restarts it when it dies, and ends with us.

    `started`: one that runs already, with the options that are given here.
    """

    def __init__(
        self,
        *,
        helm: str = "helm",
        kustomize: str = "kustomize",
        max_concurrent: int = 2,
        started: Started | None = None,
    ) -> None:
        self._options = ["--helm", helm, "--kustomize", kustomize, "--max-concurrent", str(max_concurrent)]
        self._started = started or spawn(self._options)
        self.client = RendererClient(self._started.socket)
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> RendererClient:
        """Wait until it listens; RENDERER_UNAVAILABLE when it doesn't."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                while self.pid and not self._started.socket.exists():  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            await self.stop()
            raise unavailable(f"the renderer did not start within {_START_SECONDS:g} s") from error
        except BaseException:
            await self.stop()
            raise
        if self.pid is None:
            await self.stop()
            raise unavailable("the renderer ended at its start; its standard error says why")
        self._watcher = asyncio.create_task(self._keep_alive(), name="renderer watcher")
        return self.client

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        process = self._started.process
        return process.pid if process.poll() is None else None

    async def stop(self) -> None:
        """End it with its renders, and remove its socket."""
        if self._watcher:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        process = self._started.process
        process.terminate()
        try:
            await asyncio.wait_for(_end_of(process), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await _end_of(process)
        _close(process)
        shutil.rmtree(self._started.folder, ignore_errors=True)

    async def __aenter__(self) -> RendererClient:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _keep_alive(self) -> None:
        pause = _RESTART_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await _end_of(self._started.process)
            # One that dies at once is started ever more slowly, so that it can't eat the machine.
            pause = _RESTART_PAUSE if loop.time() - began > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)
            _close(self._started.process)
            self._started = spawn(self._options, self._started.folder)


async def _end_of(process: "subprocess.Popen[bytes]") -> None:
    """Wait until it has ended: in a thread of its own, as asyncio can wait only for what it has started."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, name="end of the renderer", daemon=True).start()
    await ended.wait()


def _close(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin:
        process.stdin.close()
