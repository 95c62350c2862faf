"""The commands, their options and exit codes. What a command does stands in its own module."""

import asyncio
import sys
from collections.abc import Coroutine
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gitops.core.problem import Blame, GitopsError


class Exit(IntEnum):
    """The exit codes; an error never is 1, which only says that differences were found."""

    DONE = 0
    DIFFERENT = 1
    USAGE = 2
    REPOSITORY = 3
    CLUSTER = 4
    REFUSED = 5


class Output(StrEnum):
    """`-o`."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


# Plain help: Rich would cost more time than the rest of the start.
app = typer.Typer(
    name="gitops",
    help="A GitOps controller for Kubernetes, and the command to look at what it does.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Kubeconfig file. Default: $KUBECONFIG or ~/.kube/config.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace. Default: the context's.")
]
Format = Annotated[Output, typer.Option("--output", "-o", help="Output format.")]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def run() -> int:
    """Run the command; every expected error ends as one message and its exit code."""
    try:
        return int(app(standalone_mode=False) or Exit.DONE)
    except GitopsError as error:
        print(f"error: {error}", file=sys.stderr)
        return exit_code(error)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        return 130
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            return Exit.USAGE
        raise


def exit_code(error: GitopsError) -> Exit:
    """The exit code for whose turn it is."""
    if error.problem.blame is Blame.SPEC:
        return Exit.USAGE
    return Exit.REPOSITORY if error.problem.blame is Blame.REPOSITORY else Exit.CLUSTER


def end(result: Coroutine[Any, Any, int]) -> None:
    """Run the command's coroutine and end with its code."""
    raise typer.Exit(asyncio.run(result))


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """A GitOps controller for Kubernetes, and the command to look at what it does."""
    if version:
        from gitops import __version__

        print(f"gitops {__version__}")
        raise typer.Exit


@app.command()
def controller(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        str,
        typer.Option(
            envvar="POD_NAMESPACE",
            help="The controller's own namespace; elsewhere Applications need a service account.",
        ),
    ] = "gitops-system",
    cache: Annotated[Path, typer.Option(help="Folder for mirrors of repositories.")] = Path("/tmp/gitops"),  # noqa: S108
    listen: Annotated[str, typer.Option(help="Address for /metrics, /healthz and /readyz.")] = "0.0.0.0:8080",
    renderer_socket: Annotated[
        Path | None, typer.Option(help="Socket of a `gitops renderer`. Default: one is started as a child.")
    ] = None,
    helm: Annotated[str, typer.Option(help="The helm binary, for a renderer started as a child.")] = "helm",
    kustomize: Annotated[str, typer.Option(help="The kustomize binary, likewise.")] = "kustomize",
    allow_file: Annotated[
        bool, typer.Option("--allow-file-repositories", help="Allow file:// repositories.")
    ] = False,
    least_interval: Annotated[
        float, typer.Option(help="Least time between two polls of a repository, in seconds.")
    ] = 10.0,
    verification_period: Annotated[
        float,
        typer.Option(
            help="Seconds in which each object is dry-run once, to find what no watch showed. 0: never.",
            min=0,
        ),
    ] = 86400.0,
    log_level: LogLevel = "info",
    log_format: Annotated[
        str | None, typer.Option(help="json or console. Default: console on a terminal, else json.")
    ] = None,
) -> None:
    """Run the controller.

    \b
    Example: gitops controller --kubeconfig ~/.kube/config --listen 127.0.0.1:8080
    """
    from gitops.controller.run import Controller, Settings
    from gitops.kube.client import Access
    from gitops.observe import logs

    if log_format not in (None, "json", "console"):
        raise typer.BadParameter("must be json or console", param_hint="--log-format")
    logs.configure(log_level, log_format)  # type: ignore[arg-type]
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise typer.BadParameter("must be ADDRESS:PORT", param_hint="--listen")
    settings = Settings(
        access=Access(kubeconfig, context),
        namespace=namespace,
        cache=cache,
        host=host.strip("[]"),
        port=int(port),
        renderer_socket=renderer_socket,
        helm=helm,
        kustomize=kustomize,
        allow_file=allow_file,
        least_interval=least_interval,
        verification_period=verification_period,
    )

    async def work() -> int:
        await Controller(settings).run()
        return Exit.DONE

    end(work())


@app.command()
def renderer(
    socket: Annotated[Path, typer.Option(help="Unix socket to listen on.")],
    helm: Annotated[str, typer.Option(help="The helm binary.")] = "helm",
    kustomize: Annotated[str, typer.Option(help="The kustomize binary.")] = "kustomize",
    require_sandbox: Annotated[
        bool, typer.Option("--require-sandbox", help="Refuse to run where the network can't be shut off.")
    ] = False,
) -> None:
    """Run the rendering process: no cluster credentials, no network, limits for each render.

    \b
    Example: gitops renderer --socket /run/gitops/renderer.sock --require-sandbox
    """
    import os

    arguments = ["--socket", str(socket), "--helm", helm, "--kustomize", kustomize]
    if require_sandbox:
        arguments.append("--require-sandbox")
    # A process of its own from the start: what this command has imported stays out of it.
    os.execv(  # noqa: S606
        sys.executable, [sys.executable, "-P", "-m", "gitops.render", *arguments]
    )


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
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
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
    """
    from gitops.cli.health import run as work

    raise typer.Exit(work(file, rules=rules, output=output))


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[APP]", help="Application; default: all.")] = None,
    output: Format = Output.TEXT,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = None,
) -> None:
    """Show Applications at a glance, those in trouble first; or one in full.

    \b
    Example: gitops status
    Example: gitops status shop -n gitops-system
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


@app.command()
def demo(
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
) -> None:
    """Run a cluster, a Git server and the controller on this machine, and show what gitops does.

    \b
    Example: gitops demo
    """
    from gitops.cli.demo import run as work

    raise typer.Exit(work(no_color=no_color))


# More commands, each file with those of one subject; they need what is defined above.
from gitops.cli import steering as _steering  # noqa: E402, F401
