"""A real Git server: smart HTTP by `git http-backend`, which counts requests and can misbehave."""

import base64
import binascii
import secrets
import subprocess
import tempfile
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlsplit

from gitops.local import repositories
from gitops.local.worktree import clean_environment

_CHUNK = 65536


class Service(StrEnum):
    """What a request asks for; `git ls-remote` is one ADVERTISE and one LIST, a fetch one FETCH more."""

    ADVERTISE = "advertise"
    LIST = "ls-refs"
    FETCH = "fetch"
    PUSH = "push"


@dataclass(slots=True)
class _Repository:
    """What the server knows of one repository; the faults last until `heal`."""

    credentials: tuple[str, str] | None = None
    status: int | None = None
    location: str | None = None
    hangs: bool = False
    healed: threading.Event = field(default_factory=threading.Event)


class GitServer:
    """Serves the bare repositories in `folder` on 127.0.0.1; a context manager.

    `requests` counts by (repository, Service), those that were refused or spoiled too.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.requests: Counter[tuple[str, Service]] = Counter()
        self._repositories: dict[str, _Repository] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="git-server", daemon=True)
        self._thread.start()

    def create_repository(self, name: str, credentials: tuple[str, str] | None = None) -> str:
        """Make an empty repository and give its URL; `credentials` are a username and a password."""
        repositories.create(self.folder, name)
        self._repositories[name] = _Repository(credentials)
        return f"{self.url}/{name}.git"

    def hang(self, repository: str) -> None:
        """From now on, take requests and don't answer."""
        self._repositories[repository].healed.clear()
        self._repositories[repository].hangs = True

    def fail_with(self, repository: str, status: int) -> None:
        """From now on, answer with this HTTP status."""
        self._repositories[repository].status = status

    def redirect(self, repository: str, url: str) -> None:
        """From now on, send clients to another repository's URL."""
        self._repositories[repository].location = url

    def heal(self, repository: str) -> None:
        """End all faults; requests that hang are cut off."""
        state = self._repositories[repository]
        state.hangs, state.status, state.location = False, None, None
        state.healed.set()

    def stop(self) -> None:
        """End all requests and close the port."""
        for name in self._repositories:
            self.heal(name)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _state(self, repository: str) -> _Repository | None:
        """What the server knows of a repository; None: there is no such repository."""
        return self._repositories.get(repository)

    def _count(self, repository: str, service: Service) -> None:
        """Note one request."""
        with self._lock:
            self.requests[repository, service] += 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: GitServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60.0  # a kept connection must not hold a thread for ever
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        name, found, rest = url.path.lstrip("/").partition(".git/")
        state = self.server.owner._state(name)
        # A file, since http-backend may answer before it has read all of a pipe; without a buffer,
        # since the program reads on from where the system thinks that we are.
        with tempfile.TemporaryFile(buffering=0) as body:
            for part in self._body():
                body.write(part)
            body.seek(0)
            service = _service(rest, body.read(64))
            body.seek(0)
            if not found or state is None or service is None:
                self._answer(404)
                return
            self.server.owner._count(name, service)
            if not self._spoiled(state, rest, url.query) and self._admitted(state):
                self._run_backend(url.path, url.query, body)

    def _body(self) -> Iterator[bytes]:
        """The request's body, whichever way git has sent it: long packs chunked, long lists packed."""
        parts = self._raw_body()
        if self.headers.get("Content-Encoding") != "gzip":
            return parts
        unpacked = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        return (unpacked.decompress(part) for part in parts)

    def _raw_body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield from self._read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield from self._read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _read(self, size: int) -> Iterator[bytes]:
        while size and (part := self.rfile.read(min(size, _CHUNK))):
            size -= len(part)
            yield part

    def _spoiled(self, state: _Repository, rest: str, query: str) -> bool:
        """Do what a fault asks for; False when there is none."""
        if state.hangs:
            state.healed.wait()
            self.close_connection = True
        elif state.status is not None:
            self._answer(state.status)
        elif state.location is not None:
            self._answer(302, ("Location", f"{state.location}/{rest}?{query}".rstrip("?")))
        else:
            return False
        return True

    def _admitted(self, state: _Repository) -> bool:
        """Check HTTP Basic credentials (RFC 7617); answers 401 itself."""
        if state.credentials is None:
            return True
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            given = b""
        if scheme.lower() == "basic" and secrets.compare_digest(given, ":".join(state.credentials).encode()):
            return True
        self._answer(401, ("WWW-Authenticate", 'Basic realm="git"'))
        return False

    def _answer(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _run_backend(self, path: str, query: str, body: IO[bytes]) -> None:
        """Run the CGI program (git-http-backend(1)) and hand its answer on while it comes."""
        environment = {
            "GIT_PROJECT_ROOT": str(self.server.owner.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        with subprocess.Popen(
            ["git", "http-backend"],
            stdin=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(environment),
        ) as backend:
            assert isinstance(backend.stdout, BufferedReader)  # noqa: S101 - by the arguments above
            try:
                self._send_head(backend.stdout)
                while part := backend.stdout.read1(_CHUNK):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            except OSError:  # the client went away
                self.close_connection = True
                backend.kill()

    def _send_head(self, answer: BufferedReader) -> None:
        """Turn CGI headers, of which `Status` is the first line's, into those of HTTP."""
        status, headers = 200, []
        while line := answer.readline().strip():
            name, _, value = line.decode("latin-1").partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: standard error belongs to the tests and the demo."""


def _service(rest: str, head: bytes) -> Service | None:
    """Tell what a request is for by its path and, in protocol 2, by its first line."""
    if rest == "git-upload-pack":
        return Service.LIST if head[4:].startswith(b"command=ls-refs") else Service.FETCH
    return {"info/refs": Service.ADVERTISE, "git-receive-pack": Service.PUSH}.get(rest)
