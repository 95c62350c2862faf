"""One Application in full: where it comes from, what it has, what is wrong, what comes next."""

from collections.abc import Iterator
from datetime import datetime

from gitops.api.application import Application
from gitops.api.status import Condition, ConditionType, HookReport, ProblemReport
from gitops.cli.look import Column, Line, Screen, age, plain, table
from gitops.core.hold import hold_in_words

_WIDTH = 11  # of the names on the left
_STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}
_HOOK_STYLES = {"Succeeded": "green", "Failed": "red", "Running": "yellow", "Pending": "yellow"}


def in_full(app: Application, screen: Screen, now: datetime) -> list[str]:
    """All that the status says, as lines of text."""
    name = screen.paint(f"{app.metadata.namespace}/{app.metadata.name}", "bold")
    lines = [name]
    for title, text, style in _facts(app, now):
        lines += _fact(title, text, style, screen)
    for condition in app.status.conditions:
        lines += _condition(condition, screen, now)
    lines += _hooks(app.status.hooks, screen, now)
    for problem in app.status.problems:
        lines += _problem(problem, screen)
    for note in app.status.notes:
        lines += _fact("note", note, "", screen)
    lines += _fact("next", _next(app), "", screen)
    return lines


def _facts(app: Application, now: datetime) -> Iterator[tuple[str, str, str]]:
    status, source = app.status, app.spec.source
    revision = status.revision
    yield "source", f"{source.repository} {source.revision or 'HEAD'} {source.path or '.'}", ""
    if app.spec.service_account_name:
        yield "as", f"ServiceAccount {app.metadata.namespace}/{app.spec.service_account_name}", ""
    if revision and revision.applied:
        yield "revision", f"{revision.applied} (applied {age(revision.applied_at, now)} ago)", ""
    if revision and revision.attempted and revision.attempted != revision.applied:
        yield "attempted", revision.attempted, "yellow"
    if status.hold:
        yield "hold", hold_in_words(status.hold, source.revision), "yellow"
    if status.history:
        last = status.history[0]
        result = f"{last.result} ({last.reason})" if last.reason else last.result
        done = f"{last.created} created, {last.updated} updated, {last.pruned} pruned"
        said = f"{result} {age(last.at, now)} ago, {last.revision[:7]}, by {last.trigger}: {done}"
        yield "last sync", said, "red" if last.result == "Failed" else ""
    if status.objects:
        counts = status.objects
        drifted = f", {counts.drifted} drifted" if counts.drifted else ""
        yield (
            "objects",
            f"{counts.total} wanted, {counts.synced} synced, {counts.healthy} healthy{drifted}",
            "yellow" if counts.drifted else "",
        )


def _fact(title: str, text: str, style: str, screen: Screen) -> list[str]:
    lines = screen.below(plain(text), _WIDTH + 2, 20)
    first = f"  {title:<{_WIDTH - 1}} {screen.paint(lines[0].strip(), style)}"
    return [first, *(screen.paint(line, style) for line in lines[1:])]


def _condition(one: Condition, screen: Screen, now: datetime) -> list[str]:
    is_alarm = one.type == ConditionType.STALLED
    style = "red" if is_alarm else _STYLES.get(one.status, "")
    if one.type == ConditionType.RECONCILING:
        style = "yellow"
    since = age(one.last_transition_time, now)
    lines = _fact(one.type, f"{one.status}  {one.reason}, for {since}: {one.message}", "", screen)
    if not screen.color:
        return lines
    head = f"  {one.type:<{_WIDTH - 1}} "
    return [head + screen.paint(one.status, style) + lines[0][len(head) + len(one.status) :], *lines[1:]]


def _hooks(hooks: tuple[HookReport, ...], screen: Screen, now: datetime) -> list[str]:
    if not hooks:
        return []
    columns = (Column("  HOOK"), Column("PHASE", 1), Column("STATE"), Column("TRY", 3), Column("ENDED", 2))
    rows = [
        Line(
            (
                f"  {one.object.kind} {one.object.name}",
                one.phase,
                one.state,
                str(one.attempt),
                f"{age(one.finished_at, now)} ago" if one.finished_at else "-",
            ),
            ("", "", _HOOK_STYLES.get(one.state, ""), "", ""),
            plain(one.message) if one.state != "Succeeded" else "",
        )
        for one in hooks
    ]
    return table(columns, rows, screen)


def _problem(problem: ProblemReport, screen: Screen) -> list[str]:
    where = ""
    if problem.object:
        place = f"{problem.object.namespace}/" if problem.object.namespace else ""
        where = f"{problem.object.kind} {place}{problem.object.name}"
    text = ": ".join(part for part in (problem.where, where, problem.message) if part)
    lines = screen.below(plain(f"! {problem.reason}: {text}"), 2, 20)
    shown = [screen.paint(line, "red") for line in lines]
    return shown + (screen.below(plain(problem.advice), 4, 20) if problem.advice else [])


def _next(app: Application) -> str:
    status = app.status
    if app.metadata.deletion_timestamp:
        return "it is being deleted"
    if app.spec.suspend:
        return "nothing before `gitops resume`: it is suspended"
    stalled = status.condition(ConditionType.STALLED)
    poll = f"the repository is asked every {app.spec.sync.interval}; `gitops refresh` asks now"
    if stalled:
        return f"somebody has to act: see what is marked with !; {poll}"
    if not status.conditions:
        return "the controller has not looked at it yet"
    return poll
