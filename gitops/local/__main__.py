"""`python -m gitops.local build | up`: build the programs, or run a control plane by hand."""

import contextlib
import signal
import sys
import tempfile
import threading
from pathlib import Path

from gitops.core.problem import GitopsError
from gitops.local.binaries import TOOLS, ensure
from gitops.local.controlplane import ControlPlane
from gitops.local.gitserver import GitServer
from gitops.local.progress import Printed

_USAGE = "usage: python -m gitops.local build | up"


def build() -> None:
    """Build every program that is missing, and say where all of them are."""
    for name, path in ensure(TOOLS, Printed()).items():
        _say(f"{name}: {path}")


def up() -> None:
    """Run a control plane and a Git server until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="gitops-local-") as folder,
        ControlPlane.start(Path(folder), progress=Printed()) as control_plane,
        GitServer(Path(folder, "repositories")) as git_server,
    ):
        _say(f"export KUBECONFIG={control_plane.kubeconfig}")
        _say(f"Git repository: {git_server.create_repository('demo')}")
        _say("Ctrl-C ends it.")
        threading.Event().wait()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run one of the two commands; the exit code is 2 for a wrong call and 1 for a failure."""
    commands = {"build": build, "up": up}
    command = commands.get(" ".join(arguments))
    if command is None:
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    try:
        command()
    except GitopsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
