"""How states look, in one place: colour, sign and word; ages; tables that fit the screen they are for."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

# Only these six of the eight basic colours can be read on a light and on a dark background.
_CODES = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
    "bold": "1",
    "bold red": "1;31",
    "dim": "2",
}

# Colour, sign, and its sign where the output can't take Unicode.
_LOOKS = {
    "Healthy": ("green", "✔", "+"),
    "Progressing": ("yellow", "◐", "~"),
    "Suspended": ("blue", "‖", "="),
    "Missing": ("red", "∅", "0"),
    "Degraded": ("red", "✘", "x"),
    "Unknown": ("yellow", "?", "?"),
}
_GAP = "  "
_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all control characters but tab and newline
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def wants_color(no_color: bool) -> bool:
    """Colours only on a terminal, and never against NO_COLOR."""
    return sys.stdout.isatty() and not no_color and "NO_COLOR" not in os.environ


@dataclass(frozen=True, slots=True)
class Screen:
    """What output goes to: with colours or not, Unicode or not, and its width; `None` cuts nothing."""

    color: bool = False
    unicode: bool = True
    width: int | None = None

    @classmethod
    def here(cls, *, color: bool) -> "Screen":
        """Standard output as it is: a terminal has a width, a pipe or file has none."""
        encoding = (sys.stdout.encoding or "").lower().replace("-", "")
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        return cls(color, encoding.startswith("utf"), width)

    def paint(self, text: str, style: str) -> str:
        code = _CODES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and self.color and text else text

    def sign(self, state: str) -> str:
        """One character for a state, painted."""
        style, sign, plain = _LOOKS.get(state, _LOOKS["Unknown"])
        return self.paint(sign if self.unicode else plain, style)

    def cut(self, text: str, width: int) -> str:
        """As much as fits, with a mark where something is left out."""
        mark = "…" if self.unicode else "..."
        return text if len(text) <= width else text[: max(width - len(mark), 0)] + mark

    def below(self, text: str, indent: int, lines: int) -> list[str]:
        """Text on lines of its own, indented and, on a terminal, wrapped to at most so many."""
        margin = " " * indent
        if self.width is None:
            return [margin + text]
        wrapped = textwrap.wrap(text, max(self.width - indent, 20), break_on_hyphens=False)
        if len(wrapped) > lines:
            last = wrapped[lines - 1] + " " + wrapped[lines]
            wrapped = [*wrapped[: lines - 1], self.cut(last, max(self.width - indent, 20))]
        return [margin + line for line in wrapped]


def style_of(state: str) -> str:
    """The colour of a state of health."""
    return _LOOKS.get(state, _LOOKS["Unknown"])[0]


def plain(text: str) -> str:
    """One line of text from the cluster: a terminal must not take orders from it."""
    return _CONTROL.sub(" ", text).strip()


def shown_whole(text: str) -> str:
    r"""Text with nothing left out, from which a terminal takes no orders: `\x1b` for an escape."""
    return _ORDERS.sub(lambda found: ascii(found.group())[1:-1], text)


def age(moment: datetime | None, now: datetime) -> str:
    """As kubectl prints ages: the largest unit that fits."""
    if moment is None:
        return "-"
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Of several that don't fit, those with the highest `leaves` are left out first."""

    title: str
    leaves: int = 0  # 0: never left out


@dataclass(frozen=True, slots=True)
class Line:
    """A row: the cells as text, the style of each, and what is said below it."""

    cells: tuple[str, ...]
    styles: tuple[str, ...] = ()
    below: str = ""


def table(
    columns: Sequence[Column], lines: Sequence[Line], screen: Screen, *, most_below: int = 2
) -> list[str]:
    """The table as lines of text, no cell cut; what is said below a row gets `most_below` lines.

    Where even the columns that never leave are too wide, the first of them has a line of its own.
    """
    widths = [
        max([len(column.title), *(len(line.cells[index]) for line in lines)])
        for index, column in enumerate(columns)
    ]
    shown = _fitting(columns, widths, screen.width)
    head = [
        screen.paint(columns[index].title, "bold") + " " * (widths[index] - len(columns[index].title))
        for index in shown
    ]
    room = screen.width
    broken = room is not None and len(shown) > 1 and _width(shown, widths) > room
    text = [_GAP.join(head).rstrip()] if not broken else []
    for line in lines:
        cells = [
            screen.paint(line.cells[index], line.styles[index] if line.styles else "")
            + " " * (widths[index] - len(line.cells[index]))
            for index in shown
        ]
        if broken:
            text += [cells[0].rstrip(), _GAP + _GAP.join(cells[1:]).rstrip()]
        else:
            text.append(_GAP.join(cells).rstrip())
        if line.below:
            text += screen.below(line.below, 4, most_below)
    return text


def _fitting(columns: Sequence[Column], widths: Sequence[int], room: int | None) -> list[int]:
    shown = list(range(len(columns)))
    while room is not None and _width(shown, widths) > room:
        last = max(shown, key=lambda index: columns[index].leaves)
        if columns[last].leaves == 0:
            break
        shown.remove(last)
    return shown


def _width(shown: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[index] for index in shown) + len(_GAP) * (len(shown) - 1)
