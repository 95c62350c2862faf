"""Globs over paths of a folder: `*` stays within a name, `**` crosses folders."""

import re
from collections.abc import Iterable
from functools import lru_cache


def matches(patterns: Iterable[str], path: str) -> bool:
    """Whether `path` (relative, with `/`) or a folder above it matches one of the patterns."""
    parts = path.split("/")
    ends = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for pattern in patterns:
        expression = _compiled(pattern.strip("/").removeprefix("./"))
        anchored = "/" in pattern.strip("/")
        if any(expression.fullmatch(end if anchored else end.rpartition("/")[2]) for end in ends):
            return True
    return False


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    pieces: list[str] = []
    position = 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            pieces.append("(?:.+/)?")
            position += 3
        elif pattern.startswith("**", position):
            pieces.append(".*")
            position += 2
        elif pattern[position] == "*":
            pieces.append("[^/]*")
            position += 1
        elif pattern[position] == "?":
            pieces.append("[^/]")
            position += 1
        else:
            pieces.append(re.escape(pattern[position]))
            position += 1
    return re.compile("".join(pieces))
