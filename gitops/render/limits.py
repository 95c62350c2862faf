"""What one render may use, and the counters that enforce it while files are read."""

from collections.abc import Sequence
from dataclasses import dataclass

from gitops.core.model import TreeFile
from gitops.core.problem import Blame, GitopsError, Reason, fail

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one render; crossing one is RENDER_LIMIT_EXCEEDED (time: RENDER_TIMEOUT)."""

    seconds: float = 60.0
    memory_bytes: int = 768 * MEBIBYTE  # of each process of a render, as RLIMIT_DATA
    input_bytes: int = 64 * MEBIBYTE
    output_bytes: int = 64 * MEBIBYTE
    objects: int = 20_000  # also the number of YAML documents, empty ones included
    yaml_nodes: int = 4_000_000  # with aliases expanded; one more for each 64 bytes of a scalar
    yaml_depth: int = 150  # orjson writes 254 levels at most


class Budget:
    """What is left of the limits while the files of one render are read, one after another."""

    __slots__ = ("_documents", "_nodes", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._documents = limits.objects
        self._nodes = limits.yaml_nodes

    @property
    def nodes(self) -> int:
        """How many YAML nodes may still come."""
        return self._nodes

    def take_document(self, where: str, nodes: int) -> None:
        self._documents -= 1
        self._nodes -= nodes
        if self._documents < 0:
            raise exceeded(f"more than {self.limits.objects} documents and objects", where)
        if self._nodes < 0:
            raise too_many_nodes(where)


def exceeded(
    message: str, where: str = "", advice: str = "split it over several Applications"
) -> GitopsError:
    """The error for a crossed limit: `message` says which, with its value."""
    return fail(Reason.RENDER_LIMIT_EXCEEDED, message, Blame.REPOSITORY, where=where, advice=advice)


def too_many_nodes(where: str) -> GitopsError:
    """The error of a YAML bomb: a few bytes whose aliases stand for millions of values."""
    advice = "use fewer aliases, or split it over several Applications"
    return exceeded("too many YAML values with its aliases written out", where, advice)


def check_input(files: Sequence[TreeFile], limits: Limits) -> None:
    """Refuse a source of too many bytes, naming its largest file."""
    if sum(len(file.content) for file in files) <= limits.input_bytes:
        return
    largest = max(files, key=lambda file: len(file.content))
    message = (
        f"the files have more than {limits.input_bytes / MEBIBYTE:g} MiB, "
        f"this one {len(largest.content) / MEBIBYTE:.1f} MiB"
    )
    raise exceeded(message, largest.path, "remove large files from the path")
