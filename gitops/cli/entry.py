"""The entry point: answers `--version` before anything else is imported, then hands over to the commands."""

import gc
import os
import sys


def main() -> None:
    """Run the command line of this process and exit."""
    if sys.argv[1:] in (["--version"], ["version"]):
        from gitops import __version__

        print(f"gitops {__version__}")
        return
    # Imports make no garbage, and plugins of pydantic would be looked for in every package: 0.15 s.
    gc.set_threshold(50_000)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from gitops.cli.app import run

    sys.exit(run())
