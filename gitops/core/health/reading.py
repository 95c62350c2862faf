"""Reading conditions as they are found: those of the wrong shape count as not there."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from gitops.core.health.states import Object
from gitops.core.reading import at, text

Condition: TypeAlias = Mapping[str, Any]


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
