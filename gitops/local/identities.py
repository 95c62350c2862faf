"""Users made up at run time: a token webhook that tells the API server who a token is.

Kubernetes reads its token file only once, and impersonation from a kubeconfig is ignored by some
clients, which would then silently act as the administrator.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gitops.core.model import Json
from gitops.local import credentials


class Identities:
    """Issues tokens for users and groups, and answers the API server's TokenReviews."""

    def __init__(self) -> None:
        self._users: dict[str, dict[str, Json]] = {}
        self._server = _Server(("127.0.0.1", 0), _Review)
        self._server.users = self._users
        self._thread = threading.Thread(target=self._server.serve_forever, name="identities", daemon=True)
        self._thread.start()

    def issue(self, user: str, groups: tuple[str, ...] = ()) -> str:
        """Give a new token of `user`; the API server adds the group system:authenticated."""
        token = credentials.token()
        self._users[token] = {"username": user, "groups": list(groups)}
        return token

    def write_webhook_config(self, path: Path) -> Path:
        """Write the file for kube-apiserver's --authentication-token-webhook-config-file."""
        url = f"http://127.0.0.1:{self._server.server_port}/"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "webhook",
            "contexts": [{"name": "webhook", "context": {"cluster": "webhook", "user": "apiserver"}}],
            "clusters": [{"name": "webhook", "cluster": {"server": url}}],
            "users": [{"name": "apiserver", "user": {}}],
        }
        return credentials.write_private(path, json.dumps(config))

    def stop(self) -> None:
        """Stop answering; the API server then knows only tokens that it has cached."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    users: dict[str, dict[str, Json]]


class _Review(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = self.server.users.get(review["spec"]["token"])
        review["status"] = {"authenticated": True, "user": user} if user else {"authenticated": False}
        body = json.dumps(review).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: standard error belongs to the tests and the demo."""
