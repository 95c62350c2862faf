"""The command itself: how it is called, and how every error ends as one message and an exit code."""

import sys
from typing import Annotated

import typer

from gitops.cli.options import INTERRUPTED, Exit, Refused
from gitops.core.problem import Blame, GitopsError

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


def run() -> int:
    """Run the command; every expected error ends as one message and its exit code."""
    import gitops.cli.commands  # noqa: F401

    try:
        return int(app(standalone_mode=False) or Exit.DONE)
    except GitopsError as error:
        print(f"error: {error}", file=sys.stderr)
        return exit_code(error)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            return Exit.USAGE
        raise


def exit_code(error: GitopsError) -> Exit:
    """The exit code for whose turn it is."""
    if isinstance(error, Refused):
        return Exit.REFUSED
    if error.problem.blame is Blame.SPEC:
        return Exit.USAGE
    return Exit.REPOSITORY if error.problem.blame is Blame.REPOSITORY else Exit.CLUSTER


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """A GitOps controller for Kubernetes, and the command to look at what it does."""
    if version:
        from gitops import __version__

        print(f"gitops {__version__}")
        raise typer.Exit
