"""Ignored fields survive a fault at any point: what we own is never left out, whoever dies in between."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from gitops.local.gitserver import GitServer
from tests.faults.plans import Fault, Plan, Point
from tests.faults.proxy import Proxy, Seen
from tests.support.cluster import MERGE, Cluster, path_of
from tests.support.controller import Controller
from tests.support.manifests import deployment
from tests.support.site import Site, new_site
from tests.support.wait import wait_for

IGNORE = [{"group": "apps", "kind": "Deployment", "paths": ["/spec/replicas"]}]
_LONG = 60.0


class Life:
    """A Deployment with ignored replicas, behind a proxy that does harm once."""

    def __init__(self, site: Site, proxy: Proxy, controller: Controller) -> None:
        self.site = site
        self.proxy = proxy
        self.controller = controller
        self.fewest = 99

    def replicas(self) -> int:
        found = self.site.find("Deployment", "d", "apps/v1")
        number = int(found["spec"]["replicas"]) if found else 99
        self.fewest = min(self.fewest, number)
        return number

    def settle(self, look: Any, what: str) -> None:
        def one() -> bool:
            self.controller.revive()
            self.replicas()
            return bool(look())

        wait_for(one, what, timeout=_LONG, state=lambda: self.controller.logs()[-1500:])

    def owns_replicas(self) -> bool:
        entries = self.site.get("Deployment", "d", "apps/v1")["metadata"]["managedFields"]
        ours = [one for one in entries if one["manager"].startswith("gitops.dev/")]
        return any("f:replicas" in one["fieldsV1"].get("f:spec", {}) for one in ours)

    def scale(self, number: int) -> None:
        path = path_of(self.site.get("Deployment", "d", "apps/v1")) + "/scale"
        self.site.cluster.request(
            "PATCH", path, {"spec": {"replicas": number}}, content_type=MERGE, manager="keda-operator"
        )


def strike(occurrence: int, fault: Fault) -> Plan:
    path = "/apis/apps/v1/namespaces/~/deployments/d"
    return Plan(fault, Point("PATCH", path, occurrence))


FAULTS = (Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.RESET, Fault.ERROR_500, Fault.CONFLICT)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("occurrence", [1, 2, 3])  # create, let go, the next apply
def test_replicas_never_fall(
    cluster: Cluster,
    git_server: GitServer,
    tools: Mapping[str, Path],
    tmp_path: Path,
    fault: Fault,
    occurrence: int,
) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(new_site(cluster, git_server, tmp_path))
        controller = Controller(tmp_path, tmp_path, tools)
        proxy = Proxy(cluster.control_plane, site.name, controller.kill_by_pid)
        stack.callback(proxy.stop)
        stack.callback(controller.stop)
        controller.kubeconfig = proxy.kubeconfig(tmp_path)
        proxy.plan = strike(occurrence, fault)
        life = Life(site, proxy, controller)
        sha = site.push_objects(deployment("d", replicas=3))
        app = site.application(ignore=IGNORE)
        controller.launch()
        life.settle(lambda: site.find("Deployment", "d", "apps/v1"), "it is made")
        life.settle(lambda: not life.owns_replicas(), "we let go of the replicas")
        assert life.replicas() == 3
        sha = site.push_objects(deployment("d", "web:2", replicas=3))
        life.settle(lambda: app.status.get("revision", {}).get("applied") == sha, "it is applied")
        life.scale(5)
        sha = site.push_objects(deployment("d", "web:3", replicas=3))
        life.settle(lambda: app.status.get("revision", {}).get("applied") == sha, "it is applied")
        assert life.replicas() == 5
        assert life.fewest == 3
        assert proxy.struck == 1
        assert all(map(is_harmless, proxy.writes)), proxy.writes
        controller.stop()
        app.delete()
        app.patch({"metadata": {"finalizers": None}})


def is_harmless(seen: Seen) -> bool:
    """An apply that names the replicas is one that creates the object."""
    if seen.point.verb != "PATCH" or not seen.path.endswith("/deployments/d") or seen.body[:1] == b"[":
        return True
    body = orjson.loads(seen.body)
    return ("replicas" in body["spec"]) != bool(body["metadata"].get("uid"))
