"""What Git wants, by itself and against the cluster: render, diff, lint."""

from pathlib import Path
from typing import Annotated

import typer

from gitops.cli.app import app
from gitops.cli.options import (
    Context,
    DiffOutput,
    Format,
    Kubeconfig,
    Namespace,
    NoColor,
    Output,
    complete_application,
    end,
)
from gitops.core.lint.severity import Severity


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

    \b
    Exit code 3: The folder can't be rendered; the place of the error is named.

    See also: gitops diff
    """
    from gitops.cli.ahead import renderer_ahead

    async def work() -> int:
        async with renderer_ahead() as renderer:
            from gitops.cli.render import run

            return await run(
                target,
                path=path,
                namespace=namespace,
                name=name,
                output=output,
                with_secrets=with_secrets,
                renderer=renderer,
            )

    end(work())


@app.command()
def diff(
    target: Annotated[
        str,
        typer.Argument(
            metavar="[APP|PATH]", help="Application or folder.", autocompletion=complete_application
        ),
    ] = ".",
    app_name: Annotated[
        str | None, typer.Option("--app", help="The Application that the folder is to be compared for.")
    ] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Dry-run every object, also those known to be unmoved.")
    ] = False,
    revisions: Annotated[
        str | None, typer.Option("--rev", metavar="A..B", help="Compare two revisions: preview a change.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="With --rev: compare the renders alone, and ask no cluster.")
    ] = False,
    output: Annotated[
        DiffOutput, typer.Option("--output", "-o", help="Output format; markdown is for a comment.")
    ] = DiffOutput.TEXT,
    no_color: NoColor = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show what a sync would change, by server-side dry run. Exit code 1: there are differences.

    \b
    Example: gitops diff shop -n gitops-system
    Example: gitops diff deploy/prod --app shop/shop
    Example: gitops diff deploy/prod --rev origin/main...HEAD -o markdown

    \b
    Exit code 1: There are differences.
    Exit code 3: The folder can't be rendered; the place of the error is named.
    Exit code 4: The cluster refused, or can't be reached.
    Exit code 5: A guard refused: an object is another's, or too much would be pruned.

    See also: gitops render, gitops status
    """
    from gitops.cli.ahead import renderer_ahead

    async def work() -> int:
        async with renderer_ahead() as renderer:
            from gitops.cli.diff import run
            from gitops.cli.terminal import wants_color
            from gitops.kube.client import Access

            return await run(
                target,
                access=Access(kubeconfig, context),
                namespace=namespace,
                app_name=app_name,
                output=output,
                thorough=thorough,
                color=wants_color(no_color),
                renderer=renderer,
                revisions=revisions,
                offline=offline,
            )

    end(work())


@app.command()
def plan(
    target: Annotated[
        str,
        typer.Argument(
            metavar="[APP|FILE|PATH]",
            help="Application, a file with one, or a folder.",
            autocompletion=complete_application,
        ),
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

    \b
    Exit code 3: The folder can't be rendered; the place of the error is named.
    Exit code 4: The cluster refused, or can't be reached.
    Exit code 5: A guard refuses a part of it.

    See also: gitops diff, gitops sync
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


@app.command()
def lint(
    target: Annotated[
        str, typer.Argument(metavar="PATH|REPO[@REV]|-", help="Folder, file, repository, or standard input.")
    ],
    path: Annotated[str, typer.Option(help="Folder in the repository.")] = "",
    diff: Annotated[
        str,
        typer.Option(
            metavar="A..B",
            help="Only what B brings that A has not; without B: what is not committed.",
        ),
    ] = "",
    level: Annotated[
        Severity, typer.Option(help="The least severity that is shown; all are counted.")
    ] = Severity.WARNING,
    fail_on: Annotated[
        Severity, typer.Option("--fail-on", help="The least severity that ends with exit code 1.")
    ] = Severity.WARNING,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace of objects that name none.")
    ] = "default",
    name: Annotated[str, typer.Option(help="Release name of a chart. Default: the folder's name.")] = "",
    output: Format = Output.TEXT,
    no_color: NoColor = False,
) -> None:
    """Find traps in manifests before they bite; needs no cluster. Exit code 1: there are findings.

    \b
    Example: gitops lint deploy/prod
    Example: gitops lint deploy/prod --diff origin/main..HEAD --fail-on error
    Example: helm template shop charts/shop | gitops lint -
    """
    from gitops.cli.lint import Asked
    from gitops.cli.lint import run as work
    from gitops.cli.terminal import wants_color

    asked = Asked(target, path, namespace, name)
    color = wants_color(no_color)
    end(work(asked, diff=diff, level=level, fail_on=fail_on, output=output, color=color))
