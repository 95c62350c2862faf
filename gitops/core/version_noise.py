"""The noise of a chart's upgrade: labels and checksums that change on every object and mean nothing alone."""

from collections.abc import Iterable
from typing import TypeAlias

from gitops.core.diff import ABSENT, Change, Segment

_LABELS = frozenset({"helm.sh/chart", "app.kubernetes.io/version", "chart"})
_CHECKSUMS = "checksum/"
_METADATA: tuple[tuple[Segment, ...], ...] = (("metadata",), ("spec", "template", "metadata"))

Bump: TypeAlias = tuple[str, str, str]
"""Label `x`, from, to; the values of checksums are left out, since each object has others."""


def is_noise(change: Change) -> bool:
    """Whether a change is one of a version label or of a checksum of configuration."""
    *parent, name = change.path or ("",)
    if not isinstance(name, str) or tuple(parent[:-1]) not in _METADATA:
        return False
    if parent[-1] == "labels":
        return name in _LABELS
    return parent[-1] == "annotations" and name.startswith(_CHECKSUMS)


def bumps(changes: Iterable[Change]) -> tuple[Bump, ...]:
    """What an object's changes come to when all of them are noise; nothing when any is not."""
    found: set[Bump] = set()
    for change in changes:
        if not is_noise(change):
            return ()
        name = str(change.path[-1])
        if name.startswith(_CHECKSUMS):
            found.add((f"annotation {name}", "", ""))
        else:
            found.add((f"label {name}", _told(change.before), _told(change.after)))
    return tuple(sorted(found))


def in_words(bump: Bump) -> str:
    """`label helm.sh/chart from web-1 to web-2`."""
    name, before, after = bump
    return f"{name} from {before} to {after}" if before or after else name


def _told(value: object) -> str:
    return "nothing" if value is ABSENT else str(value)
