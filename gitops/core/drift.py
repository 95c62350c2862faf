"""Drift: what a dry-run apply would change of a live object, and who changed it before."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from gitops.core.diff import Change, Segment, differences, without_noise
from gitops.core.fields import Entry, apply_entry
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift


def compare(key: ObjectKey, live: Mapping[str, Any], dry: Mapping[str, Any], manager: str) -> Drift:
    """The drift of an object, from its live state and a forced dry-run apply at the same resourceVersion.

    If all values agree but our entry differs, somebody changed a value and changed it back:
    the ownership has to be won back, or the next edit would go unseen.
    """
    changes = differences(without_noise(live), without_noise(dry))
    live_fields = _fields(live, manager)
    if not changes:
        return Drift(key, reclaim=live_fields != _fields(dry, manager))
    author, at = _author(live, changes, manager)
    return Drift(key, tuple(change.pointer for change in changes), author=author, at=at)


def _fields(obj: Mapping[str, Any], manager: str) -> Any:
    entry = apply_entry(obj["metadata"].get("managedFields") or (), manager)
    return entry.get("fieldsV1") if entry else None


def _author(live: Mapping[str, Any], changes: Iterable[Change], manager: str) -> tuple[str, str]:
    """Who owns a drifted path now, newest first. A removed field has no author: "unknown"."""
    entries: Iterable[Entry] = live["metadata"].get("managedFields") or ()
    paths = [change.path for change in changes]
    found = [
        (str(entry.get("time", "")), str(entry.get("manager", "")))
        for entry in entries
        if entry.get("manager") != manager and any(_owns(entry.get("fieldsV1") or {}, path) for path in paths)
    ]
    if not found:
        return "unknown", ""
    at, author = max(found)
    return author, at


def _owns(fields: Mapping[str, Any], path: tuple[Segment, ...]) -> bool:
    """Whether a FieldsV1 trie owns a path, the atomic thing above it, or something below it."""
    if not path:
        return True
    head, rest = path[0], path[1:]
    if isinstance(head, str):
        below = fields.get(f"f:{head}")
        return below is not None and (not below or _owns(below, rest))
    if isinstance(head, int):
        return False
    wanted = dict(head)
    for segment, below in fields.items():
        if not segment.startswith("k:"):
            continue
        # The server's keys need not be the reader's (a Service's ports: number and protocol, not name):
        # what an item doesn't say of itself fits everything.
        item = orjson.loads(segment[2:])
        fits = all(item.get(name, value) == value for name, value in wanted.items())
        if fits and (not below or _owns(below, rest)):
            return True
    return False
