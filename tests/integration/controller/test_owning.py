"""What belongs to whom: others' objects are named and left alone, ours are known by more than a label."""

from functools import partial
from typing import Any

import pytest

from gitops.local.gitserver import Service
from tests.integration.controller.told import goes_on, steady, told
from tests.support.cluster import JSON_PATCH, Cluster, Obj
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, deployment, secret, service, thing, to_yaml
from tests.support.site import Site
from tests.support.wait import stays, wait_for

__all__ = ["steady"]

PART_OF = "applyset.kubernetes.io/part-of"


def here(site: Site, obj: Obj) -> Obj:
    """The object with the site's namespace."""
    return {**obj, "metadata": {**obj["metadata"], "namespace": site.namespace}}


@pytest.mark.parametrize("first", ["one", "two"])
def test_an_object_of_another_application_is_refused_by_its_name_in_either_order(
    controller: Controller, site: Site, first: str
) -> None:
    second = "two" if first == "one" else "one"
    site.push({f"{name}/a.yaml": to_yaml(config_map("a", {"by": name})) for name in (first, second)})
    owner = site.application(first, path=first)
    owner.wait_ready()
    other = site.application(second, path=second)
    told(controller, other, "OwnedByAnother", f"{HOME}/{owner.name}", "ConfigMap")
    assert site.data("a") == {"by": first}
    owner.wait_ready()
    owner.delete()
    owner.wait_gone()
    other.wait_ready()
    assert site.data("a") == {"by": second}


RIVALS: dict[str, tuple[dict[str, Any], str]] = {
    "Argo CD's label": ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD's Application shop"),
    "Argo CD's annotation": (
        {"annotations": {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:ns/a"}},
        "Argo CD's Application shop",
    ),
    "Flux's labels": (
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "shop",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        "Flux's Kustomization flux-system/shop",
    ),
    "another ApplySet's label": ({"labels": {PART_OF: "applyset-of-somebody-v1"}}, "applyset-of-somebody-v1"),
}


@pytest.mark.parametrize("case", RIVALS)
def test_an_object_of_another_tool_is_refused_by_its_name_and_left_alone(
    controller: Controller, site: Site, steady: Site, case: str
) -> None:
    metadata, owner = RIVALS[case]
    made = site.cluster.create(here(site, config_map("a", {"by": "them"}, metadata=metadata)), "somebody")
    site.push_objects(config_map("a", {"by": "us"}), config_map("b"))
    app = site.application()
    told(controller, app, "OwnedByAnother", owner, advice="Always")
    site.wait_data("b", {"key": "value"})
    goes_on(steady)
    assert site.get("ConfigMap", "a") == made
    app.patch({"spec": {"sync": {"adopt": "Always"}}})
    app.wait_ready()
    assert site.data("a") == {"by": "us"}
    assert site.get("ConfigMap", "a")["metadata"]["uid"] == made["metadata"]["uid"]


def release(site: Site, name: str) -> Obj:
    """The Secret in which Helm keeps a release."""
    labels = {"owner": "helm", "name": name, "status": "deployed", "version": "1"}
    made = thing("v1", "Secret", f"sh.helm.release.v1.{name}.v1", site.namespace, type="helm.sh/release.v1")
    made["metadata"]["labels"] = labels
    return site.cluster.create(made, "helm")


def test_an_object_of_a_living_helm_release_is_refused_and_adopted_when_the_release_is_gone(
    controller: Controller, site: Site
) -> None:
    annotations = {
        "meta.helm.sh/release-name": "shop",
        "meta.helm.sh/release-namespace": site.namespace,
    }
    kept = release(site, "shop")
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    metadata = {"annotations": annotations, "labels": labels}
    site.cluster.create(here(site, config_map("a", {"key": "helm", "old": "1"}, metadata=metadata)), "helm")
    sha = site.push_objects(config_map("a"))
    app = site.application()
    told(controller, app, "OwnedByAnother", f"Helm release {site.namespace}/shop")
    assert site.data("a") == {"key": "helm", "old": "1"}
    site.cluster.delete(kept)
    app.wait_ready(sha)
    assert site.data("a") == {"key": "value"}


def test_what_kubectl_made_is_adopted_and_a_key_that_later_leaves_git_goes(
    controller: Controller, site: Site
) -> None:
    manifest = here(site, config_map("a", {"stays": "1", "goes": "2"}))
    site.cluster.kubectl("apply", "--filename=-", input=to_yaml(manifest))
    before = site.get("ConfigMap", "a")["metadata"]["uid"]
    app = site.synced(config_map("a", {"stays": "1", "goes": "2"}))
    assert site.get("ConfigMap", "a")["metadata"]["uid"] == before
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}


def test_a_value_that_kubectl_set_otherwise_is_taken_over_with_the_object(
    controller: Controller, site: Site
) -> None:
    site.cluster.create(here(site, deployment("d", "kubectl:1")), "kubectl-create")
    site.synced(deployment("d", "git:1"))
    found = site.get("Deployment", "d", "apps/v1")
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "git:1"


def test_a_value_that_an_operator_set_is_a_conflict_that_names_it(controller: Controller, site: Site) -> None:
    site.cluster.create(here(site, config_map("a", {"key": "theirs"})), "some-operator")
    sha = site.push_objects(config_map("a"))
    app = site.application()
    told(controller, app, "FieldConflict", "some-operator", ".data.key")
    assert site.data("a") == {"key": "theirs"}
    app.patch({"spec": {"sync": {"adopt": "Always"}}})
    app.wait_ready(sha)
    assert site.data("a") == {"key": "value"}


def test_nothing_is_adopted_where_that_is_forbidden(controller: Controller, site: Site) -> None:
    made = site.cluster.create(here(site, config_map("a")))
    site.push_objects(config_map("a"))
    app = site.application(sync={"adopt": "Never"})
    told(controller, app, "NotAdopted", "ConfigMap", advice="Unowned")
    assert site.get("ConfigMap", "a") == made


def test_what_was_not_adopted_is_not_deleted_with_the_application(controller: Controller, site: Site) -> None:
    made = site.cluster.create(here(site, config_map("a")))
    site.push_objects(config_map("a"), config_map("b"))
    app = site.application(sync={"adopt": "Never"})
    app.wait_reason("NotAdopted")
    app.delete()
    app.wait_gone()
    assert site.get("ConfigMap", "a") == made
    assert site.data("b") is None


def restored(obj: Obj, namespace: str) -> Obj:
    """The object as a backup tool writes it into another namespace: with all that its metadata says."""
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in ("uid", "resourceVersion", "creationTimestamp", "generation")
    }
    kept = {key: value for key, value in obj.items() if key not in ("status", "metadata")}
    if kept["kind"] == "Service":
        for name in ("clusterIP", "clusterIPs"):
            kept["spec"].pop(name, None)
    return {**kept, "metadata": {**metadata, "namespace": namespace}}


def test_a_backup_restored_elsewhere_is_neither_pruned_nor_counted(
    controller: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"), secret("b", {"k": "v"}), service("c"))
    elsewhere = site.new_namespace("restored")
    kinds = (("ConfigMap", "a"), ("Secret", "b"), ("Service", "c"))
    copies = [site.cluster.create(restored(site.get(*one), elsewhere), "velero-server") for one in kinds]
    assert all(copy["metadata"]["labels"][PART_OF] for copy in copies)
    app.refresh()
    app.wait_ready()
    sha = site.push_objects(
        config_map("a", {"key": "2"}), secret("b", {"k": "v"}), service("c"), config_map("d")
    )
    status = app.wait_ready(sha)
    assert status["objects"]["total"] == 4
    app.wait_ready(site.push_objects(config_map("d")))

    def uids() -> list[str]:
        found = [site.cluster.find("v1", kind, elsewhere, name) for kind, name in kinds]
        return [one["metadata"]["uid"] for one in found if one]

    stays(lambda: uids() == [one["metadata"]["uid"] for one in copies], "the copies stay", seconds=1)
    app.delete()
    app.wait_gone()
    assert uids() == [one["metadata"]["uid"] for one in copies]


def test_a_copy_that_is_being_deleted_keeps_nobody_waiting(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    elsewhere = site.new_namespace("restored")
    copy = restored(site.get("ConfigMap", "a"), elsewhere)
    copy["metadata"]["finalizers"] = ["example.com/hold"]
    made = site.cluster.create(copy, "velero-server")
    site.cluster.delete(made)
    app.wait_ready(site.push_objects(config_map("a", {"key": "2"})))
    assert app.condition("Reconciling") is None
    site.cluster.patch(made, {"metadata": {"finalizers": None}})


def is_labelled(site: Site, kind: str, name: str, api: str) -> bool:
    return PART_OF in (site.get(kind, name, api)["metadata"].get("labels") or {})


def test_a_label_taken_off_by_hand_comes_back(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), deployment("d"))
    for kind, name, api in (("ConfigMap", "a", "v1"), ("Deployment", "d", "apps/v1")):
        before = site.get(kind, name, api)["metadata"]
        site.cluster.patch(site.get(kind, name, api), {"metadata": {"labels": {PART_OF: None}}})
        wait_for(partial(is_labelled, site, kind, name, api), "the label is back")
        assert site.get(kind, name, api)["metadata"]["uid"] == before["uid"]
    app.wait_ready()
    app.wait_ready(site.push_objects(deployment("d")))
    assert site.data("a") is None


def test_managed_fields_that_were_cleared_come_back_and_edits_are_seen_again(
    controller: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"))
    live = site.get("ConfigMap", "a")
    cleared = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    site.cluster.patch(live, cleared, how=JSON_PATCH)
    manager = f"gitops.dev/{HOME}/{app.name}"

    def is_ours() -> bool:
        entries = site.get("ConfigMap", "a")["metadata"].get("managedFields", [])
        return any(one["manager"] == manager and one["operation"] == "Apply" for one in entries)

    wait_for(is_ours, "our entry is back")
    assert site.get("ConfigMap", "a")["metadata"]["uid"] == live["metadata"]["uid"]
    site.cluster.patch(live, {"data": {"key": "edited"}})
    site.wait_data("a", {"key": "value"})
    app.wait_ready()


def test_an_object_that_lost_its_label_while_it_left_git_is_kept(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    app.patch({"spec": {"suspend": True}})
    app.wait_reason("Suspended", "Ready")
    site.cluster.patch(site.get("ConfigMap", "a"), {"metadata": {"labels": {PART_OF: None}}})
    sha = site.push_objects(config_map("b"))
    polls = site.repository.asked(Service.LIST)
    wait_for(lambda: site.repository.asked(Service.LIST) >= polls + 2, "the commit is known")
    app.patch({"spec": {"suspend": False}})
    app.wait_ready(sha)
    assert site.data("a") == {"key": "value"}


def test_an_object_with_another_owner_is_never_pruned(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    owner = site.get("Service", "bystander")
    reference = {"apiVersion": "v1", "kind": "Service", "name": "bystander", "uid": owner["metadata"]["uid"]}
    site.cluster.patch(site.get("ConfigMap", "a"), {"metadata": {"ownerReferences": [reference]}})
    sha = site.push_objects(config_map("b"))
    app.wait(lambda _: any(one["reason"] == "PruneBlocked" for one in app.problems()), "it is said")
    app.wait_ready(sha)
    assert site.data("a") == {"key": "value"}
    app.delete()
    app.wait_gone()
    assert site.data("a") == {"key": "value"}


def test_two_applications_may_share_a_namespace(controller: Controller, site: Site) -> None:
    site.push({"one/a.yaml": to_yaml(config_map("a")), "two/b.yaml": to_yaml(config_map("b"))})
    one, two = site.application("one", path="one"), site.application("two", path="two")
    one.wait_ready()
    two.wait_ready()
    one.delete()
    one.wait_gone()
    assert site.data("a") is None
    assert site.data("b") == {"key": "value"}


def test_the_parent_says_which_kinds_it_has(controller: Controller, cluster: Cluster, site: Site) -> None:
    app = site.synced(config_map("a"), deployment("d"))
    metadata = app.get()["metadata"]
    member = site.get("ConfigMap", "a")["metadata"]["labels"][PART_OF]
    assert metadata["labels"]["applyset.kubernetes.io/id"] == member
    kinds = "applyset.kubernetes.io/contains-group-kinds"
    assert metadata["annotations"][kinds] == "ConfigMap,Deployment.apps"
    app.wait_ready(site.push_objects(config_map("a")))
    wait_for(lambda: app.get()["metadata"]["annotations"][kinds] == "ConfigMap", "the list is narrowed")
