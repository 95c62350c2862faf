"""`gitops history`: the last syncs of an Application."""

from datetime import UTC, datetime
from typing import Any

from gitops.api.status import Status
from gitops.cli.applications import find
from gitops.cli.look import Column, Line, Screen, age, table
from gitops.cli.options import Exit, Output
from gitops.cli.terminal import print_data
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
        print("\n".join(rendered(app.status, Screen.here(color=color), datetime.now(UTC))))
        return Exit.DONE
    data: list[dict[str, Any]] = list(app.status.to_json().get("history", []))
    print_data(data, output)
    return Exit.DONE


def rendered(status: Status, screen: Screen, now: datetime) -> list[str]:
    """The history as lines of text; where it is narrow, the counts go first."""
    if not status.history:
        return ["no syncs yet"]
    columns = (
        Column("REVISION"),
        Column("AGE"),
        Column("RESULT"),
        Column("TRIGGER", 1),
        Column("CREATED", 2),
        Column("UPDATED", 2),
        Column("PRUNED", 2),
        Column(""),
    )
    applied = status.revision.applied if status.revision else None
    lines = []
    for one in status.history:
        result = one.result if one.reason is None else f"{one.result} ({one.reason})"
        is_current = one.revision == applied and one.result == "Succeeded"
        applied = None if is_current else applied  # only the newest line of a commit is what runs
        here = "held here" if status.hold and is_current else "applied" if is_current else ""
        counts = (str(one.created), str(one.updated), str(one.pruned))
        cells = (one.revision[:7], age(one.at, now), result, one.trigger, *counts, here)
        lines.append(Line(cells, ("", "", _STYLES[one.result], "", "", "", "", "bold")))
    return table(columns, lines, screen)
