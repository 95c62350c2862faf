"""The controller's side of the renderer: one Unix-socket connection for each render."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from gitops.core.health.custom import CustomRule
from gitops.core.problem import GitopsError
from gitops.render.errors import unavailable
from gitops.render.health import HEALTH_LIMITS, Faults, HealthRequest, Verdicts
from gitops.render.limits import MEBIBYTE
from gitops.render.outcome import Done, NeedPaths
from gitops.render.protocol import (
    PREFIX,
    Judged,
    RenderRequest,
    Reply,
    decode_prefix,
    decode_reply,
    encode_health_request,
    encode_request,
    encode_version_request,
)

_CONNECT_SECONDS = 5.0  # a renderer that is being started or restarted is there by then
_CONNECT_PAUSE = 0.05
_QUEUE_SECONDS = 900.0  # other renders go first; more than this means that it hangs
_METADATA_BYTES = 16 * MEBIBYTE  # what a reply may have on top of the objects' bytes


class _BrokeOffError(GitopsError):
    """The connection was lost in the middle of a render."""

    def __init__(self) -> None:
        super().__init__(unavailable("the renderer broke off in the middle of a render").problem)


class RendererClient:
    """Asks the renderer that listens at `socket_path`. Any number of requests at a time."""

    def __init__(self, socket_path: Path) -> None:
        self.socket_path = socket_path
        self._version: str | None = None

    async def render(self, request: RenderRequest) -> Done | NeedPaths:
        """Render once; `closure.render_tree` is the way that also answers NeedPaths.

        Raises RenderError with all problems of the source, RENDERER_UNAVAILABLE when the
        renderer can't be reached or breaks off. A cancelled call ends the render.
        """
        reply = await self._ask(
            encode_request(request),
            seconds=request.limits.seconds + _QUEUE_SECONDS,
            longest=request.limits.output_bytes + _METADATA_BYTES,
        )
        if isinstance(reply, str | Judged):
            raise unavailable("the renderer answered another question")
        return reply

    async def health(self, rule: CustomRule, objects: Sequence[bytes]) -> Verdicts:
        """The health of each object (as JSON) by a user's rule.

        Raises GitopsError: RENDER_TIMEOUT or RENDER_LIMIT_EXCEEDED when the rule costs too much,
        RENDERER_UNAVAILABLE when nobody can say.
        """
        reply = await self._judged(HealthRequest((rule,), tuple(objects)))
        if len(reply.verdicts) != len(objects):
            raise unavailable("the renderer's reply makes no sense")
        return reply.verdicts

    async def check(self, rules: Sequence[CustomRule]) -> Faults:
        """What is wrong with each of a user's rules; empty texts for good ones. Raises as `health`."""
        reply = await self._judged(HealthRequest(tuple(rules)))
        if len(reply.faults) != len(rules):
            raise unavailable("the renderer's reply makes no sense")
        return reply.faults

    async def _judged(self, request: HealthRequest) -> Judged:
        message = encode_health_request(request)
        reply = await self._ask(message, seconds=HEALTH_LIMITS.seconds + _QUEUE_SECONDS, longest=MEBIBYTE)
        if not isinstance(reply, Judged):
            raise unavailable("the renderer answered another question")
        return reply

    async def version(self) -> str:
        """Versions of renderer and tools, a part of the render key; asked once."""
        if self._version is None:
            reply = await self._ask(encode_version_request(), seconds=_QUEUE_SECONDS, longest=MEBIBYTE)
            if not isinstance(reply, str):
                raise unavailable("the renderer answered another question")
            self._version = reply
        return self._version

    async def _ask(self, message: list[bytes], *, seconds: float, longest: int) -> Reply:
        try:
            return await self._ask_once(message, seconds=seconds, longest=longest)
        except _BrokeOffError:
            # It was restarted: a render changes nothing, so it can be asked again.
            return await self._ask_once(message, seconds=seconds, longest=longest)

    async def _ask_once(self, message: list[bytes], *, seconds: float, longest: int) -> Reply:
        reader, writer = await self._connect()
        try:
            async with asyncio.timeout(seconds):
                for part in message:
                    writer.write(part)
                    await writer.drain()
                prefix = decode_prefix(await reader.readexactly(PREFIX.size))
                if prefix.body > longest:
                    raise unavailable(f"the renderer's reply has {prefix.body} bytes")
                header = await reader.readexactly(prefix.header)
                reply = decode_reply(header, await reader.readexactly(prefix.body))
        except TimeoutError as error:
            raise unavailable(f"the renderer gave no answer within {seconds:g} s") from error
        except (OSError, EOFError, ValueError) as error:
            raise _BrokeOffError from error
        finally:
            writer.close()
        if isinstance(reply, GitopsError):
            raise reply
        return reply

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        until = loop.time() + _CONNECT_SECONDS
        while True:
            try:
                return await asyncio.open_unix_connection(str(self.socket_path))
            except OSError as error:
                if loop.time() >= until:
                    raise unavailable(f"the renderer can't be reached: {error.strerror}") from error
                await asyncio.sleep(_CONNECT_PAUSE)
