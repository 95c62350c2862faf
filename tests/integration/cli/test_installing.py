"""`gitops install`: in order, again, over what others did, and out again with nothing left."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.cluster import Cluster
from tests.support.command import Command
from tests.support.manifests import config_map, thing, to_yaml

SYSTEM = "gitops-system"
CRD = "applications.gitops.dev"
RBAC = "rbac.authorization.k8s.io/v1"
APPS = "apps/v1"
ROOT = Path(__file__).parents[3]
STEPS = 10


@pytest.fixture
def empty(cluster: Cluster, command: Command) -> Iterator[None]:
    """Nothing is installed; afterwards the definition is there again, as other modules expect it."""
    assert command("uninstall", "--yes").code == 0
    if cluster.find("v1", "Namespace", "", SYSTEM) is None:
        cluster.create(thing("v1", "Namespace", SYSTEM))
    yield
    command("uninstall", "--yes")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT}/manifests/crds")
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}")


def changes(out: str) -> list[str]:
    """The first word of each object's line."""
    return [line.split()[0] for line in out.splitlines() if line.split()[0] in CHANGES]


CHANGES = ("created", "configured", "unchanged", "kept")


@pytest.mark.usefixtures("empty")
def test_where_nothing_is_installed_that_is_said(command: Command, tmp_path: Path) -> None:
    alone = ["status", "status -o json", "status -o yaml"]
    named = ["status", "sync", "suspend", "history", "diff", "plan", "why", "tree", "events"]
    for words in (*alone, *(f"{one} shop" for one in named)):
        ran = command(*words.split())
        assert ran.code == 4, ran
        assert "the kind Application is not installed in the cluster at https://127.0.0.1" in ran.err
        assert "gitops install" in ran.err
        assert ran.out == ""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.yaml").write_text(to_yaml(thing("v1", "ConfigMap", "a", "default")))
    folder = command("diff", "folder", "-n", "default")
    assert (folder.code, "+ ConfigMap default/a: create" in folder.out) == (1, True), folder


@pytest.mark.usefixtures("empty")
def test_an_installation_from_nothing_to_nothing(cluster: Cluster, command: Command) -> None:
    tried = command("install", "--dry-run")
    assert (tried.code, tried.err) == (0, "")
    # The tests' own namespace was not made by an install, and its labels are not ours to set.
    assert changes(tried.out) == ["kept", *["created"] * (STEPS - 1)]
    assert cluster.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", CRD) is None

    first = command("install", "--image", "registry.example.com/gitops-controller:0.1.0")
    assert (first.code, first.err) == (0, ""), first
    assert changes(first.out) == ["kept", *["created"] * (STEPS - 1)]
    assert first.out.index("CustomResourceDefinition") < first.out.index("Deployment")
    assert first.out.endswith("ready\n")
    deployment = cluster.get(APPS, "Deployment", SYSTEM, "gitops")
    assert deployment["status"]["availableReplicas"] == 1
    assert {one["manager"] for one in deployment["metadata"]["managedFields"]} >= {"gitops-install"}

    again = command("install", "-o", "json")
    assert (again.code, again.err) == (0, "")
    assert {one["change"] for one in again.data["objects"]} == {"kept", "unchanged"}
    assert again.data["image"] == "registry.example.com/gitops-controller:0.1.0"
    assert again.data["ready"] is True
    now = cluster.get(APPS, "Deployment", SYSTEM, "gitops")
    assert now["metadata"]["resourceVersion"] == deployment["metadata"]["resourceVersion"]

    changed_by_others_and_second_installation(cluster, command)
    that_is_not_ready_says_why(cluster, command)
    an_application_survives(cluster, command)

    gone = command("uninstall", "--yes")
    assert gone.code == 0, gone
    for api, kind, namespace in (
        (APPS, "Deployment", SYSTEM),
        (RBAC, "ClusterRole", ""),
        (RBAC, "ClusterRoleBinding", ""),
        (RBAC, "Role", SYSTEM),
        (RBAC, "RoleBinding", SYSTEM),
        ("v1", "Service", SYSTEM),
        ("v1", "ServiceAccount", SYSTEM),
        ("v1", "ConfigMap", SYSTEM),
    ):
        left = [one["metadata"]["name"] for one in cluster.list(api, kind, namespace)]
        assert not [name for name in left if name.startswith("gitops")], kind
    assert cluster.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", CRD) is None


def changed_by_others_and_second_installation(cluster: Cluster, command: Command) -> None:
    cluster.kubectl("set", "image", "deployment/gitops", "*=mine:1", f"--namespace={SYSTEM}")
    refused = command("install", "--image", "ours:2")
    assert refused.code == 5
    assert "kubectl-set" in refused.err
    assert "nothing was changed" in refused.err
    second = command("install", "-n", "elsewhere")
    assert second.code == 5
    assert f"gitops is installed in the namespace {SYSTEM}" in second.err
    assert cluster.find("v1", "Namespace", "", "elsewhere") is None
    taken = command("install", "--image", "ours:2", "--take-over", "--no-wait")
    assert taken.code == 0, taken
    containers = cluster.get(APPS, "Deployment", SYSTEM, "gitops")["spec"]["template"]["spec"]["containers"]
    assert {one["image"] for one in containers} == {"ours:2"}


def that_is_not_ready_says_why(cluster: Cluster, command: Command) -> None:
    fate = '{"spec":{"template":{"metadata":{"annotations":{"gitops.dev/simulate":"image-pull"}}}}}'
    cluster.kubectl(
        "patch", "deployment", "gitops", f"--namespace={SYSTEM}", "--type=merge", f"--patch={fate}"
    )
    ran = command("install", "--timeout", "4")
    assert ran.code == 4
    assert "container controller: ImagePullBackOff" in ran.err
    assert "--image" in ran.err


def an_application_survives(cluster: Cluster, command: Command) -> None:
    spec = {"source": {"repository": "https://git.example.com/shop.git", "path": "a"}, "suspend": True}
    made = thing("gitops.dev/v1alpha1", "Application", "kept", SYSTEM, spec=spec)
    cluster.kubectl("create", "--filename=-", input=json.dumps(made))  # it waits for the new type's storage
    before = cluster.get("gitops.dev/v1alpha1", "Application", SYSTEM, "kept")
    assert command("install", "--no-wait").code == 0
    found = cluster.get("gitops.dev/v1alpha1", "Application", SYSTEM, "kept")
    assert found["metadata"]["uid"] == before["metadata"]["uid"]
    cluster.delete(made)


@pytest.mark.usefixtures("empty")
def test_what_a_helm_release_installed_is_not_taken_over(cluster: Cluster, command: Command) -> None:
    release = {"meta.helm.sh/release-name": "mine", "meta.helm.sh/release-namespace": SYSTEM}
    labels = {"app.kubernetes.io/name": "gitops"}
    foreign = config_map("gitops-dashboard", namespace=SYSTEM)
    foreign["metadata"] |= {"annotations": release, "labels": labels}
    made = cluster.create(foreign)
    other = cluster.create(thing(RBAC, "ClusterRole", "gitops", rules=[]))
    try:
        ran = command("install")
        assert ran.code == 5
        assert f"the Helm release {SYSTEM}/mine owns it" in ran.err
        assert "ClusterRole.rbac.authorization.k8s.io gitops: it exists and is not a part" in ran.err
        assert cluster.find(APPS, "Deployment", SYSTEM, "gitops") is None
    finally:
        cluster.delete(made)
        cluster.delete(other)


def test_without_rights_it_says_so(cluster: Cluster, command: Command) -> None:
    ran = command("install", kubeconfig=cluster.control_plane.kubeconfig_for("nobody"))
    assert ran.code == 4
    assert "nobody" in ran.err


def test_the_manifests_can_be_had_without_a_cluster(command: Command, tmp_path: Path) -> None:
    ran = command("install", "--export", "-n", "tools", "--image", "a:1", kubeconfig=tmp_path / "none")
    assert (ran.code, ran.err) == (0, "")
    objects = list(yaml.safe_load_all(ran.out))
    assert len(objects) == STEPS
    assert SYSTEM not in ran.out
    as_list = command("install", "--export", "-o", "json", kubeconfig=tmp_path / "none").data
    assert as_list["kind"] == "List"
    assert len(as_list["items"]) == STEPS
