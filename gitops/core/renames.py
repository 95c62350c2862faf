"""Renames: an object that goes and one of its kind that comes with nearly the same content."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from gitops.core.model import ObjectKey
from gitops.core.reading import part

_ENOUGH = 0.7  # of all fields
_MOST_PAIRS = 2_000  # of one kind: comparing all with all must not take seconds
_NAMES = frozenset({"name", "namespace"})
_IGNORED_METADATA = frozenset({"labels", "annotations"})

_Leaf: TypeAlias = tuple[str, str]  # path and value


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
            score = _likeness(fields[old], fields[new], (old.name, new.name))
            if score >= _ENOUGH:
                scored.append((score, new, old))
    found: dict[ObjectKey, ObjectKey] = {}
    for _, new, old in sorted(scored, key=lambda one: (-one[0], one[1], one[2])):
        if new not in found and old not in found.values():
            found[new] = old
    return found


def _likeness(old: frozenset[_Leaf], new: frozenset[_Leaf], names: tuple[str, str]) -> float:
    """The share of fields that agree; the own name inside of a value (a selector) counts as agreeing."""
    renamed = {one if one in new else (one[0], one[1].replace(*names)) for one in old}
    together = len(renamed | new)
    return len(renamed & new) / together if together else 0.0


def _fields(obj: Mapping[str, Any]) -> frozenset[_Leaf]:
    told = part(obj, "metadata")
    # Labels carry versions and names: they alone make nothing alike.
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "apiVersion", "kind")}
    kept = {name: value for name, value in told.items() if name not in _NAMES | _IGNORED_METADATA}
    return frozenset((*_flat(rest, ""), *_flat(kept, "/metadata")))


def _flat(value: Any, path: str) -> Iterator[_Leaf]:
    if isinstance(value, Mapping) and value:
        for name, below in value.items():
            yield from _flat(below, f"{path}/{name}")
    elif isinstance(value, list) and value:
        for index, below in enumerate(value):
            yield from _flat(below, f"{path}[{index}]")
    else:
        yield path, repr(value)
