"""The command that syncs, its options and help."""

from pathlib import Path
from typing import Annotated

import typer

from gitops.cli.app import app
from gitops.cli.options import (
    Context,
    Format,
    Kubeconfig,
    Namespace,
    NoColor,
    Output,
    complete_application,
    end,
)


@app.command()
def sync(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[APP|FILE]",
            help="Application, or a file with one.",
            autocompletion=complete_application,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Also wait until all objects are healthy.")
    ] = True,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long at most, like 90s or 10m.")
    ] = "10m",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and change nothing.")] = False,
    plan: Annotated[
        Path | None,
        typer.Option(help="Carry out this plan of `gitops plan --save` and no other; that approves it."),
    ] = None,
    prune: Annotated[
        bool | None,
        typer.Option(
            "--prune/--no-prune",
            help="Delete what left the repository, or not. Default: as the Application says.",
        ),
    ] = None,
    allow_prune: Annotated[
        str,
        typer.Option(metavar="REV", help="Approve this revision with all its deletions, 7 digits or more."),
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND/NAME", help="Sync only this object. Can be given several times."),
    ] = None,
    controller_namespace: Annotated[
        str, typer.Option(help="The controller's namespace, where you may not list Leases.")
    ] = "gitops-system",
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Sync an Application now: by the controller, or in this process where none runs.

    \b
    Example: gitops sync shop -n gitops-system
    Example: gitops sync application.yaml --timeout 5m
    Example: gitops sync shop/shop --plan plan.json

    \b
    Exit code 3: The content of the repository is at fault.
    Exit code 4: The cluster refused or can't be reached, or the time is over.
    Exit code 5: A guard refused, an approval is missing, or the plan isn't valid any more.

    See also: gitops plan, gitops status
    """
    from gitops.api.rules import is_duration, seconds
    from gitops.cli.sync import Options
    from gitops.cli.sync import run as work
    from gitops.cli.terminal import wants_color
    from gitops.kube.client import Access

    if not is_duration(timeout):
        raise typer.BadParameter("must be a duration like 90s, 10m or 1h30m", param_hint="--timeout")
    options = Options(
        wait=wait,
        timeout=seconds(timeout),
        dry_run=dry_run,
        prune=prune,
        allow_prune=allow_prune,
        only=tuple(only or ()),
        plan=plan,
        home=controller_namespace,
    )
    end(
        work(
            target,
            access=Access(kubeconfig, context),
            namespace=namespace,
            options=options,
            output=output,
            color=wants_color(no_color),
        )
    )
