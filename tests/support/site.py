"""One test's place in the world: a repository, a destination namespace, and Applications for them."""

import contextlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitops.local.gitserver import GitServer, Service
from gitops.local.worktree import WorkTree
from tests.support.cluster import Cluster, Obj
from tests.support.controller import HOME
from tests.support.manifests import config_map, deployment, secret, service, thing, to_yaml
from tests.support.wait import TIMEOUT, wait_for

API = "gitops.dev/v1alpha1"
_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")  # "*" would hold escalate and bind


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on the run's Git server, and a work tree to push from."""

    server: GitServer
    name: str
    url: str
    tree: WorkTree

    @classmethod
    def create(
        cls, server: GitServer, folder: Path, name: str, credentials: tuple[str, str] | None = None
    ) -> "Repository":
        url = server.create_repository(name, credentials)
        tree = WorkTree.create(folder / name, str(server.folder / f"{name}.git"))
        return cls(server, name, url, tree)

    def push(self, files: Mapping[str, str | None] | None = None, message: str = "a change") -> str:
        """Commit and push; the full SHA."""
        sha = self.tree.commit(message, files)
        self.tree.push()
        return sha

    def asked(self, service: Service) -> int:
        """How many requests of this service the server has had for it."""
        return self.server.requests[self.name, service]


@dataclass(frozen=True, slots=True)
class App:
    """One Application of a test."""

    cluster: Cluster
    namespace: str
    name: str

    @property
    def reference(self) -> Obj:
        return thing(API, "Application", self.name, self.namespace)

    def find(self) -> Obj | None:
        return self.cluster.find(API, "Application", self.namespace, self.name)

    def get(self) -> Obj:
        return self.cluster.get(API, "Application", self.namespace, self.name)

    @property
    def uid(self) -> str:
        return str(self.get()["metadata"]["uid"])

    @property
    def status(self) -> Obj:
        found: Obj = self.get().get("status") or {}
        return found

    def condition(self, kind: str) -> Obj | None:
        conditions: list[Obj] = self.status.get("conditions", [])
        return next((one for one in conditions if one["type"] == kind), None)

    def problems(self) -> list[Obj]:
        found: list[Obj] = self.status.get("problems", [])
        return found

    def patch(self, change: Any) -> None:
        self.cluster.patch(self.reference, change)

    def annotate(self, **values: str) -> None:
        """`annotate(approve=sha)` sets gitops.dev/approve."""
        named = {f"gitops.dev/{name.replace('_', '-')}": value for name, value in values.items()}
        self.patch({"metadata": {"annotations": named}})

    def refresh(self) -> None:
        """Ask for a look at the repository now."""
        self.annotate(reconcile_at=secrets.token_hex(8))

    def events(self, reason: str = "") -> list[Obj]:
        selector = f"involvedObject.uid={self.uid}" + (f",reason={reason}" if reason else "")
        return self.cluster.list("v1", "Event", self.namespace, fieldSelector=selector)

    def wait(self, predicate: Any, what: str, timeout: float = TIMEOUT) -> Obj:
        """Wait until `predicate(status)` holds; the status."""

        def look() -> Obj | None:
            status = self.status
            return status if predicate(status) else None

        return wait_for(look, f"{self.name}: {what}", timeout=timeout, state=lambda: self.status)

    def wait_ready(self, sha: str = "", timeout: float = TIMEOUT) -> Obj:
        """Ready, for the newest spec, at this commit if one is named."""

        def ready_status() -> Obj | None:
            app = self.get()
            status: Obj = app.get("status") or {}
            revision = status.get("revision") or {}
            conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
            is_ready = (
                conditions.get("Ready") == "True"
                and status.get("observedGeneration") == app["metadata"]["generation"]
                and (not sha or revision.get("applied") == sha)
            )
            return status if is_ready else None

        what = f"{self.name}: Ready at {sha[:7] or 'any revision'}"
        return wait_for(ready_status, what, timeout=timeout, state=lambda: self.status)

    def wait_reason(self, reason: str, kind: str = "Stalled", timeout: float = TIMEOUT) -> str:
        """Wait for a condition of this reason that is True (or False, for Ready); its message."""

        def fits(_: Obj) -> bool:
            found = self.condition(kind)
            return bool(found and found["reason"] == reason and found["status"] != "Unknown")

        self.wait(fits, f"{kind} for {reason}", timeout)
        condition = self.condition(kind)
        return str(condition["message"]) if condition else ""

    def delete(self) -> None:
        self.cluster.delete(self.reference)

    def wait_gone(self, timeout: float = TIMEOUT) -> None:
        wait_for(lambda: self.find() is None, f"{self.name} is gone", timeout=timeout, state=self.find)


@dataclass(slots=True)
class Site:
    """A destination namespace with things in it that are nobody's business, and a repository."""

    cluster: Cluster
    git_server: GitServer
    folder: Path
    name: str
    repository: Repository
    bystanders: list[Obj] = field(default_factory=list)
    _apps: list[App] = field(default_factory=list)
    _namespaces: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.name

    def new_namespace(self, suffix: str) -> str:
        """One more namespace, removed with the site."""
        name = f"{self.name}-{suffix}"
        self.cluster.create(thing("v1", "Namespace", name))
        self._namespaces.append(name)
        return name

    def new_repository(self, suffix: str, credentials: tuple[str, str] | None = None) -> Repository:
        return Repository.create(self.git_server, self.folder, f"{self.name}-{suffix}", credentials)

    def push(self, files: Mapping[str, str | None] | None = None, message: str = "a change") -> str:
        return self.repository.push(files, message)

    def push_objects(self, *objects: Mapping[str, Any], path: str = "app/objects.yaml") -> str:
        """Push one file with exactly these objects; none: an empty folder with a note in it."""
        if not objects:
            return self.push({path: None, f"{Path(path).parent}/README.md": "nothing here\n"})
        return self.push({path: to_yaml(*objects)})

    def application(
        self,
        suffix: str = "",
        *,
        path: str = "app",
        revision: str = "",
        namespace: str = HOME,
        destination: str = "",
        repository: Repository | None = None,
        sync: Mapping[str, Any] | None = None,
        source: Mapping[str, Any] | None = None,
        **spec: Any,
    ) -> App:
        """Create an Application of this site; by default in the controller's own namespace."""
        where = {
            "repository": (repository or self.repository).url,
            "path": path,
            **({"revision": revision} if revision else {}),
            **(source or {}),
        }
        body = {
            "source": where,
            "destination": {"namespace": destination or self.namespace},
            "sync": {"interval": "500ms", **(sync or {})},
            **spec,
        }
        name = f"{self.name}-{suffix}" if suffix else self.name
        self.cluster.create(thing(API, "Application", name, namespace, spec=body))
        app = App(self.cluster, namespace, name)
        self._apps.append(app)
        return app

    def synced(self, *objects: Mapping[str, Any], **options: Any) -> App:
        """Push these objects, create an Application for them, and wait until it is ready."""
        sha = self.push_objects(*objects)
        app = self.application(**options)
        app.wait_ready(sha)
        return app

    # Short names for the kinds that nearly every test looks at.

    def find(self, kind: str, name: str, api_version: str = "v1") -> Obj | None:
        return self.cluster.find(api_version, kind, self.namespace, name)

    def get(self, kind: str, name: str, api_version: str = "v1") -> Obj:
        return self.cluster.get(api_version, kind, self.namespace, name)

    def data(self, name: str) -> Obj | None:
        """The data of a ConfigMap; None if there is none."""
        found = self.find("ConfigMap", name)
        return (found.get("data") or {}) if found else None

    def wait_data(self, name: str, data: Mapping[str, str] | None) -> None:
        wait_for(
            lambda: self.data(name) == data,
            f"ConfigMap {name} has {data}",
            state=lambda: self.data(name),
        )

    def wait_data_exists(self, name: str) -> None:
        wait_for(lambda: self.data(name) is not None, f"ConfigMap {name} is there")

    # Tenants.

    def tenant(self, *resources: str) -> str:
        """A namespace with the account `deployer`, which may do all with these resources of this site."""
        name = self.new_namespace("tenant")
        self.cluster.create(thing("v1", "ServiceAccount", "deployer", name))
        self.allow(name, *resources)
        return name

    def allow(self, tenant: str, *resources: str) -> None:
        """Let the tenant's account read and write these resources in the site's namespace."""
        role = f"{tenant}-{'-'.join(resources)}"
        group = "rbac.authorization.k8s.io"
        groups = ["", "apps", "networking.k8s.io", group]
        rules = [{"apiGroups": groups, "resources": list(resources), "verbs": list(_VERBS)}]
        self.cluster.create(thing(f"{group}/v1", "Role", role, self.namespace, rules=rules))
        binding = {
            "roleRef": {"apiGroup": group, "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": tenant}],
        }
        self.cluster.create(thing(f"{group}/v1", "RoleBinding", role, self.namespace, **binding))

    # Things that are not ours.

    def plant(self) -> None:
        """Put objects of others next to ours; whatever happens, they are as they were afterwards."""
        for one in (
            config_map("bystander", {"whose": "not yours"}),
            secret("bystander", {"whose": "not yours"}),
            service("bystander"),
            deployment("bystander"),
        ):
            one["metadata"]["namespace"] = self.namespace
            self.cluster.create(one)
        self.bystanders = self._look_at_bystanders()

    def _look_at_bystanders(self) -> list[Obj]:
        kinds = (("v1", "ConfigMap"), ("v1", "Secret"), ("v1", "Service"), ("apps/v1", "Deployment"))
        found = [self.cluster.get(api, kind, self.namespace, "bystander") for api, kind in kinds]
        for one in found:
            one.pop("status", None)
            metadata = one["metadata"]
            metadata.pop("resourceVersion")
            metadata.pop("annotations", None)  # the deployment controller writes its revision late
            metadata["managedFields"] = [
                entry for entry in metadata["managedFields"] if entry["manager"] == "kubectl-create"
            ]
        return found

    def check_bystanders(self) -> None:
        if self.bystanders and self.cluster.find("v1", "Namespace", "", self.namespace):
            namespace = self.cluster.get("v1", "Namespace", "", self.namespace)
            if not namespace["metadata"].get("deletionTimestamp"):
                assert self._look_at_bystanders() == self.bystanders

    def close(self) -> None:
        """Remove the Applications and namespaces; nobody waits for it."""
        for app in self._apps:
            with contextlib.suppress(Exception):
                app.delete()
        for name in (self.namespace, *self._namespaces):
            self.cluster.delete(thing("v1", "Namespace", name))


@contextlib.contextmanager
def new_site(cluster: Cluster, git_server: GitServer, folder: Path) -> Iterator[Site]:
    """A site for one test; at its end the things of others in it must be untouched."""
    name = f"t-{secrets.token_hex(4)}"
    cluster.create(thing("v1", "Namespace", name))
    site = Site(cluster, git_server, folder, name, Repository.create(git_server, folder, name))
    site.plant()
    try:
        yield site
        site.check_bystanders()
    finally:
        site.close()
        shutil.rmtree(folder / name, ignore_errors=True)
