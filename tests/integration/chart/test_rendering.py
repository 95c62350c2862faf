"""What the chart renders to with several values, asked of the API server; what its schema refuses."""

from typing import Any

import pytest
import yaml

from gitops.api.crd import crd
from gitops.local.controlplane import ControlPlane
from manifests import build
from tests.integration.chart.support import CHART, HOME, Helm

EVERYTHING = (
    "controller.env[0].name=HTTPS_PROXY,controller.env[0].value=http://proxy.example.com:3128,"
    "image.pullSecrets[0].name=pull,image.tag=0.1.0@sha256:" + "0" * 64 + ","
    "networkPolicy.enabled=true,serviceMonitor.enabled=true,serviceMonitor.labels.release=prometheus,"
    "priorityClassName=system-cluster-critical,rbac.clusterAdmin=true"
)
NARROW = (
    "crds.install=false,dashboard.enabled=false,rbac.impersonate.namespaces={default,kube-public},"
    "rbac.impersonate.names={deployer},rbac.read[0].apiGroups={apps},rbac.read[0].resources={deployments}"
)
SETS = pytest.mark.parametrize("values", ["", EVERYTHING, NARROW], ids=["defaults", "everything", "narrow"])


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document]


def kinds(text: str) -> list[str]:
    return sorted(document["kind"] for document in documents(text))


@SETS
def test_helm_finds_nothing_to_complain_about(helm: Helm, values: str) -> None:
    helm.run("lint", "--strict", str(CHART), "--set", values)


@SETS
def test_the_api_server_accepts_every_object(
    cluster: ControlPlane, installed: None, helm: Helm, values: str
) -> None:
    known = [one for one in documents(helm.template("--set", values)) if one["kind"] != "ServiceMonitor"]
    cluster.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "--filename=-",
        input=yaml.safe_dump_all(known),
    )


def test_values_add_what_they_say(helm: Helm) -> None:
    usual = kinds(helm.template())
    more = kinds(helm.template("--set", EVERYTHING))
    assert sorted([*usual, "ClusterRoleBinding", "NetworkPolicy", "ServiceMonitor"]) == more


def test_a_narrowed_chart_reads_and_impersonates_nothing_else(helm: Helm) -> None:
    found = documents(helm.template("--no-hooks", "--set", NARROW))
    (role,) = [one for one in found if one["kind"] == "ClusterRole"]
    assert {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "watch"]} in role["rules"]
    assert "*" not in str(role["rules"])
    assert "impersonate" not in str(role["rules"])
    roles = [one for one in found if one["kind"] == "Role"]
    assert [one["metadata"]["namespace"] for one in roles] == [HOME, "default", "kube-public"]
    assert "CustomResourceDefinition" not in {one["kind"] for one in found}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("replicas=2", "replicas"),
        ("controller.logLevel=loud", "logLevel"),
        ("rbac.clusterAdmin=perhaps", "clusterAdmin"),
        ("cache.sizeLimit=much", "sizeLimit"),
        ("rbac.read[0].resources={pods}", "apiGroups"),
        ("image.repository=", "repository"),
    ],
)
def test_a_value_that_means_nothing_is_refused(helm: Helm, value: str, complaint: str) -> None:
    result = helm.try_run("template", "gitops", str(CHART), "--set", value)
    assert result.returncode != 0
    assert complaint in result.stderr


def test_the_definition_stays_when_the_chart_is_uninstalled(helm: Helm) -> None:
    (found,) = [one for one in documents(helm.template()) if one["kind"] == "CustomResourceDefinition"]
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found == crd()


def test_the_install_manifest_is_the_chart_with_its_defaults(cluster: ControlPlane) -> None:
    assert build.TARGET.read_text() == build.text(), "run `python manifests/build.py`"


def test_the_api_server_accepts_the_install_manifest(cluster: ControlPlane, installed: None) -> None:
    cluster.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        f"--filename={build.TARGET}",
    )
    (namespace, *_) = documents(build.TARGET.read_text())
    assert namespace["metadata"]["name"] == HOME
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
