"""Renames: an object that goes and one of its kind that comes with nearly the same content."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.model import ObjectKey

_ENOUGH = 0.7  # of all fields
_MOST_PAIRS = 2_000  # of one kind: comparing all with all must not take seconds
_NAMES = frozenset({"name", "namespace"})
_IGNORED_METADATA = frozenset({"labels", "annotations"})


def renames(
    gone: Mapping[ObjectKey, Mapping[str, Any]], come: Mapping[ObjectKey, Mapping[str, Any]]
) -> dict[ObjectKey, ObjectKey]:
    """New key to old key, each at most once, the most alike first. Secrets are to be masked before."""
    fields = {key: _fields(obj) for key, obj in (*gone.items(), *come.items())}
    kinds: dict[Any, list[ObjectKey]] = defaultdict(list)
    for old in gone:
        kinds[old.group_kind].append(old)
    scored: list[tuple[float, ObjectKey, ObjectKey]] = []
    for new in come:
        rivals = kinds[new.group_kind]
        if len(rivals) * len(come) <= _MOST_PAIRS or len(rivals) <= 1:
            candidates = rivals
        else:
            candidates = [old for old in rivals if old.name == new.name or old.namespace == new.namespace][
                :50
            ]
        for old in candidates:
            score = _likeness(fields[old], fields[new], _base(old, new))
            if score >= _ENOUGH:
                scored.append((score, new, old))
    found: dict[ObjectKey, ObjectKey] = {}
    for _, new, old in sorted(scored, key=lambda one: (-one[0], one[1], one[2])):
        if new not in found and old not in found.values():
            found[new] = old
    return found


def _base(old: ObjectKey, new: ObjectKey) -> tuple[str, str]:
    return old.name, new.name


def _likeness(old: frozenset[str], new: frozenset[str], names: tuple[str, str]) -> float:
    """The share of fields that agree; the own name inside of values (a selector) counts as agreeing."""
    renamed = frozenset(one.replace(names[0], names[1]) for one in old) if names[0] else old
    together = len(renamed | new)
    return len(renamed & new) / together if together else 0.0


def _fields(obj: Mapping[str, Any]) -> frozenset[str]:
    metadata = obj.get("metadata")
    told = metadata if isinstance(metadata, Mapping) else {}
    # Labels carry versions and names: they alone make nothing alike.
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "apiVersion", "kind")}
    kept = {name: value for name, value in told.items() if name not in _NAMES | _IGNORED_METADATA}
    return frozenset((*_flat(rest, ""), *_flat(kept, "/metadata")))


def _flat(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, below in value.items():
            yield from _flat(below, f"{path}/{name}")
    elif isinstance(value, list) and value:
        for index, below in enumerate(value):
            yield from _flat(below, f"{path}[{index}]")
    else:
        yield f"{path}={value!r}"
