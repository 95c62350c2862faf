"""Fixtures of the tests that run whole controllers; a folder's conftest imports those that it uses.

A controller lives for a module, so that there are never two at a time.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError
from gitops.local.binaries import ensure
from gitops.local.controlplane import ControlPlane
from gitops.local.gitserver import GitServer
from gitops.local.progress import Printed
from tests.support.cluster import Cluster, Refused
from tests.support.command import Command
from tests.support.controller import HOME, Controller
from tests.support.manifests import thing
from tests.support.site import API, Site, new_site
from tests.support.wait import wait_for

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config, can_not_be_had: Callable[[str], None]) -> Mapping[str, Path]:
    """Helm and Kustomize."""
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    try:
        with capture.global_and_fixture_disabled():
            return ensure(["helm", "kustomize"], Printed())
    except GitopsError as error:
        can_not_be_had(str(error))
        raise


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    """The cluster with our CRD and the controller's home namespace in it."""
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={_ROOT}/manifests/crds")
    control_plane.kubectl("wait", "--for=condition=Established", "crd/applications.gitops.dev")
    cluster = Cluster(control_plane)
    try:
        cluster.create(thing("v1", "Namespace", HOME))
    except Refused as error:
        if error.status != 409:
            raise
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def idle_controller(
    cluster: Cluster, tools: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controller]:
    """A controller that the test starts, kills and starts again itself."""
    made = Controller(cluster.control_plane.kubeconfig, tmp_path_factory.mktemp("controller"), tools)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def controller(cluster: Cluster, idle_controller: Controller) -> Iterator[Controller]:
    """A running controller. At the end every Application that was deleted must be gone."""
    idle_controller.start()
    yield idle_controller

    def left() -> list[str]:
        return [app["metadata"]["name"] for app in cluster.list(API, "Application", HOME)]

    wait_for(lambda: not left(), "all Applications are gone", state=left)


@pytest.fixture
def command(cluster: Cluster, tools: Mapping[str, Path], tmp_path: Path) -> Command:
    """`command("diff", "shop")` runs the `gitops` command as administrator."""
    return Command(cluster.control_plane.kubeconfig, tmp_path, tools)


@pytest.fixture
def site(cluster: Cluster, git_server: GitServer, tmp_path: Path) -> Iterator[Site]:
    """A destination namespace and a repository for one test."""
    with new_site(cluster, git_server, tmp_path) as made:
        yield made
