"""The commands by which a person steers one Application, their options and help."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from gitops.cli.app import app
from gitops.cli.options import Context, Format, Kubeconfig, Name, Namespace, NoColor, Output, end


@app.command()
def history(
    name: Name,
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show the last syncs: which commit, when, why, and how it went.

    \b
    Example: gitops history shop -n gitops-system
    Example: gitops history shop/web -o json

    See also: gitops rollback, gitops status
    """
    from gitops.cli.history import run as work
    from gitops.cli.terminal import wants_color
    from gitops.kube.client import Access

    access = Access(kubeconfig, context)
    end(work(name, access=access, namespace=namespace, output=output, color=wants_color(no_color)))


@app.command()
def rollback(
    name: Name,
    revision: Annotated[
        str | None,
        typer.Argument(
            metavar="[REVISION]",
            help="Commit: the first digits of one in the history, or a full SHA. Default: the one before.",
        ),
    ] = None,
    output: Format = Output.TEXT,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Go back to a commit and stay there, whatever the branch does, until `gitops resume`.

    \b
    Example: gitops rollback shop -n gitops-system
    Example: gitops rollback shop/web 3f8a2c1

    \b
    Exit code 2: The history has no such commit, or there is no such Application.

    See also: gitops history, gitops resume
    """
    from gitops.cli.steer import rollback as work
    from gitops.kube.client import Access

    end(work(name, revision, access=Access(kubeconfig, context), namespace=namespace, output=output))


@app.command()
def suspend(
    name: Name,
    output: Format = Output.TEXT,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Stop syncing, healing and pruning an Application; what runs keeps running.

    \b
    Example: gitops suspend shop -n gitops-system

    See also: gitops resume, gitops rollback
    """
    from gitops.cli.steer import suspend as work

    _steer(work, name, kubeconfig, context, namespace, output)


@app.command()
def resume(
    name: Name,
    output: Format = Output.TEXT,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """End a suspension and a rollback: the Application follows its source again.

    \b
    Example: gitops resume shop -n gitops-system

    See also: gitops suspend, gitops rollback
    """
    from gitops.cli.steer import resume as work

    _steer(work, name, kubeconfig, context, namespace, output)


@app.command()
def refresh(
    name: Name,
    output: Format = Output.TEXT,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Have the repository asked for a new revision now, whatever the interval.

    \b
    Example: gitops refresh shop -n gitops-system

    See also: gitops status, gitops history
    """
    from gitops.cli.steer import refresh as work

    _steer(work, name, kubeconfig, context, namespace, output)


def _steer(
    work: Callable[..., Coroutine[Any, Any, int]],
    name: str,
    kubeconfig: Kubeconfig,
    context: Context,
    namespace: Namespace,
    output: Output,
) -> None:
    from gitops.kube.client import Access

    end(work(name, access=Access(kubeconfig, context), namespace=namespace, output=output))
