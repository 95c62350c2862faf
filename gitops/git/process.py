"""Git processes, hardened: no foreign configuration or environment, a deadline for the whole group.

Everything that runs Git here runs through `running` or `run`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

MEBIBYTE = 1024 * 1024

# What the operator sets for every child: where programs are, how the network is reached, whom TLS trusts.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_INHERITED = frozenset(
    {"PATH", "TMPDIR", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR", *_PROXIES}
    | {name.upper() for name in _PROXIES}
)

_ENVIRONMENT = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "HOME": "/dev/null",  # libcurl would send what ~/.netrc holds
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    # A mirror is a cache: what a power cut tears is made again, so nothing waits for the disk.
    "core.fsync=none",
    "credential.helper=",
    # A redirect could carry credentials to another host, or lead to an internal one.
    "http.followRedirects=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    # One pack for each fetch: small files can cost a millisecond each.
    "fetch.unpackLimit=1",
    "transfer.bundleURI=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "gc.autoDetach=false",
)


_under_way: dict[int, "Running"] = {}


def end_all() -> None:
    """Kill every Git process under way, for a program that ends: its threads wait for them."""
    for child in list(_under_way.values()):
        child.kill()


class OverdueError(Exception):
    """The process was killed at its deadline."""


class OverflowingError(Exception):
    """The process was killed because it printed more than it may."""


@dataclass(slots=True)
class Running:
    """A Git process under way; `stderr` is complete once `finish` has returned."""

    process: "subprocess.Popen[bytes]"
    stdout: IO[bytes]
    overdue: bool = False
    stderr: bytes = b""
    _reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        stream = self.process.stderr
        if stream is None:
            return
        self.stderr = stream.read(MEBIBYTE)
        while stream.read(MEBIBYTE):  # a full pipe would stop Git
            pass

    def finish(self) -> int:
        """Wait for the end and give the exit code.

        Raises:
            OverdueError: the deadline came first.
        """
        code = self.process.wait()
        self.join()
        if self.overdue:
            raise OverdueError
        return code

    def join(self) -> None:
        self._reader.join()

    def kill(self) -> None:
        """Kill Git and all that it has started (git-remote-https, ssh), which outlive a plain kill."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def expire(self) -> None:
        self.overdue = True
        self.kill()


@dataclass(frozen=True, slots=True)
class Output:
    """What a finished process left behind."""

    code: int
    stdout: bytes = field(repr=False)
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


def prepare() -> None:
    """Import what `running` needs, a twentieth of a second that commands without Git save."""
    import git.cmd  # noqa: F401


@contextlib.contextmanager
def running(
    arguments: Sequence[str],
    *,
    repository: Path | None,
    timeout: float,
    settings: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Iterator[Running]:
    """Start `git <arguments>` in the bare `repository` (None: in none), and end it in any case.

    `timeout` is in seconds. `settings` are `name=value` pairs of Git's configuration;
    `environment` adds variables. Neither may hold a secret: processes of the same user see them.
    """
    from git.cmd import Git  # here, see `prepare`

    own = _ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": ""} | dict(environment or {})
    own["GIT_DIR"] = str(repository) if repository else "/dev/null"
    foreign = sorted(os.environ.keys() - _INHERITED - own.keys())
    # GitPython always hands down the whole environment of this process (tokens, GIT_TRACE, …). Only
    # names stand in these arguments: the values of `env -i NAME=value` would show in the process list.
    command = [shutil.which("env") or "env", *(part for name in foreign for part in ("-u", name))]
    command += ["git", "--no-pager"]
    command += [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
    with _file(stdin) as source:
        handle = Git("/").execute(
            [*command, *arguments],
            istream=source,
            as_process=True,
            env=own,
            start_new_session=True,
        )
    process = handle.proc if isinstance(handle, Git.AutoInterrupt) else None
    if process is None or process.stdout is None:
        raise OSError("git could not be started")
    child = Running(process, process.stdout)
    _under_way[process.pid] = child
    timer = threading.Timer(max(timeout, 0.0), child.expire)
    timer.daemon = True
    timer.start()
    try:
        yield child
    except BaseException:
        child.kill()
        raise
    finally:
        timer.cancel()
        process.wait()
        _under_way.pop(process.pid, None)
        child.join()
        process.stdout.close()


def run(
    arguments: Sequence[str],
    *,
    repository: Path | None,
    timeout: float,
    settings: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    limit: int = 64 * MEBIBYTE,
) -> Output:
    """Run `git <arguments>` to its end, see `running`; a failure is an exit code, not an exception.

    Raises:
        OverdueError: it took longer than `timeout` seconds.
        OverflowingError: it printed more than `limit` bytes.
    """
    with running(
        arguments,
        repository=repository,
        timeout=timeout,
        settings=settings,
        environment=environment,
        stdin=stdin,
    ) as child:
        stdout = child.stdout.read(limit + 1)
        if len(stdout) > limit:
            raise OverflowingError
        code = child.finish()
    return Output(code, stdout, child.stderr.decode("utf-8", "replace"))


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[BinaryIO | None]:
    """An anonymous file to read from, so that nobody has to feed a pipe; None for nothing."""
    if not content:
        yield None
        return
    with os.fdopen(os.memfd_create("gitops-stdin"), "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file
