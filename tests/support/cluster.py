"""A plain view of the API server for tests: objects by REST, independent of the product's own client."""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from gitops.local.controlplane import ControlPlane

Obj: TypeAlias = dict[str, Any]

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

_CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "IngressClass",
        "ClusterThing",
    }
)


class Refused(AssertionError):
    """The API server said no; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


def collection(api_version: str, kind: str, namespace: str = "") -> str:
    """The path of a kind's collection: `("apps/v1", "Deployment", "a")` → /apis/apps/v1/namespaces/a/…."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    lower = kind.lower()
    plural = (
        f"{lower[:-1]}ies" if lower.endswith("y") else f"{lower}es" if lower.endswith("s") else f"{lower}s"
    )
    middle = f"/namespaces/{namespace}" if namespace and kind not in _CLUSTER_SCOPED else ""
    return f"{root}{middle}/{plural}"


def path_of(obj: Mapping[str, Any]) -> str:
    metadata = obj["metadata"]
    return f"{collection(obj['apiVersion'], obj['kind'], metadata.get('namespace', ''))}/{metadata['name']}"


class Cluster:
    """Requests as administrator over one kept connection; safe to use from several threads."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane
        self.kubectl: Callable[..., str] = control_plane.kubectl
        self._context = ssl.create_default_context(cafile=str(control_plane.ca_file))
        self._place = urlsplit(control_plane.url)
        self._lock = threading.Lock()
        self._connection: http.client.HTTPSConnection | None = None

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        manager: str = "",
        **params: str,
    ) -> tuple[int, Obj]:
        """Status and JSON body. `manager` is the field manager that the write is made as."""
        query = params | ({"fieldManager": manager} if manager else {})
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {
            "Authorization": f"Bearer {self.control_plane.admin_token}",
            "Content-Type": content_type,
            "Accept": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        with self._lock:
            for attempt in range(2):
                try:
                    connection = self._connection or self._connect()
                    connection.request(method, target, data, headers)
                    answer = connection.getresponse()
                    content = answer.read()
                    break
                except (http.client.HTTPException, OSError):
                    self.close()
                    if attempt:
                        raise
        return answer.status, json.loads(content) if content else {}

    def _connect(self) -> http.client.HTTPSConnection:
        self._connection = http.client.HTTPSConnection(
            self._place.hostname or "", self._place.port, context=self._context, timeout=30
        )
        return self._connection

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _must(self, method: str, path: str, body: Any = None, **more: Any) -> Obj:
        status, answer = self.request(method, path, body, **more)
        if status >= 300:
            raise Refused(status, str(answer.get("message")))
        return answer

    def find(self, api_version: str, kind: str, namespace: str, name: str) -> Obj | None:
        """The object, or None if the server says that there is none."""
        path = f"{collection(api_version, kind, namespace)}/{name}"
        status, answer = self.request("GET", path)
        if status == 404:
            return None
        if status >= 300:
            raise Refused(status, str(answer.get("message")))
        return answer

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Obj:
        found = self.find(api_version, kind, namespace, name)
        assert found is not None, f"there is no {kind} {namespace}/{name}"
        return found

    def list(self, api_version: str, kind: str, namespace: str = "", **params: str) -> list[Obj]:
        items: list[Obj] = self._must("GET", collection(api_version, kind, namespace), **params)["items"]
        return items

    def create(self, obj: Mapping[str, Any], manager: str = "kubectl-create") -> Obj:
        metadata = obj["metadata"]
        path = collection(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""))
        return self._must("POST", path, dict(obj), manager=manager)

    def patch(
        self, obj: Mapping[str, Any], change: Any, manager: str = "kubectl-edit", how: str = MERGE
    ) -> Obj:
        return self._must("PATCH", path_of(obj), change, content_type=how, manager=manager)

    def replace(self, obj: Mapping[str, Any], manager: str = "kubectl-replace") -> Obj:
        return self._must("PUT", path_of(obj), dict(obj), manager=manager)

    def apply(self, obj: Mapping[str, Any], manager: str = "kubectl", *, force: bool = False) -> Obj:
        """Server-side apply."""
        options = {"force": "true"} if force else {}
        return self._must("PATCH", path_of(obj), dict(obj), content_type=APPLY, manager=manager, **options)

    def delete(self, obj: Mapping[str, Any], propagation: str = "Background") -> None:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        status, answer = self.request("DELETE", path_of(obj), options)
        if status not in (200, 202, 404):
            raise Refused(status, str(answer.get("message")))
