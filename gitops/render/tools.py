"""Runs `helm` and `kustomize` with bounded output, without an environment, and reads their errors."""

import os
import re
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitops.core.problem import Blame, Reason, fail
from gitops.render.limits import MEBIBYTE, Limits, exceeded

_ERROR_BYTES = 64 * 1024
_CHUNK = 1 << 16
# What the Go runtime writes before it gives up under RLIMIT_DATA.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|cannot allocate memory|failed to (?:reserve|create new OS thread)"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the tools are; the version of each is part of the render key."""

    helm: str
    kustomize: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool said; `error` has no paths of the private folder, so that it stays the same."""

    succeeded: bool
    output: bytes = field(repr=False)
    error: str
    raw_error: str  # with the private folder's paths, to find what the tool missed


def run_tool(argv: Sequence[str], folder: Path, environment: Mapping[str, str], limits: Limits) -> ToolResult:
    """Run a tool below `folder`, the render's private one; the deadline is the renderer's.

    Raises RENDER_LIMIT_EXCEEDED for its output and memory, RENDER_FAILED when it can't be
    started or dies by a signal.
    """
    name = Path(argv[0]).name
    try:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=_environment(folder, limits) | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        message = f"can't run {name}: {error.strerror}"
        advice = "install it, or tell the renderer where it is"
        raise fail(Reason.RENDER_FAILED, message, Blame.OURSELVES, advice=advice) from error
    with process:
        try:
            output, errors = _outputs(process, name, limits)
        except BaseException:
            process.kill()
            raise
    raw = errors.decode(errors="replace")
    if process.returncode and _OUT_OF_MEMORY.search(raw):
        raise exceeded(f"{name} needs more than {limits.memory_bytes // MEBIBYTE} MiB of memory")
    if process.returncode < 0:
        died = signal.Signals(-process.returncode).name
        raise fail(Reason.RENDER_FAILED, f"{name} was ended by {died}", Blame.REPOSITORY)
    return ToolResult(process.returncode == 0, output, _without_folder(raw, folder), raw)


def _environment(folder: Path, limits: Limits) -> dict[str, str]:
    """Nothing of ours is inherited: no HOME, no KUBECONFIG, no token, and no PATH to find others by."""
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PATH": "/nonexistent",
        "GOMEMLIMIT": str(limits.memory_bytes * 4 // 5),
        "GOTRACEBACK": "none",
    }


def _outputs(process: subprocess.Popen[bytes], name: str, limits: Limits) -> tuple[bytes, bytes]:
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - for mypy
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, output)
        selector.register(process.stderr, selectors.EVENT_READ, errors)
        while selector.get_map():
            for key, _ in selector.select():
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is output:
                    output += chunk
                    if len(output) > limits.output_bytes:
                        raise exceeded(f"{name} writes more than {limits.output_bytes} bytes")
                elif len(errors) < _ERROR_BYTES:
                    errors += chunk
    return bytes(output), bytes(errors)


def _without_folder(text: str, folder: Path) -> str:
    """Temporary names would make the same error look new each time."""
    for spelling in {str(folder), str(folder.resolve())}:
        text = (
            text.replace(f"{spelling}/tree/", "").replace(f"{spelling}/tree", ".").replace(f"{spelling}/", "")
        )
    return text


def missed_paths(raw_error: str, tree: Path) -> set[str]:
    """The paths below `tree` that a tool's error speaks of, relative to it."""
    found: set[str] = set()
    for spelling in {str(tree), str(tree.resolve())}:
        for match in re.finditer(re.escape(spelling) + r"/([^\s:'\"`,;)\]]+)", raw_error):
            found.add(match[1].rstrip("/."))
    return found
