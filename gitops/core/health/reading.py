"""Reading an object whose shape nobody vouches for: what has the wrong type counts as not there."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from gitops.core.health.states import Object

Condition: TypeAlias = Mapping[str, Any]

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


def conditions(obj: Object) -> dict[str, Condition]:
    """`status.conditions` by type; of several of one type, the newest, else the last."""
    return by_type(at(obj, ("status", "conditions")))


def by_type(found: Any) -> dict[str, Condition]:
    """Conditions by type, from a list of conditions or from a mapping of them; `status` is text."""
    result: dict[str, Condition] = {}
    for condition in _listed(found):
        kind = condition.get("type")
        if not isinstance(kind, str) or not kind:
            continue
        known = result.get(kind)
        if known is None or _changed(condition) >= _changed(known):
            result[kind] = condition
    return result


def _listed(found: Any) -> Iterator[Condition]:
    if isinstance(found, Mapping):
        found = [
            {"type": kind, **one} if isinstance(one, Mapping) else {"type": kind, "status": one}
            for kind, one in found.items()
        ]
    if not isinstance(found, list | tuple):
        return
    for one in found:
        if isinstance(one, Mapping):
            status = one.get("status")
            yield one if isinstance(status, str) else {**one, "status": _word(status)}


def _word(status: Any) -> str:
    return "Unknown" if status is None else str(status) if isinstance(status, bool | int | float) else ""


def _changed(condition: Condition) -> str:
    return str(condition.get("lastTransitionTime") or condition.get("lastUpdateTime") or "")


def is_true(condition: Condition | None) -> bool:
    """Whether a condition is there and True."""
    return condition is not None and str(condition.get("status")).lower() == "true"


def is_false(condition: Condition | None) -> bool:
    """Whether a condition is there and False."""
    return condition is not None and str(condition.get("status")).lower() == "false"


def words(condition: Condition) -> str:
    """What a condition says: its message, its reason, or at least its type."""
    return text(condition.get("message")) or text(condition.get("reason")) or text(condition.get("type"))
