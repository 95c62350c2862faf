"""When each object has its turn in the background verification: once in a period, spread over all of it."""

from math import floor
from zlib import crc32

from gitops.core.model import ObjectKey

DAY = 86400.0


def turn(key: ObjectKey, uid: str) -> float:
    """The object's place in the period, in [0, 1): always the same, and like chance among objects."""
    return crc32(f"{uid} {key}".encode()) / 2**32


def waits(place: float, period: float, now: float, within: float) -> float | None:
    """Seconds from `now` to the object's next turn; None if that isn't within the next `within` seconds."""
    position = now / period - place
    left = (floor(position) + 1 - position) * period
    return left if left <= within else None
