"""Wait for something to become true, and say what it was when it doesn't."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

TIMEOUT = 30.0  # seconds; what takes one on an idle machine may take ten on a busy one
_PAUSE = 0.05


def wait_for(
    look: Callable[[], Found | None],
    what: str,
    *,
    timeout: float = TIMEOUT,
    state: Callable[[], object] | None = None,
) -> Found:
    """The first true answer of `look`; an AssertionError that shows `state` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            shown = f"; it is {state()}" if state else ""
            raise AssertionError(f"not within {timeout:g} s: {what}{shown}")
        time.sleep(_PAUSE)


def stays(look: Callable[[], object], what: str, *, seconds: float) -> None:
    """`look` is true now and at every look for `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert look(), f"no longer: {what}"
        time.sleep(_PAUSE)
