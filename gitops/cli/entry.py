"""The entry point: answers `--version` before anything else is imported, then hands over to the commands."""

import gc
import sys

LONG_LIVED = gc.get_threshold()  # of a process whose memory counts, and not its start
_QUICK = 50_000


def main() -> None:
    """Run the command line of this process and exit."""
    if sys.argv[1:] in (["--version"], ["version"]):
        from gitops import __version__

        print(f"gitops {__version__}")
        return
    gc.set_threshold(_QUICK)  # imports make no garbage; to look for it would be a seventh of their time
    from gitops.cli.app import run

    sys.exit(run())
