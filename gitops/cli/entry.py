"""The entry points: `--version` is answered before anything else is imported, then the commands take over."""

import gc
import os
import sys
from pathlib import Path

LONG_LIVED = gc.get_threshold()  # of a process whose memory counts, and not its start
_QUICK = 300_000
_RENDERS = frozenset({"diff", "lint", "plan", "render"})


def main() -> None:
    """Run the command line of this process and exit."""
    if sys.argv[1:] in (["--version"], ["version"]):
        from gitops import __version__

        print(f"gitops {__version__}")
        return
    if sys.argv[1:2] and sys.argv[1] in _RENDERS and not {"-h", "--help"} & set(sys.argv):
        from gitops.render.spawn import spawn_ahead

        spawn_ahead()  # it imports for as long as we do, on another core
    gc.set_threshold(_QUICK)  # imports make no garbage; to look for it would be a seventh of their time
    # kubectl runs a plugin by its file's name; the user has typed two words.
    plugin = Path(sys.argv[0]).name.startswith("kubectl-")
    try:
        from gitops.cli.app import run

        code = run("kubectl gitops" if plugin else "gitops")
    except KeyboardInterrupt:
        code = 130
    gc.freeze()  # else the interpreter looks for garbage among all that was imported: a tenth of a second
    sys.exit(code)


def complete_for_kubectl() -> None:
    """Complete `kubectl gitops …` for kubectl, which asks `kubectl_complete-gitops` with the words so far.

    Source: the protocol of Cobra's `__complete`: one candidate a line, then `:` and a directive
    (0: the shell may complete files if there is no candidate).
    """
    from gitops.cli.completion import candidates

    print("\n".join([*candidates(sys.argv[1:]), ":0"]), flush=True)
    os._exit(0)
