"""What the terminal wants: colours or none; and what programs want: JSON or YAML."""

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from gitops.cli.options import Output

if TYPE_CHECKING:
    from rich.console import Console


def wants_color(no_color: bool) -> bool:
    """Colours only on a terminal, and never against NO_COLOR."""
    return sys.stdout.isatty() and not no_color and "NO_COLOR" not in os.environ


def console(*, color: bool) -> "Console":
    """Where text for people goes; nothing in it is taken for markup of numbers and paths."""
    from rich.console import Console  # here: what prints data needs none

    return Console(color_system="auto" if color else None, highlight=False)


def print_data(data: Any, output: Output) -> None:
    """Print what `-o json` and `-o yaml` ask for."""
    if output is Output.JSON:
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return
    import yaml

    print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), end="")
