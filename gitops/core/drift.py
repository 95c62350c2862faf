"""Drift: what a dry-run apply would change of a live object, and who changed it before."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from gitops.core.diff import ABSENT, Change, Segment, differences, without_noise
from gitops.core.fields import Entry, Path, apply_entry, paths
from gitops.core.managers import is_by_hand
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift
from gitops.core.problem import Problem


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


def invalid_beside(key: ObjectKey, live: Mapping[str, Any], problem: Problem) -> Drift:
    """The drift of an object onto which an apply of ours is refused as invalid.

    An apply never removes what another manager owns. A swapped `valueFrom` or an edited port
    leaves the foreign value beside ours, and the two together are invalid. If people wrote it,
    their fields are taken over first; else the problem stands.
    """
    entries: Iterable[Entry] = live["metadata"].get("managedFields") or ()
    theirs = [
        entry
        for entry in entries
        if is_by_hand(str(entry.get("manager", ""))) and not entry.get("subresource")
    ]
    if not theirs:
        return Drift(key, problem=problem)
    newest = max(theirs, key=lambda entry: str(entry.get("time", "")))
    owned = tuple("/".join(segment.removeprefix("f:") for segment in ("", *path)) for path in _some(newest))
    return Drift(
        key,
        owned,
        author=str(newest.get("manager", "")),
        at=str(newest.get("time", "")),
        takes=tuple(dict.fromkeys(str(entry.get("manager", "")) for entry in theirs)),
    )


def _some(entry: Entry) -> list[Path]:
    """The first paths of an entry, enough to recognise the change by."""
    return list(islice(paths(entry.get("fieldsV1") or {}), 5))


def _fields(obj: Mapping[str, Any], manager: str) -> Any:
    entry = apply_entry(obj["metadata"].get("managedFields") or (), manager)
    return entry.get("fieldsV1") if entry else None


def _author(live: Mapping[str, Any], changes: Iterable[Change], manager: str) -> tuple[str, str]:
    """Who owns a drifted path now, newest first. A removed field has no author: "unknown"."""
    entries: Iterable[Entry] = live["metadata"].get("managedFields") or ()
    changed = [change.path for change in changes]
    found = [
        (str(entry.get("time", "")), str(entry.get("manager", "")))
        for entry in entries
        if entry.get("manager") != manager
        and any(_owns(entry.get("fieldsV1") or {}, path) for path in changed)
    ]
    if not found:
        return "unknown", ""
    at, author = max(found)
    return author, at


def writer_of(live: Mapping[str, Any], change: Change, manager: str) -> tuple[str, str]:
    """Who else owns the changing field, and when they last wrote: ("", "") if we do, or nobody does.

    A value that we own is the one that we applied: its change comes from the revision. One that
    another owns and we don't was written over ours, or never was ours.
    """
    ours = apply_entry(live["metadata"].get("managedFields") or (), manager)
    if change.before is ABSENT or (ours and _owns(ours.get("fieldsV1") or {}, change.path)):
        return "", ""
    author, at = _author(live, [change], manager)
    return ("", "") if author == "unknown" else (author, at)


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
