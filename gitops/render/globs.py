"""Globs over paths of a folder: `*` and `?` stay within a name, `**` stands for any number of folders."""

from collections.abc import Callable, Iterable, Sequence


def matches(patterns: Iterable[str], path: str) -> bool:
    """Whether `path` (relative, with `/`) or a folder above it matches one of the patterns."""
    parts = path.split("/")
    for pattern in patterns:
        names = pattern.removeprefix("./").strip("/").split("/")
        if len(names) == 1:
            if any(_name_matches(names[0], part) for part in parts):
                return True
        elif any(_wildcard(names, parts[:count], "**", _name_matches) for count in range(1, len(parts) + 1)):
            return True
    return False


def _name_matches(pattern: str, name: str) -> bool:
    return _wildcard(pattern, name, "*", lambda wanted, found: wanted in ("?", found))


def _wildcard(
    pattern: Sequence[str], text: Sequence[str], star: str, fits: Callable[[str, str], bool]
) -> bool:
    """Match with one point to go back to: unlike a regex, no pattern can make it take for ever."""
    position = used = 0
    last_star, resume = -1, 0
    while used < len(text):
        if position < len(pattern) and pattern[position] == star:
            last_star, resume = position, used
            position += 1
        elif position < len(pattern) and fits(pattern[position], text[used]):
            position += 1
            used += 1
        elif last_star >= 0:
            resume += 1
            position, used = last_star + 1, resume
        else:
            return False
    return all(part == star for part in pattern[position:])
