"""The installed chart: its Pod is admitted, its rights suffice for a sync and a heal, and for no more."""

import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.core.problem import GitopsError
from gitops.local.controlplane import ControlPlane
from gitops.local.gitserver import GitServer
from gitops.local.worktree import WorkTree
from tests.integration.chart.support import (
    ACCOUNT,
    HOME,
    TOKEN_FOLDER,
    Helm,
    PodProcesses,
    condition,
    eventually,
    requests_of,
)

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="the renderer's sandbox is Linux's"),
]

CHART_FILES: dict[str, str | None] = {
    "shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "shop/templates/settings.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {greeting: hello}\n"
    ),
    "shop/templates/web.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1}]}
""",
}


@pytest.fixture
def tenant(cluster: ControlPlane) -> Iterator[str]:
    """A namespace with an account `deployer` that may do in it what its Application needs, and no more."""
    name = f"tenant-{secrets.token_hex(4)}"
    here = f"--namespace={name}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("create", "serviceaccount", "deployer", here)
    verbs = "--verb=get,list,create,patch,delete"
    cluster.kubectl("create", "role", "deployer", verbs, "--resource=configmaps,deployments.apps", here)
    secret = ("--verb=get,list,watch", "--resource=secrets", "--resource-name=git")
    cluster.kubectl("create", "role", "reader", *secret, here)
    for role in ("deployer", "reader"):
        bound = (f"--role={role}", f"--serviceaccount={name}:deployer")
        cluster.kubectl("create", "rolebinding", role, *bound, here)
    yield name
    cluster.kubectl("delete", "applications", "--all", here, "--wait=false")


def repository(
    server: GitServer, folder: Path, files: dict[str, str | None], login: tuple[str, str] | None = None
) -> str:
    """A new repository with one commit; its URL."""
    name = f"r-{secrets.token_hex(4)}"
    url = server.create_repository(name, login)
    tree = WorkTree.create(folder / name, str(server.folder / f"{name}.git"))
    tree.commit("first", files)
    tree.push()
    return url


def apply(
    cluster: ControlPlane,
    namespace: str,
    name: str,
    source: dict[str, Any],
    account: str = "deployer",
) -> None:
    document = {
        "apiVersion": "gitops.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"source": source} | ({"serviceAccountName": account} if account else {}),
    }
    cluster.kubectl("create", "--filename=-", input=json.dumps(document))


def greeting(cluster: ControlPlane, namespace: str) -> str:
    return cluster.kubectl(
        "get", "configmap/settings", f"--namespace={namespace}", "--output=jsonpath={.data.greeting}"
    )


def test_the_pod_is_admitted_where_pod_security_restricts(cluster: ControlPlane) -> None:
    cluster.kubectl(
        "wait", "deployment/gitops", f"--namespace={HOME}", "--for=condition=Available", "--timeout=30s"
    )
    enforced = cluster.kubectl("get", f"namespace/{HOME}", "--output=jsonpath={.metadata.labels}")
    assert json.loads(enforced)["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_the_controllers_container_has_a_token(cluster: ControlPlane) -> None:
    (pod,) = json.loads(cluster.kubectl("get", "pods", f"--namespace={HOME}", "--output=json"))["items"]
    volumes = {one["name"] for one in pod["spec"]["volumes"] if "projected" in one}
    holders = {
        container["name"]: mount["mountPath"]
        for container in pod["spec"]["containers"]
        for mount in container["volumeMounts"]
        if mount["name"] in volumes
    }
    assert holders == {"controller": TOKEN_FOLDER}


def test_an_application_is_synced_and_healed_with_the_charts_rights(
    cluster: ControlPlane, controller: PodProcesses, git_server: GitServer, tmp_path: Path, tenant: str
) -> None:
    here = f"--namespace={tenant}"
    login = ("--from-literal=username=ada", "--from-literal=password=sesame")
    cluster.kubectl("create", "secret", "generic", "git", *login, here)
    url = repository(git_server, tmp_path, CHART_FILES, ("ada", "sesame"))
    source = {"repository": url, "path": "shop", "credentials": {"secretName": "git"}}
    apply(cluster, tenant, "shop", source)
    cluster.kubectl("wait", "application/shop", here, "--for=condition=Ready", "--timeout=30s")
    cluster.kubectl("wait", "deployment/web", here, "--for=condition=Available", "--timeout=5s")
    patch = '--patch={"data":{"greeting":"hi"}}'
    cluster.kubectl("patch", "configmap/settings", here, "--type=merge", patch)

    def healed() -> None:
        assert greeting(cluster, tenant) == "hello"
        assert "DriftHealed" in cluster.kubectl("get", "events", here, "--output=jsonpath={.items[*].reason}")

    eventually(healed)
    labels = f'kind="ConfigMap",manager="kubectl",name="shop",namespace="{tenant}"'
    assert f"gitops_drift_corrected_total{{{labels}}} 1.0" in controller.ask("/metrics")
    cluster.kubectl("delete", "application/shop", here, "--timeout=30s")
    assert cluster.kubectl("get", "configmap/settings", here, "--ignore-not-found") == ""

    requests = requests_of(cluster, ACCOUNT)
    mine = [one for one in requests if one.get("objectRef", {}).get("namespace") in (tenant, None)]
    assert [one for one in mine if one["responseStatus"]["code"] == 403] == []
    written = {
        one["objectRef"]["resource"]
        for one in mine
        if one["verb"] in ("create", "update", "patch", "delete") and "impersonatedUser" not in one
    }
    assert written == {"applications", "events"}, "leases are in the controller's own namespace"
    assert f"system:serviceaccount:{tenant}:deployer" in {
        one["impersonatedUser"]["username"] for one in mine if "impersonatedUser" in one
    }


def test_a_tenant_can_not_deploy_into_another_namespace(
    cluster: ControlPlane, controller: PodProcesses, git_server: GitServer, tmp_path: Path, tenant: str
) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: intruder, namespace: default}\n"
    url = repository(git_server, tmp_path, {"app/intruder.yaml": manifest})
    apply(cluster, tenant, "raid", {"repository": url, "path": "app"})

    def refused() -> None:
        assert condition(cluster, tenant, "raid", "Ready").get("status") == "False"
        synced = condition(cluster, tenant, "raid", "Synced")
        assert synced["reason"] == "Forbidden"
        assert f"system:serviceaccount:{tenant}:deployer" in synced["message"]

    eventually(refused)
    assert cluster.kubectl("get", "configmap/intruder", "--namespace=default", "--ignore-not-found") == ""


def test_an_application_without_an_account_writes_nothing_even_in_the_controllers_namespace(
    cluster: ControlPlane, controller: PodProcesses, git_server: GitServer, tmp_path: Path
) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n"
    url = repository(git_server, tmp_path, {"app/own.yaml": manifest})
    apply(cluster, HOME, "own", {"repository": url, "path": "app"}, account="")
    try:
        eventually(lambda: _is_forbidden(cluster, HOME, "own"))
        assert cluster.kubectl("get", "configmap/own", f"--namespace={HOME}", "--ignore-not-found") == ""
    finally:
        cluster.kubectl("delete", "application/own", f"--namespace={HOME}", "--timeout=30s")


def _is_forbidden(cluster: ControlPlane, namespace: str, name: str) -> None:
    assert condition(cluster, namespace, name, "Synced").get("reason") == "Forbidden"


@pytest.mark.parametrize(
    ("expected", "question"),
    [
        ("no", "create configmaps"),
        ("no", "patch deployments.apps"),
        ("no", "delete pods"),
        ("no", "delete applications.gitops.dev"),
        ("no", "create serviceaccounts/token"),
        ("no", "create clusterrolebindings.rbac.authorization.k8s.io"),
        ("no", "impersonate users"),
        ("no", "impersonate groups"),
        ("no", "impersonate groups/system:masters"),
        ("yes", "impersonate serviceaccounts"),
        ("yes", "list secrets"),  # RBAC can't say "those with our label only": the documented price
    ],
)
def test_the_controllers_own_account_may_write_nothing_but_its_resource(
    cluster: ControlPlane, expected: str, question: str
) -> None:
    assert may(cluster, HOME, "gitops", question, "default") == expected


def may(cluster: ControlPlane, home: str, account: str, question: str, namespace: str) -> str:
    """Ask as a service account, with its token, whether it may; kubectl fails for a no."""
    who = f"--kubeconfig={cluster.service_account_kubeconfig(home, account)}"
    try:
        return cluster.kubectl("auth", "can-i", *question.split(), f"--namespace={namespace}", who).strip()
    except GitopsError:
        return "no"


def test_an_impersonated_account_gets_the_groups_of_its_token_and_no_others_can_be_named(
    cluster: ControlPlane,
) -> None:
    who = f"--kubeconfig={cluster.service_account_kubeconfig(HOME, 'gitops')}"
    acting = "--as=system:serviceaccount:default:default"
    answer = json.loads(cluster.kubectl("auth", "whoami", acting, "--output=json", who))
    assert set(answer["status"]["userInfo"]["groups"]) == {
        "system:serviceaccounts",
        "system:serviceaccounts:default",
        "system:authenticated",
    }
    with pytest.raises(GitopsError, match=r'cannot impersonate resource "groups"'):
        cluster.kubectl("get", "secrets", acting, "--as-group=system:masters", who)


def test_impersonation_can_be_limited_to_namespaces_and_names(
    cluster: ControlPlane, helm: Helm, tenant: str
) -> None:
    values = ["--set", f"rbac.impersonate.namespaces={{{tenant}}},rbac.impersonate.names={{deployer}}"]
    parts = ["--show-only=templates/rbac.yaml", "--show-only=templates/serviceaccount.yaml"]
    manifests = helm.template(*values, *parts, name="narrow")
    cluster.kubectl("apply", "--filename=-", input=manifests)
    try:
        for answer, question, namespace in (
            ("yes", "impersonate serviceaccounts/deployer", tenant),
            ("no", "impersonate serviceaccounts/default", tenant),
            ("no", "impersonate serviceaccounts/deployer", "kube-system"),
        ):
            assert may(cluster, HOME, "narrow-gitops", question, namespace) == answer, (question, namespace)
    finally:
        cluster.kubectl("delete", "--filename=-", input=manifests)


def test_applications_survive_an_uninstall_and_the_next_install_takes_over(
    cluster: ControlPlane, helm: Helm, tenant: str
) -> None:
    apply(cluster, tenant, "kept", {"repository": "https://git.example.com/kept.git"})
    helm.run("uninstall", "gitops", f"--namespace={HOME}", "--wait")
    try:
        assert cluster.kubectl("get", "deployments", f"--namespace={HOME}", "--output=name") == ""
        kept = cluster.kubectl("get", "applications", f"--namespace={tenant}", "--output=name")
        assert kept.strip() == "application.gitops.dev/kept"
    finally:
        helm.install()
