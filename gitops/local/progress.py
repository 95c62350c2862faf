"""Progress of long builds, for a terminal and for a log file."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TextIO

_HEARTBEAT_SECONDS = 15.0
_ERASE_LINE = "\x1b[K"  # to the right, as ECMA-48 has it: the next text may be shorter


@dataclass(frozen=True, slots=True)
class Step:
    """One tool being built: the `position`-th of `total`, for `elapsed` seconds so far."""

    tool: str
    position: int
    total: int
    elapsed: float = 0.0
    done: bool = False

    def after(self, elapsed: float, *, done: bool = False) -> "Step":
        """The same step later."""
        return replace(self, elapsed=elapsed, done=done)

    def __str__(self) -> str:
        verb = "built" if self.done else "building"
        return f"{self.position} of {self.total}: {verb} {self.tool}, {self.elapsed:.0f} s"


Progress = Callable[[Step], None]


@dataclass(slots=True)
class Printed:
    """Prints steps: on a terminal one line that counts, elsewhere a line now and then.

    Elsewhere there is a line at least every 15 s, since CI systems end silent jobs.
    """

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _last: Step | None = None

    def __call__(self, step: Step) -> None:
        if self.stream.isatty():
            print(f"\r{_ERASE_LINE}{step}", end="\n" if step.done else "", file=self.stream, flush=True)
        elif self._is_news(step):
            self._last = step
            print(step, file=self.stream, flush=True)

    def _is_news(self, step: Step) -> bool:
        last = self._last
        return (
            last is None
            or step.done
            or (step.tool, step.position) != (last.tool, last.position)
            or step.elapsed - last.elapsed >= _HEARTBEAT_SECONDS
        )
