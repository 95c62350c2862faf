"""What commands share: exit codes, output formats, options, and how they end."""

import asyncio
from collections.abc import Coroutine
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gitops.core.problem import GitopsError


class Exit(IntEnum):
    """The exit codes; an error never is 1, which only says that differences were found."""

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


Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Kubeconfig file. Default: $KUBECONFIG or ~/.kube/config.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace. Default: the context's.")
]
Format = Annotated[Output, typer.Option("--output", "-o", help="Output format.")]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]
Name = Annotated[str, typer.Argument(metavar="APP", help="Application, as NAME or NAMESPACE/NAME.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours.")]


def end(result: Coroutine[Any, Any, int]) -> None:
    """Run the command's coroutine and end with its code."""
    raise typer.Exit(asyncio.run(result))
