"""What commands share: exit codes, output formats, options, and how they end."""

import asyncio
from collections.abc import Coroutine
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gitops.core.problem import GitopsError


class Exit(IntEnum):
    """The exit codes; an error never is 1, which only says that differences or traps were found."""

    DONE = 0
    DIFFERENT = 1
    USAGE = 2
    REPOSITORY = 3
    CLUSTER = 4
    REFUSED = 5


INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


class Refused(GitopsError):
    """What a guard of the command's own refuses."""


class Output(StrEnum):
    """`-o`."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


class DiffOutput(StrEnum):
    """`-o` of `gitops diff`."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    YAML = "yaml"


class Level(StrEnum):
    """`--log-level`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def complete_application(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of Applications for a shell's completion."""
    from gitops.cli.completion import applications

    return applications(ctx, incomplete)


Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Kubeconfig file. Default: $KUBECONFIG or ~/.kube/config.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace. Default: the context's.")
]
Format = Annotated[Output, typer.Option("--output", "-o", help="Output format.")]
LogLevel = Annotated[Level, typer.Option("--log-level", help="Log from this level on.")]
Name = Annotated[
    str,
    typer.Argument(
        metavar="APP",
        help="Application, as NAME or NAMESPACE/NAME.",
        autocompletion=complete_application,
    ),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on and show what changes, until Ctrl-C.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours.")]


def end(result: Coroutine[Any, Any, int]) -> None:
    """Run the command's coroutine and end with its code."""
    raise typer.Exit(asyncio.run(result))
