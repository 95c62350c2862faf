"""`python -m gitops.render`: the renderer process. It never gets a cluster's credentials."""

import argparse
import contextlib
import gc
import os
import shutil
import signal
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; 0 when it was stopped, 1 when it can't start."""
    gc.disable()  # imports make no garbage
    from gitops.render.sandbox import SandboxError, isolate
    from gitops.render.server import Server, listen
    from gitops.render.tools import Binaries

    gc.freeze()  # neither the children nor the interpreter's end need to look at what was imported
    gc.enable()
    options = _parser().parse_args(argv)
    path = os.environ.get("PATH")
    binaries = Binaries(_absolute(options.helm, path), _absolute(options.kustomize, path))
    try:
        listener = listen(options.socket)
    except OSError as error:
        sys.stderr.write(f"renderer: can't listen at {options.socket}: {error.strerror}\n")
        return 1
    try:
        isolate()
    except SandboxError as error:
        if options.require_sandbox:
            sys.stderr.write(f"renderer: no sandbox, and it is required: {error}\n")
            return 1
        sys.stderr.write(f"renderer: warning: templates could reach the network: {error}\n")
    server = Server(listener, binaries, options.max_concurrent)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    lifeline = sys.stdin.fileno() if options.stop_with_stdin else None
    try:
        server.serve(lambda: bool(os.read(0, 4096)), lifeline)
    finally:
        options.socket.unlink(missing_ok=True)
        if options.stop_with_stdin:  # whoever made the folder for us may have been killed
            with contextlib.suppress(OSError):
                options.socket.parent.rmdir()
    return 0


def _absolute(tool: str, path: str | None) -> str:
    """Where a tool is now: later there is no PATH to find it by. Its absence shows when it is needed."""
    return str(Path(shutil.which(tool, path=path) or tool).absolute())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gitops renderer", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen at")
    parser.add_argument("--helm", default="helm", help="the helm binary (default: from PATH)")
    parser.add_argument("--kustomize", default="kustomize", help="the kustomize binary (default: from PATH)")
    parser.add_argument("--max-concurrent", type=int, default=2, help="renders at the same time; others wait")
    parser.add_argument("--require-sandbox", action="store_true", help="refuse to start with network access")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input is closed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
