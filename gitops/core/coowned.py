"""Paths that leave Git but have another owner besides us: an apply alone leaves them in the cluster.

Whoever let go of the object (kubectl, Helm, a former Application) loses them to us before the
apply that then removes them; what another manager rightly keeps stays, and is reported.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from gitops.core.fields import Entry, Path, apply_entry, paths, union
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Problem, Reason

Fields: TypeAlias = Mapping[str, Any]

_SHOWN = 5


def sharers(entries: Iterable[Entry], ours: Entry | None) -> tuple[str, ...]:
    """Managers of the object itself that own a path of ours too, or something inside a list item of ours.

    Our own name is among them where a patch of a hand-over has left an entry beside the one that we apply by.
    """
    if ours is None:
        return ()
    manager, mine = ours.get("manager"), ours.get("fieldsV1") or {}
    return tuple(
        dict.fromkeys(
            str(entry.get("manager", ""))
            for entry in entries
            if not entry.get("subresource")
            and (
                entry.get("operation") != "Apply"
                if entry.get("manager") == manager
                else _touching(entry.get("fieldsV1") or {}, mine)
            )
        )
    )


@dataclass(frozen=True, slots=True)
class Share:
    """What one other entry owns of the paths that leave Git. `taken`: it becomes ours."""

    index: int  # of the entry
    manager: str
    fields: Fields
    taken: bool


def shares(
    before: Sequence[Entry], after: Iterable[Entry] | None, manager: str, taken: Collection[str]
) -> list[Share]:
    """Who else owns what leaves Git, from the entries before an apply and those that it would leave.

    `after` is None when the apply is refused as invalid: it may be what stays that makes it so, and
    everything that the `taken` managers own beside us has to go. Entries of another API version
    are never taken: their paths may mean something else in ours.
    """
    old = apply_entry(before, manager)
    new = apply_entry(after, manager) if after is not None else None
    if old is None or (after is not None and new is None):
        return []
    if new is not None and new.get("apiVersion") != old.get("apiVersion"):
        return []
    mine = old.get("fieldsV1") or {}
    leaving = _without(mine, new.get("fieldsV1") or {}) if new is not None else mine
    found = []
    for index, entry in enumerate(before):
        name = str(entry.get("manager", ""))
        if name == manager or entry.get("subresource"):
            continue
        fields = _touching(entry.get("fieldsV1") or {}, leaving)
        ours = name in taken and entry.get("apiVersion") == old.get("apiVersion")
        if fields and (ours or after is not None):
            found.append(Share(index, name, fields, ours))
    return found


def merged(before: Sequence[Entry], manager: str, found: Iterable[Share]) -> list[dict[str, Any]] | None:
    """The `managedFields` in which the taken shares are ours; None when none is taken."""
    taken = {share.index: share.fields for share in found if share.taken}
    if not taken:
        return None
    result = []
    for index, entry in enumerate(before):
        kept = dict(entry)
        if apply_entry((entry,), manager):
            for fields in taken.values():
                kept["fieldsV1"] = union(kept.get("fieldsV1") or {}, fields)
        elif index in taken:
            kept["fieldsV1"] = _without(entry.get("fieldsV1") or {}, taken[index])
            if not kept["fieldsV1"]:
                continue
        result.append(kept)
    return result


def retained(found: Iterable[Share], key: ObjectKey) -> list[Problem]:
    """What stays in the cluster although it left Git, and by whom."""
    return [
        Problem(
            Reason.RETAINED_BY,
            f"{_named(share.fields)} left Git, but {share.manager} owns it too, so that it stays",
            Blame.CLUSTER,
            advice=f"remove it there, or by hand if {share.manager} no longer needs it",
            key=key,
        )
        for share in found
        if not share.taken
    ]


def _named(fields: Fields) -> str:
    names = [_pointer(path) for path in islice(paths(fields), _SHOWN + 1)]
    return ", ".join(names[:_SHOWN]) + (" and more" if len(names) > _SHOWN else "")


def _pointer(path: Path) -> str:
    return "".join(f"/{segment.removeprefix('f:')}" for segment in path)


def _is_member(node: Fields) -> bool:
    """Whether a set has the thing at a node itself, and not only something below it."""
    return not node or "." in node


def _touching(theirs: Fields, ours: Fields) -> dict[str, Any]:
    """The part of `theirs` that is in `ours` too, or inside a list item of `ours`.

    A list item goes as a whole: what others own in it is nothing without it. In a map, what
    others add is theirs.
    """
    found: dict[str, Any] = {}
    for segment, below in theirs.items():
        if segment == "." or segment not in ours:
            continue
        mine = ours[segment]
        if segment.startswith("k:") and _is_member(mine):
            found[segment] = below
            continue
        part = _touching(below, mine)
        if _is_member(below) and _is_member(mine):
            found[segment] = {".": {}, **part} if part else {}
        elif part:
            found[segment] = part
    return found


def _without(fields: Fields, removed: Fields) -> dict[str, Any]:
    """The paths of a set that are not in `removed`."""
    kept: dict[str, Any] = {}
    for segment, below in fields.items():
        if segment == ".":
            continue
        if segment not in removed:
            kept[segment] = below
            continue
        gone = removed[segment]
        rest = _without(below, gone)
        if _is_member(below) and not _is_member(gone):
            kept[segment] = {".": {}, **rest} if rest else {}
        elif rest:
            kept[segment] = rest
    return kept
