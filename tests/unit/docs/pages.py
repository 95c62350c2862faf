"""The documentation as the tests read it: pages, their fenced blocks, and the marks on them.

A mark is an HTML comment on the line above a block, so that readers don't see it:
`<!-- test -->` (a bash block to run), `<!-- output -->` (lines that the block before has to print; `…`
stands for anything) and `<!-- file: NAME -->` (a file that the blocks after it find).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

_FENCE = re.compile(r"^```(?P<language>[\w-]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (?P<mark>[^>]+) -->\n$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `mark` is empty when it has none."""

    page: Path
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page that people read."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        marked = _MARK.search(text, 0, found.start())
        mark = marked["mark"].strip() if marked and marked.end() == found.start() else ""
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["language"], found["text"], mark)


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def heading_anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
