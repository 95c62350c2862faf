"""What Git wants, by itself and against the cluster: render, diff."""

from pathlib import Path
from typing import Annotated

import typer

from gitops.cli.app import app
from gitops.cli.options import Context, Format, Kubeconfig, Namespace, NoColor, Output, end


@app.command()
def render(
    target: Annotated[str, typer.Argument(metavar="PATH|REPO[@REV]", help="Folder, or repository.")],
    path: Annotated[str, typer.Option(help="Folder in the repository.")] = "",
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace that a chart is rendered for.")
    ] = "default",
    name: Annotated[str, typer.Option(help="Release name. Default: the folder's name.")] = "",
    output: Format = Output.YAML,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Print the values of Secrets; for pipes, not for logs.")
    ] = False,
) -> None:
    """Print the desired objects as YAML; needs no cluster. Values of Secrets are hidden.

    \b
    Example: gitops render deploy/prod
    Example: gitops render https://git.example.com/shop.git@v1.2.0 --path deploy/prod
    """
    from gitops.cli.render import run as work

    end(work(target, path=path, namespace=namespace, name=name, output=output, with_secrets=with_secrets))


@app.command()
def diff(
    target: Annotated[str, typer.Argument(metavar="[APP|PATH]", help="Application or folder.")] = ".",
    app_name: Annotated[
        str | None, typer.Option("--app", help="The Application that the folder is to be compared for.")
    ] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Dry-run every object, also those known to be unmoved.")
    ] = False,
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show what a sync would change, by server-side dry run. Exit code 1: there are differences.

    \b
    Example: gitops diff shop -n gitops-system
    Example: gitops diff deploy/prod --app shop/shop
    """
    from gitops.cli.diff import run as work
    from gitops.cli.terminal import wants_color
    from gitops.kube.client import Access

    end(
        work(
            target,
            access=Access(kubeconfig, context),
            namespace=namespace,
            app_name=app_name,
            output=output,
            thorough=thorough,
            color=wants_color(no_color),
        )
    )


@app.command()
def plan(
    target: Annotated[
        str, typer.Argument(metavar="[APP|FILE|PATH]", help="Application, a file with one, or a folder.")
    ] = ".",
    app_name: Annotated[
        str | None, typer.Option("--app", help="The Application that the folder is to be planned for.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the plan for `gitops sync --plan FILE`.")
    ] = None,
    output: Format = Output.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show what a sync would do, in its order: hooks, waves, deletions, and what is refused and why.

    \b
    Example: gitops plan shop -n gitops-system
    Example: gitops plan shop/shop --save plan.json
    """
    from gitops.cli.plan import run as work
    from gitops.cli.terminal import wants_color
    from gitops.kube.client import Access

    end(
        work(
            target,
            access=Access(kubeconfig, context),
            namespace=namespace,
            app_name=app_name,
            save_to=save,
            output=output,
            color=wants_color(no_color),
        )
    )
