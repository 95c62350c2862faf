"""What the tests of the Git room share: a remote repository with a mirror, a relay, a look at processes."""

import os
import secrets
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gitops.core.revision import Chosen, choose, parse_wanted
from gitops.git.credentials import Credentials
from gitops.git.mirror import Mirror
from gitops.local.gitserver import GitServer, Service
from gitops.local.worktree import WorkTree

PASSWORD = f"planted+{secrets.token_hex(12)}/value"  # new for each run: shells keep what was typed
ADA = Credentials.from_secret({"username": b"ada", "password": PASSWORD.encode()})


@dataclass(slots=True)
class Shop:
    """A repository on a real server, a work tree to push from, and our mirror of it."""

    server: GitServer
    tree: WorkTree
    mirror: Mirror
    credentials: Credentials | None = None

    @classmethod
    def create(
        cls, server: GitServer, folder: Path, name: str, credentials: Credentials | None = None
    ) -> "Shop":
        login = (credentials.username, credentials.password) if credentials else None
        url = server.create_repository(name, login)
        tree = WorkTree.create(folder / f"{name}-work", str(server.folder / f"{name}.git"))
        return cls(server, tree, Mirror(folder / "mirrors" / name, url), credentials)

    @property
    def name(self) -> str:
        return self.mirror.url.path.strip("/").removesuffix(".git")

    def bare(self, *arguments: str) -> None:
        """Run git in the server's own repository."""
        subprocess.run(["git", *arguments], cwd=self.server.folder / f"{self.name}.git", check=True)

    def commit(self, files: Mapping[str, str | None], message: str = "a change") -> str:
        sha = self.tree.commit(message, files)
        self.tree.push()
        return sha

    def poll(self, revision: str | None = None) -> Chosen:
        found = self.mirror.remote_refs(self.credentials)
        return choose(found.refs, found.head, parse_wanted(revision))

    def sync(self, revision: str | None = None) -> str:
        chosen = self.poll(revision)
        self.mirror.fetch(chosen.sha, chosen.ref, self.credentials)
        return chosen.sha

    def read(self, sha: str, *paths: str) -> dict[str, bytes]:
        return {file.path: file.content for file in self.mirror.tree(sha).files(paths or [""])}

    def requests(self) -> dict[Service, int]:
        return {
            service: count for (name, service), count in self.server.requests.items() if name == self.name
        }


@dataclass(slots=True)
class Relay:
    """An HTTP server that notes what it is sent; it answers 404, or what `upstream` answers.

    Upstream is asked without `Git-Protocol`, as old servers and proxies do: protocol 0.
    """

    upstream: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.serve(None)

            def do_POST(self) -> None:
                self.serve(self.rfile.read(int(self.headers["Content-Length"])))

            def serve(self, body: bytes | None) -> None:
                relay.headers.append(dict(self.headers))
                status, headers, content = relay.ask(self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() in {"content-type", "www-authenticate"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ask(self, path: str, headers: Any, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        if not self.upstream:
            return 404, {}, b""
        kept = {
            name: headers[name]
            for name in ("Content-Type", "Content-Encoding", "Authorization")
            if headers[name]
        }
        request = urllib.request.Request(self.upstream + path, body, kept)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    @property
    def port(self) -> int:
        return self.server.server_port

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def processes_with(text: str) -> list[str]:
    """Command lines and environments, of all processes but this one, that hold `text`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        if place.name == str(os.getpid()):
            continue
        for name in ("cmdline", "environ"):
            try:
                content = (place / name).read_bytes()
            except OSError:
                continue
            if text.encode() in content:
                found.append(f"{place.name} {name}: {content.decode(errors='replace')}")
    return found


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
