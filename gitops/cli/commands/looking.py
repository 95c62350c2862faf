"""What there is, and how it is: status, health."""

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
def status(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[APP]", help="Application; default: all.", autocompletion=complete_application
        ),
    ] = None,
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show Applications at a glance, those in trouble first; or one in full.

    \b
    Example: gitops status
    Example: gitops status shop -n gitops-system

    See also: gitops history, gitops diff
    """
    from gitops.cli.status import run as work
    from gitops.cli.terminal import wants_color
    from gitops.kube.client import Access

    end(
        work(
            name,
            access=Access(kubeconfig, context),
            namespace=namespace,
            output=output,
            color=wants_color(no_color),
        )
    )


@app.command()
def health(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="YAML or JSON; -: standard input.")] = "-",
    rules: Annotated[
        Path | None, typer.Option("--rules", help="File with health rules of your own, which win.")
    ] = None,
    output: Format = Output.TEXT,
) -> None:
    """Print the health of each object of a file; needs no cluster.

    \b
    Example: kubectl get deployments,pods -o yaml | gitops health -
    Example: gitops health objects.yaml --rules rules.yaml -o json

    \b
    Exit code 3: The file is no YAML, or holds what is no object.

    See also: gitops status
    """
    from gitops.cli.health import run as work

    raise typer.Exit(work(file, rules=rules, output=output))
