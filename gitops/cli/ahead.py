"""The renderer, started before a command imports the rest of itself: the two take as long, on a core each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from gitops.render.client import RendererClient
from gitops.render.process import RendererProcess

Ready: TypeAlias = Callable[[], Awaitable[RendererClient]]


@asynccontextmanager
async def renderer_ahead() -> AsyncIterator[Ready]:
    """A renderer for the time of a command, as a function that waits until it listens.

    Raises RENDERER_UNAVAILABLE there, when it doesn't.
    """
    process = RendererProcess()
    try:
        await process.spawn()
        yield process.ready
    finally:
        await process.stop()
