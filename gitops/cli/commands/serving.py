"""The processes themselves: the controller, its renderer, and all of it on one machine."""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from gitops.cli.app import app
from gitops.cli.entry import LONG_LIVED
from gitops.cli.options import Context, Exit, Kubeconfig, Level, LogLevel, NoColor, end


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
    log_level: LogLevel = Level.INFO,
    log_format: Annotated[
        str | None, typer.Option(help="json or console. Default: console on a terminal, else json.")
    ] = None,
) -> None:
    """Run the controller.

    \b
    Example: gitops controller --kubeconfig ~/.kube/config --listen 127.0.0.1:8080
    """
    from gitops.controller.run import Controller
    from gitops.controller.settings import Settings
    from gitops.kube.client import Access
    from gitops.observe import logs

    if log_format not in (None, "json", "console"):
        raise typer.BadParameter("must be json or console", param_hint="--log-format")
    gc.set_threshold(*LONG_LIVED)
    logs.configure(log_level.value, log_format)  # type: ignore[arg-type]
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
def demo(
    no_color: NoColor = False,
) -> None:
    """Run a cluster, a Git server and the controller on this machine, and show what gitops does.

    \b
    Example: gitops demo
    """
    from gitops.cli.demo import run as work

    raise typer.Exit(work(no_color=no_color))
