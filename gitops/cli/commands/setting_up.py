"""Into a cluster and out of it."""

from typing import Annotated

import typer

from gitops.cli.app import app
from gitops.cli.options import Context, Kubeconfig, end


@app.command()
def uninstall(
    system: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace that the controller is installed in.")
    ] = "gitops-system",
    release_only: Annotated[
        bool,
        typer.Option("--release-only", help="Only stop the controller and release the Applications."),
    ] = False,
    keep_crds: Annotated[
        bool, typer.Option("--keep-crds", help="Keep the CustomResourceDefinition and the Applications.")
    ] = False,
    keep_marks: Annotated[
        bool, typer.Option("--keep-marks", help="Leave label, annotation and manager on the objects.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the Applications with their objects first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait for each step, in seconds.")] = 120.0,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Remove gitops from a cluster. What it deployed stays as it is, unless --prune is given.

    \b
    Example: gitops uninstall
    Example: gitops uninstall --keep-crds --yes
    """
    from gitops.cli.uninstall import Wishes
    from gitops.cli.uninstall import run as work
    from gitops.kube.client import Access

    wishes = Wishes(
        namespace=system,
        release_only=release_only,
        keep_marks=keep_marks,
        keep_crds=keep_crds,
        prune=prune,
        yes=yes,
        timeout=timeout,
    )
    end(work(Access(kubeconfig, context), wishes))
