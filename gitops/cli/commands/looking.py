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
    Watch,
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
    watch: Watch = False,
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
    Example: gitops status --watch

    See also: gitops tree, gitops history, gitops diff
    """
    from gitops.cli.look import wants_color
    from gitops.cli.status import run as work
    from gitops.kube.client import Access

    end(
        work(
            name,
            access=Access(kubeconfig, context),
            namespace=namespace,
            output=output,
            color=wants_color(no_color),
            follow=watch,
        )
    )


@app.command()
def tree(
    name: Annotated[
        str,
        typer.Argument(
            metavar="APP|KIND/NAME",
            help="Application, or any object with --namespace.",
            autocompletion=complete_application,
        ),
    ],
    watch: Watch = False,
    everything: Annotated[bool, typer.Option("--all", help="Fold nothing in a long tree.")] = False,
    depth: Annotated[
        int, typer.Option("--depth", min=0, help="Levels of Applications within Applications to open.")
    ] = 1,
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show an Application down to its Pods: health, age, restarts; what is in trouble first.

    \b
    Example: gitops tree shop -n gitops-system
    Example: gitops tree deployment/web -n shop

    See also: gitops status, gitops events
    """
    from gitops.cli.look import wants_color
    from gitops.cli.tree import run as work
    from gitops.kube.client import Access

    end(
        work(
            name,
            access=Access(kubeconfig, context),
            namespace=namespace,
            output=output,
            color=wants_color(no_color),
            follow=watch,
            everything=everything,
            depth=depth,
        )
    )


@app.command()
def events(
    name: Annotated[
        str,
        typer.Argument(
            metavar="APP|KIND/NAME",
            help="Application, or any object with --namespace.",
            autocompletion=complete_application,
        ),
    ],
    watch: Watch = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DURATION", help="Only the newest, like 10m or 1h30m.")
    ] = None,
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show the Events of an Application, its objects and what they own; the newest last.

    \b
    Example: gitops events shop -n gitops-system --since 1h
    Example: gitops events shop -n gitops-system --watch

    See also: gitops tree, gitops status
    """
    from gitops.cli.events import run as work
    from gitops.cli.events import seconds_of
    from gitops.cli.look import wants_color
    from gitops.kube.client import Access

    end(
        work(
            name,
            access=Access(kubeconfig, context),
            namespace=namespace,
            output=output,
            color=wants_color(no_color),
            follow=watch,
            since=seconds_of(since) if since else None,
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


@app.command()
def why(
    name: Annotated[
        str,
        typer.Argument(
            metavar="APP|KIND/NAME",
            help="Application (NAME or NAMESPACE/NAME), or object.",
            autocompletion=complete_application,
        ),
    ],
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Say why an Application or an object is not healthy: the root cause, what shows it, what to try.

    \b
    Example: gitops why shop -n gitops-system
    Example: gitops why deployment/web -n shop

    See also: gitops tree, gitops events, gitops status
    """
    from gitops.cli.look import wants_color
    from gitops.cli.why import run as work
    from gitops.kube.client import Access

    access = Access(kubeconfig, context)
    end(work(name, access=access, namespace=namespace, output=output, color=wants_color(no_color)))
