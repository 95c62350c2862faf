"""`gitops history`: the last syncs of an Application."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gitops.api.application import Application
from gitops.cli.applications import find
from gitops.cli.options import Exit, Output
from gitops.cli.status import age
from gitops.cli.terminal import console, print_data
from gitops.kube.client import Access, Client

_STYLES = {"Succeeded": "green", "Failed": "red"}


async def run(name: str, *, access: Access, namespace: str | None, output: Output, color: bool) -> int:
    """Print the history, newest first."""
    client = await Client.connect(access)
    try:
        app = await find(client, access, name, namespace)
    finally:
        await client.close()
    if output is Output.TEXT:
        _print(app, console(color=color))
        return Exit.DONE
    data: list[dict[str, Any]] = list(app.status.to_json().get("history", []))
    print_data(data, output)
    return Exit.DONE


def _print(app: Application, console: Console) -> None:
    status = app.status
    if not status.history:
        console.print("no syncs yet")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("REVISION", "AGE", "RESULT", "TRIGGER", "CREATED", "UPDATED", "PRUNED", ""):
        table.add_column(title, no_wrap=True)
    applied = status.revision.applied if status.revision else None
    for one in status.history:
        result = one.result if one.reason is None else f"{one.result} ({one.reason})"
        is_current = one.revision == applied and one.result == "Succeeded"
        applied = None if is_current else applied  # only the newest line of a commit is what runs
        here = "held here" if status.hold and is_current else "applied" if is_current else ""
        table.add_row(
            one.revision[:7],
            age(one.at),
            Text(result, style=_STYLES[one.result]),
            one.trigger,
            str(one.created),
            str(one.updated),
            str(one.pruned),
            here,
        )
    console.print(table)
