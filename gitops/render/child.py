"""The forked child that does one render: reads the request, renders, replies, and ends."""

import gc
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from gitops import __version__
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.render.confine import confine
from gitops.render.errors import problems_of
from gitops.render.health import HealthRequest, answer
from gitops.render.limits import Limits, check_input, exceeded
from gitops.render.outcome import Done, NeedPaths
from gitops.render.protocol import (
    PREFIX,
    Prefix,
    RenderRequest,
    decode_request,
    encode_answer,
    encode_done,
    encode_need,
    encode_problems,
    encode_version,
)
from gitops.render.rendering import render
from gitops.render.sandbox import die_with_parent, limit_file_size, limit_resources
from gitops.render.tools import Binaries, run_tool

# Exit codes that the parent turns into an error when there was no reply.
REPLIED = 0
OUT_OF_MEMORY = 3
CRASHED = 4

_CHUNK = 1 << 20
_MOST_TREE_BYTES = 1 << 30  # an insane length is refused before memory is asked for


def run_child(
    connection: socket.socket, replying: int, prefix: Prefix, binaries: Binaries, folder: Path, parent: int
) -> NoReturn:
    """Serve one request and end this process.

    A byte to the descriptor `replying` tells the parent that from now on it may not write to
    the connection any more.
    """
    code = CRASHED
    try:
        os.setsid()
        die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.umask(0o077)
        os.chdir(folder)
        gc.disable()  # a render is short and bounded; collecting its garbage would double its time
        connection.setblocking(True)
        limit_resources(prefix.memory_bytes)
        confine(folder, (binaries.helm, binaries.kustomize))
        reply = _reply(connection, prefix, binaries, folder)
        os.write(replying, b"r")
        for part in reply:
            connection.sendall(part)
        code = REPLIED
    except MemoryError:
        code = OUT_OF_MEMORY
    except OSError:
        pass  # the controller is gone: nobody waits for a reply
    except Exception as error:  # noqa: BLE001 - a child must end here, with what happened on stderr
        # Where it happened, but not its message: that may hold a manifest's values.
        stack = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"renderer: {type(error).__name__} in a render\n{stack}")
        sys.stderr.flush()
    finally:
        os._exit(code)


def _reply(connection: socket.socket, prefix: Prefix, binaries: Binaries, folder: Path) -> list[bytes]:
    try:
        _receive(connection, PREFIX.size)  # the parent only peeked at it
        header = _receive(connection, prefix.header)
        if prefix.body > _MOST_TREE_BYTES:
            raise exceeded(f"the files of the source have {prefix.body} bytes")
        request = decode_request(header, _receive(connection, prefix.body))
        if request is None:
            return encode_version(_version(binaries, folder))
        if isinstance(request, HealthRequest):
            return encode_answer(answer(request))
        limit_file_size(max(request.limits.input_bytes, request.limits.output_bytes))
        return encode_done(_checked_render(request, binaries, folder))
    except NeedPaths as need:
        return encode_need(need)
    except GitopsError as error:
        return encode_problems(problems_of(error))


def _checked_render(request: RenderRequest, binaries: Binaries, folder: Path) -> Done:
    check_input(request.files, request.limits)
    try:
        return render(request, binaries, folder)
    except RecursionError as error:
        raise exceeded("nested too deeply", request.path, "nest less deeply") from error
    except OSError as error:
        # A file name too long, too many files: the tree can't be laid out here.
        message = f"the files can't be written: {error.strerror}"
        raise fail(Reason.RENDER_FAILED, message, Blame.REPOSITORY, where=request.path) from error


def _receive(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        chunk = connection.recv(min(_CHUNK, size - len(received)))
        if not chunk:
            raise ConnectionError("the controller closed the connection")
        received += chunk
    return bytes(received)


def _version(binaries: Binaries, folder: Path) -> str:
    """Everything whose new version may render the same input differently."""
    helm = _tool_version([binaries.helm, "version", "--template", "{{.Version}}"], folder)
    kustomize = _tool_version([binaries.kustomize, "version"], folder)
    return f"gitops {__version__}, helm {helm}, kustomize {kustomize}"


def _tool_version(argv: list[str], folder: Path) -> str:
    try:
        result = run_tool(argv, folder, {}, Limits())
    except GitopsError:
        return "none"
    return result.output.decode(errors="replace").strip() if result.succeeded else "unknown"
