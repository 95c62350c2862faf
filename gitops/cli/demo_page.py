"""What the demo prints: headings, commands, what they showed and how long it took, on 80 columns."""

import textwrap
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

WIDTH = 80
_INDENT = "   "
_TICK = "✓"


@dataclass(frozen=True, slots=True)
class Page:
    """Writes to the terminal or, without colours, to a pipe."""

    console: Console

    def heading(self, title: str) -> None:
        """Begin a step."""
        self._line(f"\n{title}", "bold")

    def say(self, text: str) -> None:
        """Print a sentence, wrapped."""
        self._line(_wrapped(text), "")

    def command(self, text: str) -> None:
        """Print a command as the reader could type it."""
        self._line(f"{_INDENT}$ {text}", "cyan")

    def commands(self, text: str) -> None:
        """Print lines for the reader to copy; not one is broken, however long."""
        self._line(textwrap.indent(text.strip(), _INDENT), "cyan")

    def output(self, text: str) -> None:
        """Print what a command said; only lines that are too long are broken, at a space."""
        self._line("\n".join(_folded(line) for line in text.rstrip().splitlines()), "dim")

    def quote(self, text: str) -> None:
        """Print a message of the controller, wrapped and set off from our own words."""
        self._line(_wrapped(text, "  | "), "dim")

    def done(self, text: str) -> None:
        """Say what was seen to be so."""
        body = textwrap.fill(
            text, WIDTH, initial_indent=f" {_TICK} ", subsequent_indent=_INDENT, break_on_hyphens=False
        )
        line = Text(body)
        line.stylize("bold green", 1, 1 + len(_TICK))
        self.console.print(line, soft_wrap=True)

    def _line(self, text: str, style: str) -> None:
        # Without soft_wrap Rich would break commands, which then can't be copied.
        self.console.print(Text(text, style=style), soft_wrap=True)


def _folded(line: str) -> str:
    if len(_INDENT + line) <= WIDTH:
        return _INDENT + line.rstrip()
    own = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line.strip(),
        WIDTH,
        initial_indent=_INDENT + own,
        subsequent_indent=f"{_INDENT}{own}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(text: str, mark: str = "") -> str:
    indent = _INDENT + mark
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def duration(seconds: float) -> str:
    """`84 ms`, `3.4 s`, `2 min 5 s`."""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
