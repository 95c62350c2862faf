"""The API server refuses for a while: nothing is lost, nothing is taken for absent, and it is made up for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitops.local.gitserver import GitServer
from tests.faults.proxy import Proxy
from tests.support.cluster import Cluster
from tests.support.controller import Controller
from tests.support.manifests import config_map
from tests.support.site import App, Site, new_site
from tests.support.wait import stays, wait_for

_BACK = 20.0  # seconds: refused requests are tried again with growing pauses


class Outage:
    """A site whose controller reaches the API server only through a proxy."""

    def __init__(self, site: Site, proxy: Proxy, controller: Controller) -> None:
        self.site = site
        self.proxy = proxy
        self.controller = controller

    def begin(self, code: Callable[[str, str], int]) -> None:
        self.proxy.refuse = code

    def end(self) -> None:
        self.proxy.refuse = lambda _method, _path: 0


@pytest.fixture
def outage(
    cluster: Cluster, git_server: GitServer, tools: Mapping[str, Path], tmp_path: Path
) -> Iterator[Outage]:
    with ExitStack() as stack:
        site = stack.enter_context(new_site(cluster, git_server, tmp_path))
        controller = Controller(tmp_path, tmp_path, tools)
        proxy = Proxy(cluster.control_plane, site.name, controller.kill_by_pid)
        stack.callback(proxy.stop)
        stack.callback(controller.stop)
        controller.kubeconfig = proxy.kubeconfig(tmp_path)
        yield Outage(site, proxy, controller)
        controller.stop()
        for app in cluster.list("gitops.dev/v1alpha1", "Application"):
            one = App(cluster, app["metadata"]["namespace"], app["metadata"]["name"])
            one.delete()
            one.patch({"metadata": {"finalizers": None}})


def test_a_status_that_was_refused_is_written_later(outage: Outage) -> None:
    """Though nothing else happens any more that would ask for a pass."""
    site = outage.site
    outage.controller.start()
    outage.begin(lambda _, path: 503 if path.endswith("/status") else 0)
    sha = site.push_objects(config_map("a"))
    app = site.application()
    site.wait_data("a", {"key": "value"})
    stays(lambda: not app.condition("Ready"), "nothing is said", seconds=1)
    outage.end()
    app.wait_ready(sha, timeout=_BACK)


def test_an_api_server_that_is_away_for_a_while_is_waited_for(outage: Outage) -> None:
    site = outage.site
    outage.controller.start()
    app = site.synced(config_map("a"), config_map("b"))
    outage.begin(lambda _method, path: 503 if "/leases" not in path else 0)
    sha = site.push_objects(config_map("a", {"key": "new"}))
    site.cluster.delete(site.get("ConfigMap", "a"))
    stays(lambda: site.data("a") is None and site.data("b"), "nothing is written", seconds=3)
    outage.end()
    app.wait_ready(sha, timeout=_BACK)
    assert site.data("a") == {"key": "new"}
    assert site.data("b") is None


def test_what_can_not_be_listed_is_not_absent(outage: Outage) -> None:
    """Neither made again nor deleted while nobody knows what is there."""
    site = outage.site
    outage.controller.start()
    app = site.synced(config_map("a"), config_map("b"), config_map("c"))
    outage.controller.terminate(10)
    before = {name: site.get("ConfigMap", name)["metadata"]["uid"] for name in "abc"}
    sha = site.push_objects(config_map("a"), config_map("b"))
    outage.begin(lambda method, path: 403 if method == "GET" and path == "/api/v1/configmaps" else 0)
    outage.controller.start()
    app.wait(lambda status: status.get("problems"), "it is said")
    assert {one["reason"] for one in app.problems()} == {"Forbidden"}
    assert {name: site.get("ConfigMap", name)["metadata"]["uid"] for name in "abc"} == before
    outage.end()
    app.wait_ready(sha, timeout=60)
    wait_for(lambda: site.data("c") is None, "what left is pruned")
    assert {name: site.get("ConfigMap", name)["metadata"]["uid"] for name in "ab"} == {
        name: before[name] for name in "ab"
    }
