"""Paths with two owners: what leaves Git leaves the cluster, unless somebody rightly keeps it."""

from typing import Any

import pytest

from tests.support.cluster import JSON_PATCH, Obj
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, deployment, to_yaml
from tests.support.site import App, Site
from tests.support.wait import wait_for

BOTH = {"stays": "1", "goes": "2"}


def here(site: Site, obj: Obj) -> Obj:
    """The object with the site's namespace."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": site.namespace}}


def managers(site: Site, kind: str = "ConfigMap", name: str = "a", api: str = "v1") -> set[str]:
    entries = site.get(kind, name, api)["metadata"].get("managedFields", [])
    return {entry["manager"] for entry in entries if not entry.get("subresource")}


def ours(app: App) -> str:
    return f"gitops.dev/{HOME}/{app.name}"


def test_a_key_that_kubectl_applied_too_goes_when_it_leaves_git(controller: Controller, site: Site) -> None:
    both = config_map("a", BOTH)
    app = site.synced(both)
    site.cluster.kubectl("apply", "--server-side", "--filename=-", input=to_yaml(here(site, both)))
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}


def test_a_key_goes_after_all_field_management_was_cleared(controller: Controller, site: Site) -> None:
    """The server then gives what was there to `before-first-apply`."""
    app = site.synced(config_map("a", BOTH))
    cleared = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    site.cluster.patch(site.get("ConfigMap", "a"), cleared, how=JSON_PATCH)
    wait_for(lambda: ours(app) in managers(site), "our entry is back")
    assert "before-first-apply" in managers(site)
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}


def test_a_key_of_a_former_application_goes(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a", BOTH))
    former = here(site, config_map("a", {"goes": "2"}))
    site.cluster.apply(former, f"gitops.dev/{site.namespace}/former")
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}


def test_what_kubectl_added_of_its_own_stays_when_something_else_leaves_git(
    controller: Controller, site: Site
) -> None:
    app = site.synced(config_map("a", BOTH))
    site.cluster.apply(here(site, config_map("a", {**BOTH, "theirs": "3"})), "kubectl")
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1", "theirs": "3"}


def sidecar(**more: Any) -> Obj:
    return {"name": "sidecar", "image": "sidecar:1", **more}


def with_sidecar(**more: Any) -> Obj:
    obj = deployment("d")
    obj["spec"]["template"]["spec"]["containers"].append(sidecar(**more))
    return obj


def containers(site: Site) -> list[str]:
    found = site.get("Deployment", "d", "apps/v1")["spec"]["template"]["spec"]["containers"]
    return [one["name"] for one in found]


def test_a_container_that_leaves_git_goes_with_what_kubectl_set_in_it(
    controller: Controller, site: Site
) -> None:
    app = site.synced(with_sidecar())
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    change = {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", **limits}]}}}}
    strategic = "application/strategic-merge-patch+json"
    site.cluster.patch(site.get("Deployment", "d", "apps/v1"), change, "kubectl-set", strategic)
    app.wait_ready(site.push_objects(deployment("d")))
    assert containers(site) == ["web"]
    assert site.get("Deployment", "d", "apps/v1")["spec"]["template"]["spec"]["containers"][0]["args"]


def test_what_an_operator_applied_too_stays_and_its_name_is_said(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a", BOTH))
    site.cluster.apply(here(site, config_map("a", {"goes": "2"})), "some-operator")
    sha = site.push_objects(config_map("a", {"stays": "1"}))
    app.wait_ready(sha)  # it is as it should be, so that nothing is wrong
    assert site.data("a") == BOTH
    (problem,) = app.problems()
    assert problem["reason"] == "RetainedBy"
    assert "some-operator" in problem["message"]
    assert "/data/goes" in problem["message"]
    assert problem["object"]["name"] == "a"
    wait_for(lambda: app.events("RetainedBy"), "an Event says so")
    app.wait_ready(site.push_objects(config_map("a", {"stays": "2"})))
    assert app.problems() == []


def test_an_ordinary_update_costs_one_request(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    before = controller.requests()
    app.wait_ready(site.push_objects(config_map("a", {"key": "2"}), config_map("b")))
    after = controller.requests()
    spent = {
        (verb, code): count - before.get((verb, resource, code), 0)
        for (verb, resource, code), count in after.items()
        if resource == "configmaps"
    }
    assert {key: count for key, count in spent.items() if count} == {("PATCH", "200"): 1}


Made = dict[str, tuple[str, dict[str, Any], bool]]

# manager, metadata, by server-side apply
FORMER: Made = {
    "kubectl create": ("kubectl-create", {}, False),
    "kubectl apply on the server": ("kubectl", {}, True),
    "a Helm release that is gone": (
        "helm",
        {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "gone", "meta.helm.sh/release-namespace": "gone"},
        },
        False,
    ),
    "Helm on the server": ("helm", {}, True),
    "Argo CD": ("argocd-controller", {"labels": {"argocd.argoproj.io/instance": "shop"}}, True),
    "Argo CD by a client's apply": (
        "argocd-application-controller",
        {"annotations": {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:ns/a"}},
        False,
    ),
    "Flux's Kustomization": (
        "kustomize-controller",
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "shop",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        True,
    ),
    "Flux's HelmRelease": (
        "helm-controller",
        {
            "labels": {
                "helm.toolkit.fluxcd.io/name": "shop",
                "helm.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        False,
    ),
}


@pytest.mark.parametrize("case", FORMER)
def test_an_adoption_leaves_no_former_owner(controller: Controller, site: Site, case: str) -> None:
    manager, metadata, server_side = FORMER[case]
    obj = here(site, config_map("a", BOTH, metadata=metadata))
    made = site.cluster.apply(obj, manager) if server_side else site.cluster.create(obj, manager)
    app = site.synced(config_map("a", BOTH), sync={"adopt": "Always"})
    assert managers(site) == {ours(app)}
    assert site.get("ConfigMap", "a")["metadata"]["uid"] == made["metadata"]["uid"]
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}
    labels = site.get("ConfigMap", "a")["metadata"]["labels"]
    assert set(labels) == {"applyset.kubernetes.io/part-of"}


def test_an_adoption_from_a_clients_apply_leaves_no_former_owner(controller: Controller, site: Site) -> None:
    site.cluster.kubectl("apply", "--filename=-", input=to_yaml(here(site, config_map("a", BOTH))))
    app = site.synced(config_map("a", BOTH))
    assert managers(site) == {ours(app)}
    annotations = site.get("ConfigMap", "a")["metadata"]["annotations"]
    assert set(annotations) == {"gitops.dev/applied"}
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}


def test_a_former_owner_that_applies_again_keeps_nothing_where_everything_is_taken(
    controller: Controller, site: Site
) -> None:
    app = site.synced(config_map("a", BOTH), sync={"adopt": "Always"})
    site.cluster.apply(here(site, config_map("a", BOTH)), "kustomize-controller")
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}
    assert app.problems() == []
