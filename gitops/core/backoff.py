"""Exponential backoff with jitter, as a value: attempts so far and the time of the next one."""

from dataclasses import dataclass

_DOUBLINGS = 64


@dataclass(frozen=True, slots=True)
class Backoff:
    """`attempts` failures in a row; `until` is the earliest time of the next try (seconds, any clock)."""

    attempts: int = 0
    until: float = 0.0

    def failed(self, now: float, jitter: float, *, first: float = 1.0, longest: float = 300.0) -> "Backoff":
        """One more failure. `jitter` in [0, 1) spreads the delay between half and the whole of it."""
        # Beyond some thousand doublings a float overflows, and failures can go on for days.
        delay = min(first * 2.0 ** min(self.attempts, _DOUBLINGS), longest)
        return Backoff(self.attempts + 1, now + delay * (0.5 + jitter / 2))


FRESH = Backoff()
