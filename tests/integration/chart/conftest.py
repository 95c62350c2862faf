"""Fixtures: a cluster of its own, the chart installed into it, and the Pod's processes with their rights.

Not the control plane that the other tests share: the chart owns objects that exist once in a cluster.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError
from gitops.local.binaries import ensure
from gitops.local.controlplane import PROGRAMS, ControlPlane
from gitops.local.progress import Printed
from tests.integration.chart.support import HOME, Helm, PodProcesses


@pytest.fixture(scope="package")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, can_not_be_had: Callable[[str], None]
) -> Iterator[ControlPlane]:
    """A control plane with an audit log for the chart's tests alone."""
    try:
        ensure((*PROGRAMS, "helm", "kustomize"), Printed())
    except GitopsError as error:
        can_not_be_had(str(error))
    with ControlPlane.start(tmp_path_factory.mktemp("cluster"), audit_log=True) as running:
        yield running


@pytest.fixture(scope="package")
def helm(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm as administrator of the cluster."""
    return Helm(ensure(["helm"], Printed())["helm"], cluster.kubeconfig, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def installed(cluster: ControlPlane, helm: Helm) -> None:
    """The chart with its defaults, as a person would install it."""
    cluster.kubectl("create", "namespace", HOME)
    cluster.kubectl("label", "namespace", HOME, "pod-security.kubernetes.io/enforce=restricted")
    helm.install()


@pytest.fixture
def controller(cluster: ControlPlane, installed: None, tmp_path: Path) -> Iterator[PodProcesses]:
    """The processes of the installed Pod, as its containers would run them."""
    with PodProcesses.start(cluster, tmp_path) as running:
        yield running
