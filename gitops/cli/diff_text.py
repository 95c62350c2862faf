"""A diff as text for people."""

from collections.abc import Collection

from rich.console import Console
from rich.text import Text

from gitops.api.group import APPROVE_ANNOTATION
from gitops.cli.diff_lines import as_yaml, change_lines, notes_of, ordered
from gitops.cli.diff_values import Entry, Field, Report, grouped
from gitops.cli.due_hooks import AFTER, BEFORE
from gitops.core.hook_annotations import HookPhase
from gitops.core.plan import Verb
from gitops.core.version_noise import in_words

MARKS = {Verb.CREATE: "+", Verb.REPLACE: "-/+", Verb.DELETE: "-", Verb.REFUSE: "!"}
_STYLES = {"+": "green", "-": "red", "-/+": "red", "!": "bold red", "~": "yellow", " ": ""}


def print_report(report: Report, console: Console) -> None:
    """Print it all; one line of numbers is the last but for what an approval needs."""
    if report.new:
        told = f"as if a new Application {report.application} were made: nothing would be pruned"
        _print(console, told, "dim")
    if report.since is not None:
        _print(console, range_in_words(report), "dim")
    _print_hooks(report, BEFORE, console)
    groups = grouped(report.entries)
    folded = {entry.key for members in groups.values() for entry in members}
    for entry in report.entries:
        if not entry.silent and entry.key not in folded:
            _print_entry(entry, console)
    for only, members in groups.items():
        what = ", ".join(map(in_words, only))
        _print(console, f"~ {len(members)} objects only change {what}:", "yellow")
        for entry in members:
            _print(console, f"    {entry.key}")
    _print_hooks(report, AFTER, console)
    for problem in report.problems:
        _print(console, f"! {problem}", "bold red")
    for one in report.notices:
        _print(console, f"note: {one}", "yellow")
    for warning in report.warnings:
        _print(console, f"warning: {warning}", "yellow")
    _print(console, report.summary, "bold")
    if report.digest and report.to_approve:
        console.print(Text(f"to deploy it, annotate the Application with {APPROVE_ANNOTATION}: "), end="")
        _print(console, report.digest, "bold")


def range_in_words(report: Report) -> str:
    """Which revisions are compared, and how."""
    how = "as the API server would see both" if report.live else "as rendered, without a cluster"
    since, revision = (_short(one) for one in (report.since or "", report.revision))
    return f"from {since} to {revision}, {how}"


def _short(revision: str) -> str:
    return revision[:10]  # "work tree" is one too


def _print_entry(entry: Entry, console: Console) -> None:
    mark = MARKS.get(entry.verb, "~")
    why = f" ({entry.why})" if entry.why else ""
    _print(console, f"{mark} {entry.key}: {entry.verb}{why}", _STYLES[mark])
    for note in notes_of(entry):
        _print(console, f"    {note}", "yellow")
    if entry.manifest is not None and not (entry.renamed and entry.verb in (Verb.CREATE, Verb.DELETE)):
        side = "-" if entry.verb is Verb.DELETE else "+"
        for line in as_yaml(entry.manifest).splitlines():
            _print(console, f"    {side} {line}", _STYLES[side])
    drifted = [field for field in entry.fields if field.drift]
    changed = tuple(field for field in entry.fields if not field.drift)
    if drifted and changed:
        _print(console, "  the revision changes:")
    _print_fields(changed, console)
    if drifted:
        _print(console, "  drifted in the cluster; a sync puts it back:")
    _print_fields(tuple(drifted), console)


def _print_fields(fields: tuple[Field, ...], console: Console) -> None:
    for field in ordered(fields):
        for mark, line in change_lines(field):
            _print(console, f"    {line}", _STYLES[mark])


def _print_hooks(report: Report, phases: Collection[HookPhase], console: Console) -> None:
    for one in report.hooks:
        if one.phase in phases:
            _print(console, f"> {one.key}: runs as {one.phase} hook", "cyan")


def _print(console: Console, line: str, style: str = "") -> None:
    console.print(Text(line, style=style), soft_wrap=True)
