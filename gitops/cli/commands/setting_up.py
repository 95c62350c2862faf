"""Into a cluster and out of it."""

from enum import StrEnum
from typing import Annotated

import typer

from gitops.cli.app import app
from gitops.cli.options import Context, Format, Kubeconfig, NoColor, Output, end

SYSTEM = "gitops-system"


@app.command()
def install(
    system: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace to install the controller in.")
    ] = SYSTEM,
    image: Annotated[
        str,
        typer.Option(
            metavar="IMAGE",
            help="Image to run, where your nodes can pull it. Default: the installed one's place.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done; the API server is asked.")
    ] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Print the manifests as YAML (or -o json), and ask no cluster.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Also take over what others have installed or changed.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the controller is available.")
    ] = True,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Longest wait.", min=0)] = 120.0,
    output: Format = Output.TEXT,
    no_color: NoColor = False,  # noqa: ARG001 - every command takes it; there are no colours
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Install the controller into a cluster, or upgrade it.

    Applies the manifests that come with this command, the CustomResourceDefinition
    first, and waits until the controller runs. What is as it should be is not
    touched. Everything is tried by dry run first: what belongs to a Helm release
    or another tool, or was changed by others, is refused before anything is
    written, unless --take-over is given. Applications are never touched.

    The image has to be where your nodes can pull it. An upgrade keeps its place.

    \b
    Example: gitops install --image registry.example.com/gitops-controller:0.1.0
    Example: gitops install --dry-run
    Example: gitops install --export | kubectl apply --server-side -f -

    \b
    Exit code 4: The cluster refused, or the controller is not available in time.
    Exit code 5: Something there belongs to others; nothing was changed.

    See also: gitops uninstall, gitops status
    """
    from gitops.cli.install import Wishes
    from gitops.cli.install import export as print_manifests
    from gitops.cli.install import run as work
    from gitops.kube.client import Access

    if export:
        raise typer.Exit(print_manifests(system, image, output))
    wishes = Wishes(
        namespace=system,
        image=image,
        take_over=take_over,
        dry_run=dry_run,
        wait=wait,
        timeout=timeout,
        output=output,
    )
    end(work(Access(kubeconfig, context), wishes))


@app.command()
def uninstall(
    system: Annotated[
        str, typer.Option("--namespace", "-n", help="Namespace that the controller is installed in.")
    ] = SYSTEM,
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
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Longest wait for each step.", min=0)
    ] = 120.0,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Remove gitops from a cluster. What it deployed stays as it is, unless --prune is given.

    Stops the controller, takes its marks and finalizers off, then deletes what was
    installed. It says what it will do, and asks.

    \b
    Example: gitops uninstall
    Example: gitops uninstall --keep-crds --yes

    \b
    Exit code 4: The cluster refused, or something could not be released.
    Exit code 5: You said no; nothing was changed.

    See also: gitops install
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


class Shell(StrEnum):
    """The shells that completion is there for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="Your shell.")],
) -> None:
    """Print the script that completes commands, options and Applications in your shell.

    Names of Applications come from the cluster, when it answers within 1.5 s.

    \b
    Example: source <(gitops completion bash)
    Example: gitops completion fish > ~/.config/fish/completions/gitops.fish
    """
    from gitops.cli.completion import SCRIPTS

    print(SCRIPTS[shell.value], end="")
