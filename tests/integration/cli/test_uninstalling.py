"""`gitops uninstall`: nothing that was deployed is lost, nothing is wedged, nothing of others is touched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, Obj
from tests.support.command import Command
from tests.support.controller import Controller
from tests.support.manifests import config_map, service, thing
from tests.support.site import App, Site
from tests.support.wait import wait_for

ROOT = Path(__file__).parents[3]
SYSTEM = "gitops-system"
CRD = "applications.gitops.dev"
RBAC = "rbac.authorization.k8s.io/v1"
MARKS = ("applyset.kubernetes.io", "gitops.dev/applied", "'manager': 'gitops.dev/")


@pytest.fixture
def stopped(idle_controller: Controller, cluster: Cluster) -> Iterator[Controller]:
    """A controller that a test starts and stops; the definition is there again afterwards."""
    yield idle_controller
    if idle_controller.is_running:
        idle_controller.stop()
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT}/manifests/crds")
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}")


def definition(cluster: Cluster) -> Obj | None:
    return cluster.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", CRD)


def marks(obj: Obj) -> list[str]:
    return [word for word in MARKS if word in str(obj["metadata"])]


def deployed(controller: Controller, site: Site) -> App:
    """An Application that is ready, and whose controller is gone."""
    controller.start()
    app = site.synced(config_map("a"), service("b"))
    controller.stop()
    return app


def test_without_a_terminal_it_wants_a_yes_and_changes_nothing(
    stopped: Controller, cluster: Cluster, site: Site, command: Command
) -> None:
    app = deployed(stopped, site)
    before = app.get()
    ran = command("uninstall")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert app.get() == before
    assert definition(cluster)


def test_everything_that_was_installed_goes_and_everything_that_was_deployed_stays(
    stopped: Controller, cluster: Cluster, site: Site, command: Command
) -> None:
    app = deployed(stopped, site)
    before = {kind: site.get(kind, name) for kind, name in (("ConfigMap", "a"), ("Service", "b"))}
    cluster.kubectl(
        "apply", "--server-side", "--force-conflicts", f"--filename={ROOT}/manifests/install.yaml"
    )
    labels = {"app.kubernetes.io/name": "gitops"}
    other = cluster.create(thing(RBAC, "ClusterRole", site.name, metadata={"labels": labels}, rules=[]))
    try:
        ran = command("uninstall", "--yes")
        assert (ran.code, ran.err) == (0, ""), ran
        for word in (
            "stopping Deployment.apps gitops-system/gitops",
            f"released Application.gitops.dev {app.namespace}",
        ):
            assert word in ran.out
        assert definition(cluster) is None
        for kind, name in (("ConfigMap", "a"), ("Service", "b")):
            now = site.get(kind, name)
            assert now["metadata"]["uid"] == before[kind]["metadata"]["uid"]
            assert now.get("data") == before[kind].get("data")
            assert marks(now) == []
        assert cluster.find("apps/v1", "Deployment", SYSTEM, "gitops") is None
        assert cluster.find("v1", "ServiceAccount", SYSTEM, "gitops") is None
        assert cluster.find(RBAC, "ClusterRole", "", "gitops") is None
        assert cluster.find(RBAC, "ClusterRoleBinding", "", "gitops") is None
        assert cluster.find(RBAC, "Role", SYSTEM, "gitops") is None
        assert cluster.find("v1", "Namespace", "", SYSTEM)
        assert cluster.find(RBAC, "ClusterRole", "", site.name)
        again = command("uninstall", "--yes")
        assert (again.code, again.err) == (0, "")
    finally:
        cluster.delete(other)


def test_with_the_definition_kept_the_next_install_goes_on_with_all_objects(
    stopped: Controller, cluster: Cluster, site: Site, command: Command
) -> None:
    app = deployed(stopped, site)
    before = site.get("ConfigMap", "a")
    ran = command("uninstall", "--keep-crds", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert definition(cluster)
    assert app.get()["metadata"].get("finalizers", []) == []
    assert site.get("ConfigMap", "a") == before
    stopped.start()
    app.wait_ready(site.push_objects(config_map("a", {"key": "2"})))
    assert site.get("ConfigMap", "a")["metadata"]["uid"] == before["metadata"]["uid"]
    assert site.find("Service", "b") is None


def test_a_namespace_with_an_application_can_be_deleted_when_the_controller_is_gone(
    stopped: Controller, cluster: Cluster, site: Site, command: Command
) -> None:
    stopped.start()
    tenant = site.tenant("configmaps")
    site.push_objects(config_map("outside"))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    app.wait_ready()
    stopped.stop()
    cluster.delete(thing("v1", "Namespace", tenant))
    wait_for(lambda: app.get()["metadata"].get("deletionTimestamp"), "it hangs in its finalizer")
    ran = command("uninstall", "--release-only", "--yes")
    assert (ran.code, ran.err) == (0, "")
    wait_for(lambda: cluster.find("v1", "Namespace", "", tenant) is None, "the namespace is gone", timeout=60)
    assert site.data("outside") == {"key": "value"}
    assert definition(cluster)


def test_objects_go_too_when_that_is_asked_for(
    stopped: Controller, cluster: Cluster, site: Site, command: Command
) -> None:
    stopped.start()
    site.synced(config_map("a"), service("b"))
    ran = command("uninstall", "--prune", "--yes")
    assert (ran.code, ran.err) == (0, ""), ran
    assert site.data("a") is None
    assert site.find("Service", "b") is None
    assert definition(cluster) is None


def test_without_rights_it_says_so_and_changes_nothing(
    stopped: Controller, cluster: Cluster, site: Site, command: Command
) -> None:
    app = deployed(stopped, site)
    ran = command("uninstall", "--yes", kubeconfig=cluster.control_plane.kubeconfig_for("nobody"))
    assert ran.code == 4
    assert "nobody" in ran.err
    assert app.get()["metadata"]["finalizers"]
    assert definition(cluster)
