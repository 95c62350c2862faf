"""The benchmark's own requests to the API server: plain, one connection, as administrator."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Api:
    """Requests with JSON in and out; raises RuntimeError for an answer that is no success."""

    def __init__(self, url: str, token: str, ca_file: Path) -> None:
        address = urlsplit(url)
        context = ssl.create_default_context(cafile=str(ca_file))
        self._connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=60
        )
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "gitops-bench"}

    def request(self, method: str, path: str, body: object = None, content_type: str = MERGE) -> Any:
        status, answer = self.ask(method, path, body, content_type)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    def ask(self, method: str, path: str, body: object = None, content_type: str = MERGE) -> tuple[int, Any]:
        """Status and answer, whatever they are."""
        headers = self._headers | ({"Content-Type": content_type} if body is not None else {})
        data = json.dumps(body) if body is not None else None
        try:
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
        except (http.client.HTTPException, OSError):
            self._connection.close()  # an idle connection that the server has closed
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content.startswith(b"{") else content.decode()

    def close(self) -> None:
        self._connection.close()
