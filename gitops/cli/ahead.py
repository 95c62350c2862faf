"""The renderer of a command, which `cli.entry` may have started: both import for as long, on a core each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from gitops.render.client import RendererClient
from gitops.render.process import RendererProcess
from gitops.render.spawn import take

Ready: TypeAlias = Callable[[], Awaitable[RendererClient]]


@asynccontextmanager
async def renderer_ahead() -> AsyncIterator[Ready]:
    """A renderer for the time of a command, as a function that waits until it listens.

    Raises RENDERER_UNAVAILABLE there, when it doesn't.
    """
    process = RendererProcess(started=take())
    try:
        yield process.start
    finally:
        await process.stop()


@asynccontextmanager
async def renderer() -> AsyncIterator[RendererClient]:
    """A renderer for the time of a command, which waits for it right away."""
    async with renderer_ahead() as ready:
        yield await ready()
