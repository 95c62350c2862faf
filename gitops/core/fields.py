"""`managedFields` as the API server keeps them: entries, paths, digests, merges.

FieldsV1 is a trie: `f:name` is a field, `k:{...}` a list item by its keys, `v:...` a set
member, `.` the thing itself (structured-merge-diff, fieldpath/serialize.go).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from gitops.core.identity import MANAGER_PREFIX, digest

Entry: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str, ...]


def apply_entry(entries: Iterable[Entry], manager: str) -> Entry | None:
    """The server-side-apply entry of a manager on the object itself (not on a subresource)."""
    for entry in entries:
        if entry.get("manager") == manager and _is_apply(entry):
            return entry
    return None


def our_entries(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The Apply entries of any Application."""
    for entry in entries:
        if entry.get("manager", "").startswith(MANAGER_PREFIX) and _is_apply(entry):
            yield entry


def _is_apply(entry: Entry) -> bool:
    return entry.get("operation") == "Apply" and not entry.get("subresource")


def ownership_digest(uid: str, deletion_timestamp: str | None, entry: Entry | None) -> str:
    """Changes when anybody else changes a field that we applied, and with each effective apply of ours.

    The entry's `time` is part of it: it moves only when an apply changed something, so a
    write under our name by somebody else shows as well.
    """
    body = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS) if entry else b""
    return digest(uid.encode(), (deletion_timestamp or "").encode(), body)


def paths(fields: Mapping[str, Any], prefix: Path = ()) -> Iterator[Path]:
    """All owned paths of a FieldsV1 trie, as tuples of its own segments (without `.`)."""
    for segment, below in fields.items():
        if segment == ".":
            if prefix:
                yield prefix
        elif below:
            yield from paths(below, (*prefix, segment))
        else:
            yield (*prefix, segment)


def overlaps(fields: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    """Whether a trie may own anything that an object says; items of lists count as said by any list.

    Where it doesn't, an apply of the object can't conflict with the trie's owner.
    """
    for segment, below in fields.items():
        if segment == ".":
            continue
        if not segment.startswith("f:"):
            return True
        if segment[2:] not in obj:
            continue
        value = obj[segment[2:]]
        if not below or not isinstance(value, Mapping) or overlaps(below, value):
            return True
    return False


def union(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """The set of paths that are in either trie."""
    merged = dict(left)
    for segment, below in right.items():
        merged[segment] = union(merged.get(segment, {}), below)
    return merged


def covers(fields: Mapping[str, Any], path: Path) -> bool:
    """Whether a trie owns this path, something below it, or the atomic thing above it."""
    node: Mapping[str, Any] = fields
    for segment in path:
        if segment not in node:
            return not node and node is not fields
        node = node[segment]
    return True


def uncovered(
    fields: Mapping[str, Any], others: Sequence[Mapping[str, Any]], prefix: Path = ()
) -> Iterator[Path]:
    """The `paths` of a trie that none of the other tries `covers`."""
    for segment, below in fields.items():
        if segment == ".":
            if prefix and not others:
                yield prefix
            continue
        reached = [other[segment] for other in others if segment in other]
        path = (*prefix, segment)
        if not below:
            if not reached:
                yield path
        elif all(reached):  # an empty one is atomic: all below it is covered
            yield from uncovered(below, reached, path)


def without_traces(entries: Iterable[Entry], manager: str) -> list[dict[str, Any]] | None:
    """The entries without those that patches under an Application's name left; None when there are none.

    A JSON patch that moves an object to another Application is recorded as an update of its label
    and annotation, and would own them for ever.
    """
    before = list(entries)
    kept = [
        dict(entry)
        for entry in before
        if entry.get("manager") != manager or _is_apply(entry) or entry.get("subresource")
    ]
    return kept if len(kept) < len(before) else None


def merge_managers(
    entries: Sequence[Entry], taken: Iterable[str], manager: str, api_version: str
) -> list[dict[str, Any]] | None:
    """The `managedFields` in which we own what the `taken` managers own; None when there is nothing to take.

    Sent *before* the first apply: done so, a field that leaves Git later goes away; an entry
    dropped afterwards would keep it for ever. Entries of another API version stay: their
    paths may mean something else in ours. Subresources (status, scale) stay as they are.
    """
    names = set(taken)

    def ours(entry: Entry) -> bool:
        return entry.get("manager") == manager and _is_apply(entry)

    def taken_over(entry: Entry) -> bool:
        return (
            entry.get("manager") in names
            and not entry.get("subresource")
            and entry.get("apiVersion") == api_version
        )

    if not any(taken_over(entry) for entry in entries):
        return None
    fields: dict[str, Any] = {}
    time = ""
    for entry in entries:
        if ours(entry) or taken_over(entry):
            fields = union(fields, entry.get("fieldsV1") or {})
            time = max(time, str(entry.get("time", "")))
    merged = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": api_version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    kept = [dict(entry) for entry in entries if not (ours(entry) or taken_over(entry))]
    return [merged, *kept]
