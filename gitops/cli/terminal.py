"""What the terminal wants: colours or none; and what programs want: JSON or YAML."""

import json
from typing import Any

from rich.console import Console

from gitops.cli.look import wants_color
from gitops.cli.options import Output

__all__ = ["console", "print_data", "wants_color"]


def console(*, color: bool) -> Console:
    """Where text for people goes; nothing in it is taken for markup of numbers and paths."""
    return Console(color_system="auto" if color else None, highlight=False)


def print_data(data: Any, output: Output) -> None:
    """Print what `-o json` and `-o yaml` ask for."""
    if output is Output.JSON:
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return
    import yaml

    print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), end="")
