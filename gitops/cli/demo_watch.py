"""A look at one thing in the cluster over time, by `kubectl get --watch`, with the moment of each change."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from gitops.core.problem import Blame, GitopsError, Reason, fail

LIMIT = 120.0  # seconds; a step takes a few, but a machine may be busy with other things
_PATIENCE = 10.0  # seconds that an Application may be stalled before a step gives up


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen, and when, on the monotonic clock."""

    text: str
    at: float


@dataclass(slots=True)
class Watch:
    """Lines of a running kubectl, each with the time when it came; a context manager."""

    _process: subprocess.Popen[str]
    _lines: "queue.SimpleQueue[Seen | None]" = field(default_factory=queue.SimpleQueue)
    _last: Seen | None = None

    @classmethod
    def start(cls, kubectl: str, arguments: Sequence[str], path: str, environment: Mapping[str, str]) -> Self:
        """Watch the value at a JSONPath of what `kubectl get ARGUMENTS` names."""
        command = [kubectl, "get", *arguments, "--watch", f"--output=jsonpath={path}{{'\\n'}}"]
        watch = cls(
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=dict(environment),
            )
        )
        threading.Thread(target=watch._read, name="watch", daemon=True).start()
        return watch

    def until(self, what: str, accept: Callable[[str], bool]) -> Seen:
        """Wait for a line that `accept` likes, the last one seen included.

        Raises GitopsError after two minutes without one, and sooner where an Application that
        gave up says nothing new.
        """
        end = time.monotonic() + LIMIT
        while self._last is None or not accept(self._last.text):
            last = self._last.text if self._last else ""
            why = _stalled(last)
            left = max(end - time.monotonic(), 0)
            try:
                seen = self._lines.get(timeout=min(_PATIENCE, left) if why else left)
            except queue.Empty:
                if why:
                    raise missed(f"{what} did not happen: {why}") from None
                raise missed(f"{what} did not happen within {LIMIT:.0f} s", last) from None
            if seen is None:
                raise missed(f"{what} could not be watched: kubectl has ended", last)
            self._last = seen
        return self._last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - by the arguments above
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(Seen(line.rstrip("\n"), time.monotonic()))
        self._lines.put(None)


def missed(message: str, last: str = "") -> GitopsError:
    """The error of a step that didn't do what it shows."""
    shown = f"; last seen: {last[:1000]}" if last else ""
    return fail(Reason.API_UNAVAILABLE, message + shown, Blame.CLUSTER)


def applied(revision: str) -> Callable[[str], bool]:
    """Accepts an Application's status (as JSON) that has the revision applied."""
    return lambda text: bool(status_of(text).get("revision", {}).get("applied") == revision)


def ready(revision: str) -> Callable[[str], bool]:
    """Accepts an Application's status that has the revision applied and everything healthy."""
    has_it = applied(revision)
    return lambda text: has_it(text) and condition(status_of(text), "Ready").get("status") == "True"


def _stalled(text: str) -> str:
    """Why an Application says that nothing will change until somebody acts; empty when it doesn't."""
    stalled = condition(status_of(text), "Stalled")
    return f"{stalled['reason']}: {stalled['message']}" if stalled else ""


def status_of(text: str) -> dict[str, Any]:
    """The status in a line of a watch; empty when there is none yet."""
    return dict(json.loads(text)) if text.startswith("{") else {}


def condition(status: Mapping[str, Any], type_: str) -> dict[str, str]:
    """One of the conditions; empty when it isn't there."""
    found = [one for one in status.get("conditions", ()) if one["type"] == type_]
    return found[0] if found else {}
