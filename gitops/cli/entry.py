"""The entry point: answers `--version` before anything else is imported, then hands over to the commands."""

import sys


def main() -> None:
    """Run the command line of this process and exit."""
    if sys.argv[1:] in (["--version"], ["version"]):
        from gitops import __version__

        print(f"gitops {__version__}")
        return
    from gitops.cli.app import run

    sys.exit(run())
