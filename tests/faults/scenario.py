"""A life of one Application, driven through whatever faults; what must be true during and after it."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from gitops.local.gitserver import GitServer
from tests.faults.plans import Plan, Point
from tests.faults.proxy import Proxy, Seen
from tests.support.cluster import Cluster, Obj
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, crd, deployment, secret, service, thing, to_yaml
from tests.support.site import App, Site, new_site
from tests.support.wait import wait_for

PART_OF = "applyset.kubernetes.io/part-of"
APPLIED = "gitops.dev/applied"
_QUIET = 1.5  # seconds without a write
_LONG = 60.0  # a write that failed is tried again with growing pauses


@dataclass(slots=True)
class Run:
    """One run of the scenario; `broken` collects what must never happen."""

    cluster: Cluster
    site: Site
    proxy: Proxy
    controller: Controller
    allowed: set[str] = field(default_factory=set)  # paths that may be deleted in this phase
    broken: list[str] = field(default_factory=list)
    _checked: int = 0

    @property
    def group(self) -> str:
        return f"{self.site.name}.example.com"

    def first(self) -> list[Obj]:
        """What the first commit has."""
        return [
            crd("Widget", self.group),
            thing(f"{self.group}/v1", "Widget", "w", spec={"size": 1}),
            config_map("kept"),
            config_map("changed", {"key": "1"}),
            config_map("gone"),
            secret("s", {"password": "one"}),
            service("web"),
            deployment("web", "web:1"),
        ]

    def second(self) -> list[Obj]:
        """What the second one has: one changed, one gone, one new, one under another name."""
        return [
            crd("Widget", self.group),
            thing(f"{self.group}/v1", "Widget", "w", spec={"size": 2}),
            config_map("kept"),
            config_map("changed", {"key": "2"}),
            config_map("added"),
            secret("s", {"password": "two"}),
            service("www"),
            deployment("web", "web:2"),
        ]

    def settle(self, look: Callable[[], object], what: str) -> None:
        """Wait for `look`, starting the controller again whenever it has died, and check every write."""

        def one() -> bool:
            self.controller.revive()
            self.check_writes()
            return bool(look())

        wait_for(one, what, timeout=_LONG, state=lambda: (self.broken, self.controller.logs()[-1500:]))

    def check_writes(self) -> None:
        """What must hold for each single write."""
        writes = self.proxy.writes
        for seen in writes[self._checked :]:
            self._check(seen)
        self._checked = len(writes)

    def _check(self, seen: Seen) -> None:
        if "/applications" in seen.path:
            return
        if seen.point.verb == "DELETE" and seen.path not in self.allowed:
            self.broken.append(f"deleted {seen.path}, which is desired or somebody else's")
        if "bystander" in seen.path:
            self.broken.append(f"touched {seen.path}, which is somebody else's")
        if seen.point.verb != "PATCH" or seen.body.startswith(b"["):
            return
        metadata = json.loads(seen.body)["metadata"]
        if PART_OF not in metadata.get("labels", {}) or APPLIED not in metadata.get("annotations", {}):
            self.broken.append(f"applied {seen.path} without our marks")
        if seen.query.get("force") and not metadata.get("uid"):
            self.broken.append(f"forced {seen.path} without a uid")

    def path(self, plural: str, name: str, group: str = "api/v1") -> str:
        return f"/{group}/namespaces/{self.site.namespace}/{plural}/{name}"

    def quiet(self) -> None:
        """Nothing is written any more."""
        self.settle(
            lambda: time.monotonic() - self.proxy.last_write() > _QUIET, f"{_QUIET} s without a write"
        )

    def compare(self, objects: list[Obj], names: Mapping[str, set[str]]) -> None:
        """The state is what plain kubectl makes of the same manifests, and there is nothing else."""
        for kind, expected in names.items():
            found = {one["metadata"]["name"] for one in self.cluster.list("v1", kind, self.site.namespace)}
            own = found - {"bystander", "kube-root-ca.crt"}
            if own != expected:
                self.broken.append(f"{kind}: {sorted(own)} instead of {sorted(expected)}")
        reference = f"{self.site.namespace}-kubectl"
        for one in objects:
            if one["kind"] == "CustomResourceDefinition":
                continue
            api, kind, name = one["apiVersion"], one["kind"], one["metadata"]["name"]
            ours = _plain(self.cluster.find(api, kind, self.site.namespace, name))
            theirs = _plain(self.cluster.find(api, kind, reference, name))
            if ours != theirs:
                self.broken.append(f"{kind} {name} is {ours} instead of {theirs}")

    def apply_with_kubectl(self, objects: list[Obj]) -> None:
        """The expectation, made without the product."""
        reference = f"{self.site.namespace}-kubectl"
        namespaced = [
            {**one, "metadata": {**one["metadata"], "namespace": reference}}
            for one in objects
            if one["kind"] != "CustomResourceDefinition"
        ]
        self.cluster.kubectl("apply", "--server-side", "--filename=-", input=to_yaml(*namespaced))


def _plain(obj: Obj | None) -> Obj | None:
    """What people would call the object: without the marks and the server's own."""
    if obj is None:
        return None
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if not key.startswith("clusterIP")}
    labels = {key: value for key, value in (obj["metadata"].get("labels") or {}).items() if key != PART_OF}
    return {"spec": spec, "data": obj.get("data"), "type": obj.get("type"), "labels": labels}


def run(
    cluster: Cluster, git_server: GitServer, folder: Path, tools: Mapping[str, Path], plan: Plan | None
) -> tuple[list[str], list[Point], int]:
    """Live through it. Returns what was broken, the points that came by, and how often the fault struck."""
    with ExitStack() as stack:
        site = stack.enter_context(new_site(cluster, git_server, folder))
        controller = Controller(folder, folder, tools)
        proxy = Proxy(cluster.control_plane, site.name, controller.kill_by_pid)
        stack.callback(proxy.stop)
        stack.callback(controller.stop)
        controller.kubeconfig = proxy.kubeconfig(folder)
        proxy.plan = plan
        one = Run(cluster, site, proxy, controller)
        stack.callback(cluster.delete, crd("Widget", one.group))
        app = site.application()
        stack.callback(_let_go, app)
        _live(one, app)
        return one.broken, proxy.points, proxy.struck


def _let_go(app: App) -> None:
    """After a run that failed: the next run's controller must not find anything to do."""
    if app.find():
        app.delete()
        app.patch({"metadata": {"finalizers": None}})


def _live(one: Run, app: App) -> None:
    site, cluster = one.site, one.cluster
    sha = site.push_objects(*one.first())
    one.controller.launch()
    one.settle(lambda: is_ready(app, sha), "the first commit is applied")

    site.new_namespace("kubectl")
    one.allowed = {one.path("configmaps", "gone"), one.path("services", "web")}
    sha = site.push_objects(*one.second())
    one.settle(lambda: is_ready(app, sha), "the second commit is applied")
    one.settle(lambda: site.data("gone") is None, "what left is gone")

    cluster.patch(site.get("ConfigMap", "kept"), {"data": {"key": "edited"}})
    cluster.delete(site.get("ConfigMap", "added"))
    one.settle(lambda: site.data("kept") == site.data("added") == {"key": "value"}, "drift is corrected")
    one.settle(lambda: is_ready(app, sha), "it is ready again")
    one.quiet()
    one.apply_with_kubectl(one.second())
    names = {"ConfigMap": {"kept", "changed", "added"}, "Secret": {"s"}, "Service": {"www"}}
    one.compare(one.second(), names)

    prefix = f"/namespaces/{site.namespace}/"
    one.allowed = {
        one.path(plural, name)
        for plural, name in (
            ("configmaps", "kept"),
            ("configmaps", "changed"),
            ("configmaps", "added"),
            ("secrets", "s"),
            ("services", "www"),
        )
    } | {f"/apis/apps/v1{prefix}deployments/web", f"/apis/{one.group}/v1{prefix}widgets/w"}
    app.delete()
    one.settle(lambda: app.find() is None, "the Application is gone")
    one.check_writes()
    one.compare([], {"ConfigMap": set(), "Secret": set(), "Service": set()})
    kept = cluster.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"widgets.{one.group}")
    if kept is None or PART_OF in (kept["metadata"].get("labels") or {}):
        one.broken.append("the definition was not released")
    assert app.namespace == HOME


def is_ready(app: App, sha: str) -> bool:
    found = app.get()
    status = found.get("status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    return conditions.get("Ready") == "True" and (status.get("revision") or {}).get("applied") == sha
