"""The renderer as a child process of ours: for the command, and for a controller outside a Pod."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from gitops.render.client import RendererClient
from gitops.render.errors import unavailable

# Everything else stays with us: KUBECONFIG, HOME, tokens.
_PASSED_ON = ("PATH", "LANG", "TMPDIR")
_PACKAGES = str(Path(__file__).parents[2])  # also where we run from a checkout, not installed
_LONGEST_SOCKET_PATH = 100  # bytes; Linux takes 107, macOS 103
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_RESTART_PAUSE = 0.2
_LONGEST_PAUSE = 10.0


class RendererProcess:
    """Runs `python -m gitops.render`, restarts it when it dies, and ends with us.

    The process holds one end of a pipe to us as its standard input: when we are gone, however,
    it reads the end of it and stops.
    """

    def __init__(self, *, helm: str = "helm", kustomize: str = "kustomize", max_concurrent: int = 2) -> None:
        self._arguments = ["--helm", helm, "--kustomize", kustomize, "--max-concurrent", str(max_concurrent)]
        self._folder = _socket_folder()
        self.client = RendererClient(self._folder / "renderer.sock")
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> RendererClient:
        """Start it and wait until it listens; RENDERER_UNAVAILABLE when it doesn't."""
        await self.spawn()
        return await self.ready()

    async def spawn(self) -> None:
        """Start it; `ready` waits until it listens."""
        self._process = await self._spawn(self._folder / "renderer.sock")

    async def ready(self) -> RendererClient:
        """Wait until the process that was spawned listens; RENDERER_UNAVAILABLE when it doesn't."""
        socket_path = self._folder / "renderer.sock"
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not socket_path.exists() and self.pid is not None:  # noqa: ASYNC110 - nothing tells
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
        self._watcher = asyncio.create_task(self._keep_alive(socket_path), name="renderer watcher")
        return self.client

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def stop(self) -> None:
        """End it with its renders, and remove its socket."""
        if self._watcher:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        process = self._process
        if process and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        if process and process.stdin:
            process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def __aenter__(self) -> RendererClient:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _spawn(self, socket_path: Path) -> asyncio.subprocess.Process:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the working folder may be a source tree that has a gitops/ of its own
            "-m",
            "gitops.render",
            "--socket",
            str(socket_path),
            "--stop-with-stdin",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            env={**passed_on, "PYTHONPATH": _PACKAGES},
        )

    async def _keep_alive(self, socket_path: Path) -> None:
        pause = _RESTART_PAUSE
        loop = asyncio.get_running_loop()
        while self._process:
            started = loop.time()
            await self._process.wait()
            # One that dies at once is started ever more slowly, so that it can't eat the machine.
            pause = (
                _RESTART_PAUSE if loop.time() - started > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
            )
            await asyncio.sleep(pause)
            if self._process.stdin:
                self._process.stdin.close()
            self._process = await self._spawn(socket_path)


def _socket_folder() -> Path:
    """A folder for the socket only we may enter, with a name that is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-"))
    if len(os.fsencode(folder / "renderer.sock")) <= _LONGEST_SOCKET_PATH:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="gitops-", dir="/tmp"))
