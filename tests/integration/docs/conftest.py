"""Fixtures: a controller as the documentation speaks of it, at home in `gitops-system`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gitops.local.controlplane import ControlPlane
from tests.support.cluster import Cluster, Refused
from tests.support.controller import Controller
from tests.support.fixtures import cluster, tools
from tests.support.manifests import thing

HOME = "gitops-system"

__all__ = ["cluster", "controller", "tools"]


@pytest.fixture(scope="module")
def controller(
    cluster: Cluster,
    control_plane: ControlPlane,
    tools: Mapping[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Controller]:
    """A running controller whose namespace is `gitops-system`."""
    try:
        cluster.create(thing("v1", "Namespace", HOME))
    except Refused as error:
        if error.status != 409:
            raise
    folder = tmp_path_factory.mktemp("controller")
    made = Controller(control_plane.kubeconfig, folder, tools, (f"--namespace={HOME}",))
    made.start()
    yield made
    made.stop()
