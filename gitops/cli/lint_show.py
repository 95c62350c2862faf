"""How findings are printed: by file for people, flat for programs."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gitops.core.lint.model import Finding, Report
from gitops.core.lint.severity import Severity

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_WIDTH = max(map(len, Severity))


def print_text(report: Report, level: Severity, console: Console) -> None:
    """The findings of at least `level`, by file; the others are counted."""
    shown = [one for one in report.findings if one.severity.rank >= level.rank]
    for file, found in groupby(shown, key=lambda one: file_and_line(one.origin)[0]):
        console.print(Text(file, style="bold"), soft_wrap=True)
        for one in found:
            _print(one, console)
        console.print()
    console.print(Text(summary(report, level), style="bold"), soft_wrap=True)


def _print(one: Finding, console: Console) -> None:
    line = file_and_line(one.origin)[1]
    place = f"{line}: " if line else ""
    first = Text.assemble(f"{place}{one.key}: {one.message} ", (f"[{one.rule}]", "dim"))
    second = Text(f"{one.path}: {one.fix}", style="dim")
    word = Text(f"{one.severity:<{_WIDTH}}", style=_STYLES[one.severity])
    if not console.is_terminal:  # a line of a pipe is a line
        console.print(Text.assemble("  ", word, "  ", first), soft_wrap=True)
        console.print(Text.assemble(" " * (_WIDTH + 4), second), soft_wrap=True)
        return
    grid = Table.grid(padding=(0, 0, 0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(word, first)
    grid.add_row("", second)
    console.print(grid)


def summary(report: Report, level: Severity) -> str:
    """One line: how many of each, and how to see what is not shown."""
    counts = _counts(report.findings)
    parts = [f"{counts[one]} {_plural(one, counts[one])}" for one in reversed(Severity) if counts[one]]
    text = ", ".join(parts) or "no findings"
    hidden = [one for one in Severity if counts[one] and one.rank < level.rank]
    if report.ignored:
        text += f", {report.ignored} ignored"
    text += f" in {report.objects} object{'' if report.objects == 1 else 's'}"
    return f"{text} (--level {hidden[0]} shows all)" if hidden else text


def _plural(one: Severity, count: int) -> str:
    return one.value if count == 1 else f"{one.value}s"


def _counts(findings: Iterable[Finding]) -> dict[Severity, int]:
    found = [one.severity for one in findings]
    return {one: found.count(one) for one in Severity}


def file_and_line(origin: str) -> tuple[str, int | None]:
    """`deploy/web.yaml:12` → file and line; what a chart or a kustomization makes has no line."""
    file, _, line = origin.partition(" ")[0].rpartition(":")
    return (file, int(line)) if file and line.isdigit() else (origin, None)


def as_data(report: Report, level: Severity) -> dict[str, Any]:
    """The findings of at least `level` for programs, and how many there are in all; the fields are stable."""
    counts = _counts(report.findings)
    return {
        "findings": [_data(one) for one in report.findings if one.severity.rank >= level.rank],
        "summary": {
            **{str(one): counts[one] for one in reversed(Severity)},
            "ignored": report.ignored,
            "objects": report.objects,
        },
    }


def _data(one: Finding) -> dict[str, Any]:
    file, line = file_and_line(one.origin)
    return {
        "rule": one.rule,
        "severity": str(one.severity),
        "object": {
            "group": one.key.group,
            "kind": one.key.kind,
            "namespace": one.key.namespace,
            "name": one.key.name,
        },
        "file": file,
        "line": line,
        "path": one.path,
        "message": one.message,
        "fix": one.fix,
    }
