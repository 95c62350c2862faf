"""Differences between two states of one object, by field path, the way a reader names fields."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Segment: TypeAlias = str | tuple[tuple[str, Any], ...] | int

# Lists whose items have a name of their own, by the field that holds it. Items are aligned by
# it, so that an inserted container isn't shown as a change of all that follow.
_ITEM_KEYS = ("name", "mountPath", "containerPort", "port", "ip", "type", "key", "topologyKey")

# Written by the server, or by everybody; no desired state has them.
_NOISE_METADATA = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}
)


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; `before` or `after` is `ABSENT` where the field isn't there."""

    path: tuple[Segment, ...]
    before: Any
    after: Any

    @property
    def pointer(self) -> str:
        """`/spec/template/spec/containers[name=web]/image`."""
        return pointer(self.path)


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


def pointer(path: tuple[Segment, ...]) -> str:
    """A path in words: JSON pointer, list items by their key, `~1` for a slash in a name."""
    text = ""
    for segment in path:
        match segment:
            case str():
                text += "/" + segment.replace("~", "~0").replace("/", "~1")
            case int():
                text += f"[{segment}]"
            case _:
                text += "[" + ",".join(f"{key}={value}" for key, value in segment) + "]"
    return text


def without_noise(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object without status and what the server alone writes."""
    kept = {name: value for name, value in obj.items() if name != "status"}
    metadata = obj.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {name: value for name, value in metadata.items() if name not in _NOISE_METADATA}
    return kept


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """All fields that differ, sorted by path; a thing that comes or goes whole is one change.

    A list whose items are the same but stand in another order is one change, from names to names.
    """
    from deepdiff import DeepDiff  # a tenth of a second, and most diffs compare nothing

    left, right = _keyed(before), _keyed(after)
    # Without the last option, keys like `__init__.py` would be taken for Python's own and skipped.
    tree = DeepDiff(left, right, view="tree", threshold_to_diff_deeper=0, ignore_private_variables=False)
    changes = [
        Change(
            tuple(item.path(output_format="list")),
            ABSENT if type(item.t1).__name__ == "NotPresent" else _plain(item.t1),
            ABSENT if type(item.t2).__name__ == "NotPresent" else _plain(item.t2),
        )
        for items in tree.values()
        for item in items
    ]
    known = {change.pointer for change in changes}
    changes += [change for change in _overlooked(left, right, ()) if change.pointer not in known]
    return sorted(changes, key=lambda change: change.pointer)


def _keyed(value: Any) -> Any:
    """Lists with item keys as mappings from key to item; other lists stay lists."""
    if isinstance(value, Mapping):
        return {name: _keyed(one) for name, one in value.items()}
    if not isinstance(value, list):
        return value
    for names in _candidates(value):
        keys = [tuple((name, item.get(name)) for name in names if name in item) for item in value]
        if all(keys) and len(set(keys)) == len(keys):
            return {key: _keyed(item) for key, item in zip(keys, value, strict=True)}
    return [_keyed(item) for item in value]


def _candidates(items: list[Any]) -> Iterator[tuple[str, ...]]:
    if not items or not all(isinstance(item, Mapping) for item in items):
        return
    for name in _ITEM_KEYS:
        if all(isinstance(item.get(name), str | int) for item in items):
            yield (name,)
            if all(isinstance(item.get("protocol", ""), str) for item in items):
                yield (name, "protocol")


def _overlooked(before: Any, after: Any, path: tuple[Segment, ...]) -> Iterator[Change]:
    """What the comparison can't see: another order of aligned items, and in plain lists `0` for `false`."""
    if isinstance(before, list) and isinstance(after, list):
        for index, (left, right) in enumerate(zip(before, after, strict=False)):
            if left == right and type(left) is not type(right):
                yield Change((*path, index), left, right)
            yield from _overlooked(left, right, (*path, index))
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return
    common = [key for key in before if key in after]
    if common and isinstance(common[0], tuple):
        there = [key for key in after if key in before]
        if there != common:
            yield Change(path, [_name(key) for key in common], [_name(key) for key in there])
    for key in common:
        yield from _overlooked(before[key], after[key], (*path, key))


def _name(key: tuple[tuple[str, Any], ...]) -> str:
    return "/".join(str(value) for _, value in key)


def _plain(value: Any) -> Any:
    """Undo `_keyed` in a value that is shown."""
    if isinstance(value, Mapping):
        if value and all(isinstance(name, tuple) for name in value):
            return [_plain(one) for one in value.values()]
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
