"""Applications at a glance: the rows of `gitops status`, read from JSON without a model.

A thousand Applications take longer to be checked by the models than to be asked for, and the
models longer to be imported than both; eight fields need neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitops.cli.look import Column, Line, Screen, age, plain, style_of, table

_RANKS = {"False": 0, "Unknown": 1, "True": 3}
_STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}
_NOT_YET = frozenset({"Progressing", "Suspended", "DependencyNotReady", "Waiting"})
_MESSAGE = 60  # characters that a column for messages has at least
_COLUMNS = (
    Column("NAMESPACE"),
    Column("NAME"),
    Column("READY"),
    Column("SYNC"),
    Column("HEALTH"),
    Column("OBJECTS", 2),
    Column("REVISION", 1),
    Column("AGE", 3),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One Application: what the table shows of it."""

    namespace: str
    name: str
    ready: str
    sync: str
    health: str
    objects: str
    revision: str
    created: datetime | None
    message: str  # why it isn't ready; empty when it is

    @property
    def rank(self) -> tuple[int, str, str]:
        """Trouble first: what failed, what is on its way, what is fine."""
        rank = _RANKS.get(self.ready, 1)
        if rank == 0 and self.sync in _NOT_YET and self.health != "Degraded":
            rank = 2
        return rank, self.namespace, self.name

    @property
    def line(self) -> str:
        """It alone, without what changes by itself."""
        cells = (f"{self.namespace}/{self.name}", self.ready, self.sync, self.health, self.objects)
        return "  ".join((*cells, self.revision, self.message)).rstrip()


def row_of(obj: Mapping[str, Any]) -> Row:
    """Read an Application as the API server stores it."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    found = {one["type"]: one for one in status.get("conditions") or ()}
    ready = found.get("Ready", {})
    counts, revision = status.get("objects"), (status.get("revision") or {}).get("applied") or ""
    short = revision[:7] or "-"
    created = metadata.get("creationTimestamp")
    return Row(
        metadata.get("namespace", ""),
        metadata["name"],
        ready.get("status", "-"),
        found.get("Synced", {}).get("reason", "-"),
        found.get("Healthy", {}).get("reason", "-"),
        f"{counts.get('synced', 0)}/{counts.get('total', 0)}" if counts else "-",
        f"{short} (held)" if status.get("hold") else short,
        datetime.fromisoformat(created) if created else None,
        "" if ready.get("status") == "True" else plain(ready.get("message", "")),
    )


def overview(rows: Sequence[Row], screen: Screen, now: datetime) -> list[str]:
    """The table, those in trouble first, and on a terminal a line that counts."""
    if not rows:
        return ["no Applications"]
    ordered = sorted(rows, key=lambda row: row.rank)
    lines = [_line(row, now) for row in ordered]
    messages = any(row.message for row in ordered)
    if not messages:
        text = table(_COLUMNS, lines, screen)
    elif _fits_beside(lines, screen):
        text = _with_messages(ordered, lines, screen)
    else:
        below = [Line(line.cells, line.styles, row.message) for row, line in zip(ordered, lines, strict=True)]
        text = table(_COLUMNS, below, screen)
    return text if screen.width is None else [*text, "", _counted(ordered, screen)]


def _line(row: Row, now: datetime) -> Line:
    style = _STYLES.get(row.ready, "")
    if row.rank[0] == 2:
        style = "yellow"
    health = style_of(row.health) if row.health != "-" else ""
    sync = "green" if row.sync == "Synced" else style if row.sync != "-" else ""
    return Line(
        (
            row.namespace,
            row.name,
            row.ready,
            row.sync,
            row.health,
            row.objects,
            row.revision,
            age(row.created, now),
        ),
        ("", "", style, sync, health, "", "", ""),
    )


def _fits_beside(lines: Sequence[Line], screen: Screen) -> bool:
    if screen.width is None:
        return True
    widths = [
        max(len(column.title), *(len(one.cells[index]) for one in lines))
        for index, column in enumerate(_COLUMNS)
    ]
    return sum(widths) + 2 * len(widths) + _MESSAGE <= screen.width


def _with_messages(rows: Sequence[Row], lines: Sequence[Line], screen: Screen) -> list[str]:
    text = table(_COLUMNS, lines, Screen(color=False, width=None))
    painted = table(_COLUMNS, lines, Screen(screen.color, screen.unicode, None))
    at = max(map(len, text)) + 2
    room = screen.width - at if screen.width else None
    result = []
    for index, line in enumerate(painted):
        message = "MESSAGE" if index == 0 else rows[index - 1].message
        if room:
            message = screen.cut(message, room)
        shown = screen.paint(message, "bold") if index == 0 else message
        result.append((line + " " * (at - len(text[index])) + shown).rstrip())
    return result


def _counted(rows: Sequence[Row], screen: Screen) -> str:
    ranks = [row.rank[0] for row in rows]
    failing, passing, ready = ranks.count(0), ranks.count(1) + ranks.count(2), ranks.count(3)
    parts = [
        screen.paint(f"{failing} in trouble", "red") if failing else "",
        screen.paint(f"{passing} not ready yet", "yellow") if passing else "",
        screen.paint(f"{ready} ready", "green") if ready else "",
    ]
    noun = "Application" if len(rows) == 1 else "Applications"
    return f"{len(rows)} {noun}: {', '.join(part for part in parts if part)}"
