"""The end of an Application: its objects are deleted or left, and nothing is ever wedged."""

from tests.support.cluster import Cluster, Obj
from tests.support.controller import Controller
from tests.support.manifests import claim, config_map, crd, deployment, service, thing
from tests.support.site import Site
from tests.support.wait import wait_for

OURS = ("applyset.kubernetes.io", "gitops.dev/applied", "'manager': 'gitops.dev/")


def marks(obj: dict[str, object]) -> str:
    """Everything in an object's metadata that is ours."""
    metadata = str(obj["metadata"])
    return " ".join(word for word in OURS if word in metadata)


def test_deleting_an_application_deletes_its_objects(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), service("b"), deployment("d"))
    app.delete()
    app.wait_gone()
    assert site.data("a") is None
    assert site.find("Service", "b") is None
    assert site.find("Deployment", "d", "apps/v1") is None
    assert f'name="{app.name}"' not in controller.exposition()


def test_orphaned_objects_stay_as_they_are_without_our_marks(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), deployment("d"), deletionPolicy="Orphan")
    before = {
        kind: site.get(kind, name, api)
        for kind, name, api in (("ConfigMap", "a", "v1"), ("Deployment", "d", "apps/v1"))
    }
    app.delete()
    app.wait_gone()
    for kind, name, api in (("ConfigMap", "a", "v1"), ("Deployment", "d", "apps/v1")):
        now = site.get(kind, name, api)
        assert now["metadata"]["uid"] == before[kind]["metadata"]["uid"]
        assert now.get("data") == before[kind].get("data")
        assert now.get("spec") == before[kind].get("spec")
        assert marks(now) == ""


def test_claims_namespaces_and_definitions_are_released_and_the_rest_is_deleted(
    controller: Controller, site: Site
) -> None:
    definition, inner = crd("Widget", f"{site.name}.example.com"), f"{site.name}-inner"
    app = site.synced(definition, thing("v1", "Namespace", inner), claim("data"), config_map("a"))
    try:
        app.delete()
        app.wait_gone()
        assert site.data("a") is None
        kept = (
            site.get("PersistentVolumeClaim", "data"),
            site.cluster.get("v1", "Namespace", "", inner),
            site.cluster.get(
                "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", definition["metadata"]["name"]
            ),
        )
        for one in kept:
            assert "deletionTimestamp" not in one["metadata"]
            assert marks(one) == ""
    finally:
        site.cluster.delete(definition)
        site.cluster.delete(thing("v1", "Namespace", inner))


def test_a_finalizer_on_a_member_is_named_and_awaited(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("held", metadata={"finalizers": ["example.com/hold"]}))
    app.delete()
    app.wait(
        lambda _: any("example.com/hold" in one["message"] for one in app.problems()),
        "the finalizer is named",
    )
    site.cluster.patch(site.get("ConfigMap", "held"), {"metadata": {"finalizers": None}})
    app.wait_gone()


def test_an_application_that_never_worked_can_be_deleted(controller: Controller, site: Site) -> None:
    app = site.application(source={"repository": "http://127.0.0.1:9/shop.git"})
    app.wait_reason("RepositoryUnreachable", "Reconciling")
    app.delete()
    app.wait_gone()


def test_one_that_is_made_again_under_the_same_name_takes_its_objects_back(
    controller: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"), deletionPolicy="Orphan")
    before = site.get("ConfigMap", "a")["metadata"]["uid"]
    app.delete()
    app.wait_gone()
    site.application().wait_ready()
    assert site.get("ConfigMap", "a")["metadata"]["uid"] == before


def test_deleting_the_namespace_of_a_tenant_never_wedges_it(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    tenant = site.tenant("configmaps")
    sha = site.push_objects(config_map("outside"))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    app.wait_ready(sha)
    before = site.get("ConfigMap", "outside")["metadata"]["uid"]
    cluster.delete(thing("v1", "Namespace", tenant))
    wait_for(lambda: cluster.find("v1", "Namespace", "", tenant) is None, "the namespace is gone", timeout=60)
    now = site.get("ConfigMap", "outside")
    assert now["metadata"]["uid"] == before
    assert marks(now) == ""


def test_a_namespace_with_members_in_it_can_be_deleted(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    tenant = site.tenant("configmaps")
    group = "rbac.authorization.k8s.io"
    role = {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{"kind": "ServiceAccount", "name": "deployer", "namespace": tenant}]
    cluster.create(thing(f"{group}/v1", "RoleBinding", "all", tenant, roleRef=role, subjects=subjects))
    sha = site.push_objects(config_map("inside"), service("s"))
    app = site.application(namespace=tenant, serviceAccountName="deployer", destination=tenant)
    app.wait_ready(sha)
    cluster.delete(thing("v1", "Namespace", tenant))
    wait_for(lambda: cluster.find("v1", "Namespace", "", tenant) is None, "the namespace is gone", timeout=60)


def test_without_its_account_an_application_leaves_its_objects(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    tenant = site.tenant("configmaps")
    sha = site.push_objects(config_map("a"))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    app.wait_ready(sha)
    uid = app.uid
    cluster.delete(thing("v1", "ServiceAccount", "deployer", tenant))
    app.delete()
    app.wait_gone()
    assert site.data("a") == {"key": "value"}
    assert marks(site.get("ConfigMap", "a")) == ""

    def said() -> list[dict[str, object]]:
        return cluster.list("v1", "Event", tenant, fieldSelector=f"involvedObject.uid={uid},reason=Orphaned")

    assert "service account deployer is gone" in str(wait_for(said, "an Event says so")[0]["message"])


def test_an_account_taken_out_of_the_spec_lends_nobody_the_controllers_rights(
    controller: Controller, site: Site
) -> None:
    """Else a tenant could have deleted what its own account may only write."""
    tenant = site.tenant("configmaps")
    sha = site.push_objects(config_map("a"))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    app.wait_ready(sha)
    app.patch({"spec": {"serviceAccountName": None}})
    app.wait_reason("ServiceAccountRequired")
    app.delete()
    app.wait_gone()
    assert site.data("a") == {"key": "value"}


def our_definition(cluster: Cluster) -> Obj | None:
    return cluster.find("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "applications.gitops.dev")


def is_established(definition: Obj | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def test_deleting_our_definition_leaves_every_object_alone(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    app = site.synced(config_map("a"), service("b"))
    before = [
        site.get(kind, name)["metadata"]["uid"] for kind, name in (("ConfigMap", "a"), ("Service", "b"))
    ]
    definition = cluster.get(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "applications.gitops.dev"
    )
    cluster.delete(definition)
    try:
        wait_for(lambda: our_definition(cluster) is None, "our definition is gone", timeout=60)
        assert [
            site.get(kind, name)["metadata"]["uid"] for kind, name in (("ConfigMap", "a"), ("Service", "b"))
        ] == before
        assert marks(site.get("ConfigMap", "a")) == ""
    finally:
        for name in ("resourceVersion", "uid", "managedFields", "creationTimestamp"):
            definition["metadata"].pop(name, None)
        cluster.create({**definition, "status": {}})
        wait_for(lambda: is_established(our_definition(cluster)), "our definition is established")
    site.application("again").wait_ready(timeout=60)
    assert [
        site.get(kind, name)["metadata"]["uid"] for kind, name in (("ConfigMap", "a"), ("Service", "b"))
    ] == before
    assert app.find() is None
