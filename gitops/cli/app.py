"""The command itself: how it is called, and how every error ends as one message and an exit code."""

import os
import sys
from typing import Annotated

import typer

from gitops.cli.help import Group
from gitops.cli.options import INTERRUPTED, Exit, Level, Refused
from gitops.core.problem import Blame, GitopsError

COMPLETE = "_GITOPS_COMPLETE"
_BROKEN_PIPE = 141  # as a shell says of a program that SIGPIPE ended

# Plain help: Rich would cost more time than the rest of the start.
app = typer.Typer(
    name="gitops",
    cls=Group,
    help="A GitOps controller for Kubernetes, and the command to look at what it does.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run(program: str = "gitops", arguments: list[str] | None = None) -> int:
    """Run the command; every error ends as one message and its exit code."""
    import gitops.cli.commands  # noqa: F401

    if COMPLETE in os.environ:
        # What `add_completion` does besides adding options that write into people's dotfiles.
        from typer._completion_classes import completion_init

        completion_init()
    words = _without_help(sys.argv[1:] if arguments is None else arguments)
    try:
        code = int(app(words, prog_name=program, complete_var=COMPLETE, standalone_mode=False) or Exit.DONE)
        sys.stdout.flush()
    except GitopsError as error:
        _print_trace(error)
        print(f"error: {error}", file=sys.stderr)
        return exit_code(error)
    except typer.Exit as end:
        return end.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (SystemExit, BrokenPipeError) as stop:
        if not _is_broken_pipe(stop):
            raise
        return _leave_pipe()
    except Exception as error:  # noqa: BLE001 - the last place where it can be told in words
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            return Exit.USAGE
        return _internal(program, error)
    return code


def exit_code(error: GitopsError) -> Exit:
    """The exit code for whose turn it is."""
    if isinstance(error, Refused):
        return Exit.REFUSED
    if error.problem.blame is Blame.SPEC:
        return Exit.USAGE
    return Exit.REPOSITORY if error.problem.blame is Blame.REPOSITORY else Exit.CLUSTER


def _without_help(words: list[str]) -> list[str]:
    """`gitops help diff` for `gitops diff --help`."""
    return [*words[1:], "--help"] if words[:1] == ["help"] else words


def _is_broken_pipe(stop: BaseException) -> bool:
    """Whether nobody reads our output any more; Typer and Rich make a SystemExit of it."""
    cause: BaseException | None = stop
    while cause and not isinstance(cause, BrokenPipeError):
        cause = cause.__context__
    return cause is not None


def _leave_pipe() -> int:
    # What is still in the buffer would make the interpreter complain at its end.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return _BROKEN_PIPE


def _internal(program: str, error: Exception) -> int:
    """A defect of ours: one message, since nobody but us can read the rest."""
    from gitops.observe.errors import in_words

    _print_trace(error)
    advice = f"run again as `{program} --debug …`, and report what it prints"
    print(f"error: internal error: {in_words(error)} ({advice})", file=sys.stderr)
    return Exit.CLUSTER


def _print_trace(error: Exception) -> None:
    if not wants_debug():
        return
    from gitops.observe.errors import trace

    print(trace(error), file=sys.stderr, end="")


def wants_debug() -> bool:
    """Whether tracebacks are to be shown."""
    return os.environ.get("GITOPS_DEBUG", "") not in ("", "0", "false")


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors. Also: GITOPS_DEBUG=1.")
    ] = False,
    log_level: Annotated[
        Level | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="Log to standard error: debug, info, warning or error.",
        ),
    ] = None,
) -> None:
    """A GitOps controller for Kubernetes, and the command to look at what it does."""
    if version:
        from gitops import __version__

        print(f"gitops {__version__}")
        raise typer.Exit
    if debug:
        os.environ["GITOPS_DEBUG"] = "1"
    if log_level:
        from gitops.observe import logs

        logs.configure(log_level.value)
