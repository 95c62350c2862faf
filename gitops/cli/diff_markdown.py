"""A diff as Markdown, for a comment on a pull request."""

import re
from collections.abc import Iterator

from gitops.cli.diff_lines import as_yaml, change_lines, notes_of, ordered
from gitops.cli.diff_text import MARKS, range_in_words
from gitops.cli.diff_values import Entry, Report, grouped
from gitops.core.plan import Verb
from gitops.core.version_noise import in_words

LONGEST = 60_000  # characters; GitHub takes 65,536 in a comment
_RESERVE = 300  # for the note that says what was left out
_MOST_ROWS = 100
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def as_markdown(report: Report) -> str:
    """The whole comment, at most `LONGEST` characters; what is left out is counted."""
    head = "\n".join(_head(report))
    parts = list(_parts(report))
    kept: list[str] = []
    size = len(head)
    for part in parts:
        if size + len(part) + 1 > LONGEST - _RESERVE:
            break
        kept.append(part)
        size += len(part) + 1
    left = len(parts) - len(kept)
    if left:
        characters = sum(map(len, parts[len(kept) :]))
        kept.append(
            f"\n**Cut: {left} of {len(parts)} sections ({characters:,} characters) are left out, "
            f"since a comment holds {LONGEST:,} characters.** Run `gitops diff` to see all of it.\n"
        )
    return "\n".join([head[: LONGEST - _RESERVE], *kept])


def _head(report: Report) -> Iterator[str]:
    yield f"### gitops diff: {_plain(report.application)}\n"
    if report.since is not None:
        yield f"{_plain(range_in_words(report))}\n"
    if report.new:
        yield "As if a new Application were made: nothing would be pruned.\n"
    yield f"**{_plain(report.summary)}**\n"
    shown = [entry for entry in report.entries if not entry.silent]
    if not shown:
        return
    folded = {entry.key for members in grouped(report.entries).values() for entry in members}
    rows = [entry for entry in shown if entry.key not in folded]
    yield "| | object | what happens | to know |"
    yield "|---|---|---|---|"
    for entry in rows[:_MOST_ROWS]:
        notes = "; ".join(_plain(note) for note in notes_of(entry))
        mark = MARKS.get(entry.verb, "~")
        yield f"| `{mark}` | {_plain(str(entry.key))} | {entry.verb} | {notes} |"
    if len(rows) > _MOST_ROWS:
        yield f"| | and {len(rows) - _MOST_ROWS} more objects | | |"
    for only, members in grouped(report.entries).items():
        yield f"| `~` | {len(members)} objects | only {_plain(', '.join(map(in_words, only)))} | |"
    yield ""


def _parts(report: Report) -> Iterator[str]:
    for problem in report.problems:
        yield f"- **refused:** {_plain(str(problem))}\n"
    for notice in (*report.notices, *report.warnings):
        yield f"- note: {_plain(notice)}\n"
    for hook in report.hooks:
        yield f"- {_plain(str(hook.key))} runs as {hook.phase} hook\n"
    groups = grouped(report.entries)
    folded = {entry.key for members in groups.values() for entry in members}
    for entry in report.entries:
        if not entry.silent and entry.key not in folded:
            yield _details(f"{MARKS.get(entry.verb, '~')} {entry.key}: {entry.verb}", _body(entry))
    for only, members in groups.items():
        listed = "\n".join(str(entry.key) for entry in members)
        what = ", ".join(map(in_words, only))
        yield _details(f"~ {len(members)} objects only change {what}", _fenced(listed, "text"))


def _body(entry: Entry) -> str:
    parts: list[str] = []
    if entry.manifest is not None and not (entry.renamed and entry.verb in (Verb.CREATE, Verb.DELETE)):
        side = "-" if entry.verb is Verb.DELETE else "+"
        parts.append(
            _fenced("\n".join(f"{side} {line}" for line in as_yaml(entry.manifest).splitlines()), "diff")
        )
    for drift, title in ((False, ""), (True, "Drifted in the cluster; a sync puts it back:")):
        fields = tuple(field for field in entry.fields if field.drift is drift)
        lines = [_line(mark, line) for field in ordered(fields) for mark, line in change_lines(field)]
        if lines:
            parts.append((f"{title}\n\n" if title else "") + _fenced("\n".join(lines), "diff"))
    if parts:
        return "\n\n".join(parts)
    return "\n".join(f"- {_plain(note)}" for note in notes_of(entry)) or "Only the ownership changes."


def _line(mark: str, line: str) -> str:
    """A `diff` block is coloured by the first character: the marks of a text's lines have to stand there."""
    if line.startswith("    "):
        return line[4:]
    return f"! {line[2:]}" if mark == "~" else line


def _details(title: str, body: str) -> str:
    return f"<details><summary>{_html(title)}</summary>\n\n{body}\n\n</details>\n"


def _fenced(text: str, language: str) -> str:
    """A code block that no run of backticks in the text can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _plain(text: str) -> str:
    """Text that stays text: no markup, no mention, one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("@", "@\u200b")


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
