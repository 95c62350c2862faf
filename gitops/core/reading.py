"""Reading an object whose shape nobody vouches for: what has the wrong type counts as not there."""

from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST = 600
_EMPTY: Mapping[str, Any] = {}


def part(obj: Any, *path: str) -> Mapping[str, Any]:
    """The mapping at a path, empty when it isn't there."""
    found = at(obj, path)
    return found if isinstance(found, Mapping) else _EMPTY


def at(obj: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, or None."""
    for name in path:
        if not isinstance(obj, Mapping):
            return None
        obj = obj.get(name)
    return obj


def items(obj: Any, *path: str) -> Iterator[Mapping[str, Any]]:
    """The mappings of the list at a path."""
    found = at(obj, path)
    if isinstance(found, list | tuple):
        yield from (one for one in found if isinstance(one, Mapping))


def number(value: Any, default: int = 0) -> int:
    """A whole number, also where it was written as 3.0; anything else is the default."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return int(value) if abs(value) < 2**63 else default  # not a number: never less


def text(value: Any) -> str:
    """A short text on one line; empty for what isn't one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    words = " ".join(str(value)[: 4 * _LONGEST].split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
