"""`gitops status`: Applications at a glance, trouble first."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gitops.api.application import Application
from gitops.api.status import Condition, ConditionType
from gitops.cli.applications import list_applications
from gitops.cli.options import Exit, Output
from gitops.cli.terminal import console, print_data
from gitops.core.hold import hold_in_words
from gitops.core.problem import Blame, Reason, fail
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace

_STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}


async def run(name: str | None, *, access: Access, namespace: str | None, output: Output, color: bool) -> int:
    """Print one Application in full, or a table of all."""
    client = await Client.connect(access)
    try:
        applications = await list_applications(client)
    finally:
        await client.close()
    if namespace:
        applications = [app for app in applications if app.metadata.namespace == namespace]
    if name:
        home, _, short = name.rpartition("/")
        home = home or namespace or context_namespace(access)
        applications = [
            app for app in applications if (app.metadata.namespace, app.metadata.name) == (home, short)
        ]
        if not applications:
            raise fail(
                Reason.INVALID_OBJECT,
                f"there is no Application {home}/{short}",
                Blame.SPEC,
                advice="`gitops status` lists them",
            )
    applications.sort(key=_trouble_first)
    if output is not Output.TEXT:
        data = [_data(app) for app in applications]
        print_data(data, output)
        return Exit.DONE
    screen = console(color=color)
    if name:
        _print_one(applications[0], screen)
    else:
        _print_table(applications, screen)
    return Exit.DONE


def _trouble_first(app: Application) -> tuple[int, str, str]:
    ready = app.status.condition(ConditionType.READY)
    rank = {"False": 0, "Unknown": 1, "True": 3}.get(ready.status, 1) if ready else 1
    return rank, app.metadata.namespace, app.metadata.name


def _print_table(applications: list[Application], console: Console) -> None:
    if not applications:
        console.print("no Applications")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("NAMESPACE", "NAME", "READY", "SYNC", "HEALTH", "OBJECTS", "REVISION", "AGE"):
        table.add_column(title, no_wrap=title != "SYNC")
    for app in applications:
        status = app.status
        ready = status.condition(ConditionType.READY)
        objects = status.objects
        table.add_row(
            app.metadata.namespace,
            app.metadata.name,
            Text(ready.status if ready else "-", style=_STYLES.get(ready.status if ready else "", "")),
            _reason(status.condition(ConditionType.SYNCED)),
            _reason(status.condition(ConditionType.HEALTHY)),
            f"{objects.synced}/{objects.total}" if objects else "-",
            _revision(app),
            age(app.metadata.creation_timestamp),
        )
    console.print(table)


def _print_one(app: Application, console: Console) -> None:
    status, source = app.status, app.spec.source
    revision = status.revision
    console.print(Text(f"{app.metadata.namespace}/{app.metadata.name}", style="bold"))
    console.print(f"  source     {source.repository} {source.revision or 'HEAD'} {source.path or '.'}")
    if revision:
        applied = f"{revision.applied or '-'} (applied {age(revision.applied_at)} ago)"
        console.print(f"  revision   {applied}")
        if revision.attempted != revision.applied:
            console.print(f"  attempted  {revision.attempted}")
    if status.hold:
        words = hold_in_words(status.hold, source.revision)
        console.print(Text(f"  hold       {words}", style="yellow"), soft_wrap=True)
    if status.objects:
        counts = status.objects
        console.print(
            f"  objects    {counts.total} wanted, {counts.synced} synced, {counts.healthy} healthy, "
            f"{counts.drifted} drifted"
        )
    for condition in status.conditions:
        head = f"  {condition.type:<10} {condition.status}"
        line = Text(head, style=_STYLES.get(condition.status, ""))
        line.append(
            f"  {condition.reason}, for {age(condition.last_transition_time)}: {condition.message}", ""
        )
        console.print(line, soft_wrap=True)
    for problem in status.problems:
        where = (
            f"{problem.object.kind} {problem.object.namespace}/{problem.object.name}"
            if problem.object
            else ""
        )
        text = ": ".join(part for part in (problem.where, where, problem.message) if part)
        console.print(Text(f"  ! {problem.reason}: {text}", style="red"), soft_wrap=True)
        if problem.advice:
            console.print(f"    {problem.advice}", soft_wrap=True)
    for note in status.notes:
        console.print(f"  note       {note}", soft_wrap=True)


def _revision(app: Application) -> str:
    status = app.status
    short = (status.revision.short if status.revision else None) or "-"
    return f"{short} (held)" if status.hold else short


def _reason(condition: Condition | None) -> str:
    return condition.reason if condition else "-"


def age(moment: datetime | None) -> str:
    """As kubectl prints ages: the largest unit that fits."""
    if moment is None:
        return "-"
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def _data(app: Application) -> dict[str, Any]:
    return {
        "namespace": app.metadata.namespace,
        "name": app.metadata.name,
        "source": app.spec.source.model_dump(mode="json", by_alias=True, exclude_none=True),
        "status": dict(app.status.to_json()),
    }
