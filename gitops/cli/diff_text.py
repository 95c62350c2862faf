"""A diff as text for people."""

from collections.abc import Collection, Iterator

from gitops.api.group import APPROVE_ANNOTATION
from gitops.cli.diff_lines import as_yaml, change_lines, notes_of, ordered
from gitops.cli.diff_values import Entry, Field, Report, grouped
from gitops.cli.due_hooks import AFTER, BEFORE
from gitops.cli.look import Screen, shown_whole
from gitops.core.hook_annotations import HookPhase
from gitops.core.plan import Verb
from gitops.core.version_noise import in_words

MARKS = {Verb.CREATE: "+", Verb.REPLACE: "-/+", Verb.DELETE: "-", Verb.REFUSE: "!"}
_STYLES = {"+": "green", "-": "red", "-/+": "red", "!": "bold red", "~": "yellow", " ": ""}


def as_text(report: Report, screen: Screen) -> str:
    """All of it, no line cut; one of numbers is the last but for what an approval needs."""
    lines = _lines(report)
    return "".join(f"{screen.paint(shown_whole(line), style)}\n" for line, style in lines)


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    """Lines, each with its style."""
    if report.new:
        yield f"as if a new Application {report.application} were made: nothing would be pruned", "dim"
    if report.since is not None:
        yield range_in_words(report), "dim"
    yield from _hooks(report, BEFORE)
    groups = grouped(report.entries)
    folded = {entry.key for members in groups.values() for entry in members}
    for entry in report.entries:
        if not entry.silent and entry.key not in folded:
            yield from _entry(entry)
    for only, members in groups.items():
        what = ", ".join(map(in_words, only))
        yield f"~ {len(members)} objects only change {what}:", "yellow"
        for entry in members:
            yield f"    {entry.key}", ""
    yield from _hooks(report, AFTER)
    for problem in report.problems:
        yield f"! {problem}", "bold red"
    for one in report.notices:
        yield f"note: {one}", "yellow"
    for warning in report.warnings:
        yield f"warning: {warning}", "yellow"
    yield report.summary, "bold"
    if report.digest and report.to_approve:
        yield f"to deploy it, annotate the Application with {APPROVE_ANNOTATION}: {report.digest}", ""


def range_in_words(report: Report) -> str:
    """Which revisions are compared, and how."""
    how = "as the API server would see both" if report.live else "as rendered, without a cluster"
    since, revision = (_short(one) for one in (report.since or "", report.revision))
    return f"from {since} to {revision}, {how}"


def _short(revision: str) -> str:
    return revision[:10]  # "work tree" is one too


def _entry(entry: Entry) -> Iterator[tuple[str, str]]:
    mark = MARKS.get(entry.verb, "~")
    why = f" ({entry.why})" if entry.why else ""
    yield f"{mark} {entry.key}: {entry.verb}{why}", _STYLES[mark]
    for note in notes_of(entry):
        yield f"    {note}", "yellow"
    if entry.manifest is not None and not (entry.renamed and entry.verb in (Verb.CREATE, Verb.DELETE)):
        side = "-" if entry.verb is Verb.DELETE else "+"
        for line in as_yaml(entry.manifest).splitlines():
            yield f"    {side} {line}", _STYLES[side]
    drifted = tuple(field for field in entry.fields if field.drift)
    changed = tuple(field for field in entry.fields if not field.drift)
    if drifted and changed:
        yield "  the revision changes:", ""
    yield from _fields(changed)
    if drifted:
        yield "  drifted in the cluster; a sync puts it back:", ""
    yield from _fields(drifted)


def _fields(fields: tuple[Field, ...]) -> Iterator[tuple[str, str]]:
    for field in ordered(fields):
        for mark, line in change_lines(field):
            yield f"    {line}", _STYLES[mark]


def _hooks(report: Report, phases: Collection[HookPhase]) -> Iterator[tuple[str, str]]:
    for one in report.hooks:
        if one.phase in phases:
            yield f"> {one.key}: runs as {one.phase} hook", "cyan"
