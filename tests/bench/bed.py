"""What every benchmark works on: a control plane, a Git server, Applications, and a controller."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import yaml

from gitops.api import crd
from gitops.api.group import API_VERSION, KIND, RECONCILE_AT_ANNOTATION
from gitops.local.controlplane import ControlPlane
from gitops.local.gitserver import GitServer
from gitops.local.worktree import WorkTree
from tests.bench.api import APPLY, Api
from tests.bench.audit import Audit
from tests.bench.process import ControllerProcess, cpu_seconds_of

HOME = "gitops-system"
USER = "gitops-under-test"  # the controller's name in the audit log
_APPLICATIONS = f"/apis/{API_VERSION}/namespaces/{HOME}/applications"


@dataclass(slots=True)
class Bed:
    """The servers, and the few verbs that the benchmarks share."""

    control_plane: ControlPlane
    git: GitServer
    api: Api
    audit: Audit
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    @contextmanager
    def made(cls, folder: Path) -> Iterator[Self]:
        """Start everything but the controller. The control plane has no scheduler: no Pods are made."""
        with ExitStack() as stack:
            plane = stack.enter_context(
                ControlPlane.start(folder / "plane", scheduler=False, kwok=False, audit_log=True)
            )
            git = stack.enter_context(GitServer(folder / "repositories"))
            api = Api(plane.url, plane.admin_token, plane.ca_file)
            stack.callback(api.close)
            assert plane.audit_log is not None
            self = cls(plane, git, api, Audit(plane.audit_log), folder)
            self._install()
            yield self

    def _install(self) -> None:
        definition = yaml.safe_load(crd.text())
        name = definition["metadata"]["name"]
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        self.api.request("PATCH", f"{path}?fieldManager=bench", definition, APPLY)
        self.wait(lambda: self.api.ask("GET", _APPLICATIONS)[0] == 200, 30, "the Application's definition")
        self.make_namespace(HOME)

    @contextmanager
    def controller(self) -> Iterator[ControllerProcess]:
        """A fresh controller, as a user of its own."""
        kubeconfig = self.control_plane.kubeconfig_for(USER, ("system:masters",))
        running = ControllerProcess.start(kubeconfig, self.folder / f"controller-{next(self._numbers)}")
        try:
            yield running
        finally:
            running.stop()

    def repository(self, name: str) -> WorkTree:
        """A new repository and a working tree of it."""
        url = self.git.create_repository(name)
        return WorkTree.create(self.folder / "trees" / name, url)

    def make_namespace(self, name: str) -> None:
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.api.request("POST", "/api/v1/namespaces", document, "application/json")

    def make_application(self, name: str, url: str, path: str) -> None:
        """An Application that is polled so rarely that only `nudge` makes it look."""
        document = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": name, "annotations": {RECONCILE_AT_ANNOTATION: "0"}},
            "spec": {"source": {"repository": url, "path": path}, "sync": {"interval": "1h"}},
        }
        self.api.request("POST", _APPLICATIONS, document, "application/json")

    def annotate(self, name: str, annotation: str, value: str) -> None:
        self.api.request(
            "PATCH", f"{_APPLICATIONS}/{name}", {"metadata": {"annotations": {annotation: value}}}
        )

    def nudge(self, name: str) -> None:
        """Have the repository looked at now."""
        self.annotate(name, RECONCILE_AT_ANNOTATION, f"{time.time():.6f}")

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.request("GET", f"{_APPLICATIONS}/{name}").get("status") or {}
        return found

    def wait_synced(self, name: str, sha: str, seconds: float = 120.0) -> None:
        """Wait until a commit is applied and everything is healthy."""

        def ready() -> bool:
            status = self.status(name)
            ready = [one["status"] for one in status.get("conditions", ()) if one["type"] == "Ready"]
            return (status.get("revision") or {}).get("applied") == sha and ready == ["True"]

        try:
            self.wait(ready, seconds, f"Application {name}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.status(name)}") from None

    def forget(self, name: str) -> None:
        """Remove an Application while no controller runs; its objects stay."""
        self.api.request("PATCH", f"{_APPLICATIONS}/{name}", {"metadata": {"finalizers": None}})
        self.api.request("DELETE", f"{_APPLICATIONS}/{name}")

    def remove_namespace(self, name: str) -> None:
        """Delete a namespace, and wait until the server has no more work with it."""
        self.api.request("DELETE", f"/api/v1/namespaces/{name}")
        self.wait(
            lambda: self.api.ask("GET", f"/api/v1/namespaces/{name}")[0] == 404, 120, f"the end of {name}"
        )
        self.settle()

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until the control plane is nearly idle: what it still does would be measured too."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.servers_cpu_seconds()
            time.sleep(0.5)
            if self.servers_cpu_seconds() - before <= 0.06:  # an eighth of a core
                return

    def servers_cpu_seconds(self) -> float:
        """CPU time of the control plane so far."""
        return sum(map(cpu_seconds_of, self.control_plane.pids.values()))

    @staticmethod
    def wait(ready: Callable[[], bool], seconds: float, what: str) -> None:
        """Ask five times a second. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {seconds:g} s for {what}")
            time.sleep(0.2)
