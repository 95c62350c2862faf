"""The entry points: `--version` is answered before anything else is imported, then the commands take over."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the command line of this process and exit."""
    if sys.argv[1:] in (["--version"], ["version"]):
        from gitops import __version__

        print(f"gitops {__version__}")
        return
    # kubectl runs a plugin by its file's name; the user has typed two words.
    plugin = Path(sys.argv[0]).name.startswith("kubectl-")
    try:
        from gitops.cli.app import run

        code = run("kubectl gitops" if plugin else "gitops")
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def complete_for_kubectl() -> None:
    """Complete `kubectl gitops …` for kubectl, which asks `kubectl_complete-gitops` with the words so far.

    Source: the protocol of Cobra's `__complete`: one candidate a line, then `:` and a directive
    (0: the shell may complete files if there is no candidate).
    """
    from gitops.cli.completion import candidates

    print("\n".join([*candidates(sys.argv[1:]), ":0"]), flush=True)
    os._exit(0)
