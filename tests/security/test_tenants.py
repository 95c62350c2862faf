"""What an Application of a tenant can not do, whatever is in its repository."""

from gitops.core.identity import Owner
from gitops.core.model import ObjectKey
from tests.support.cluster import Cluster
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, secret, thing, to_yaml
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for


def tenant_app(site: Site, *objects: dict[str, object], **options: object) -> tuple[str, App]:
    """A tenant that may do all with ConfigMaps of the site's namespace, and its Application."""
    tenant = site.tenant("configmaps")
    site.push_objects(*objects)
    app = site.application(namespace=tenant, serviceAccountName="deployer", **options)  # type: ignore[arg-type]
    return tenant, app


def test_it_can_not_write_into_a_namespace_of_others(controller: Controller, site: Site) -> None:
    victim = site.new_namespace("victim")
    _, app = tenant_app(site, config_map("a", metadata={"namespace": victim}), config_map("own"))
    app.wait_reason("Forbidden")
    site.wait_data("own", {"key": "value"})
    assert site.cluster.find("v1", "ConfigMap", victim, "a") is None


def test_it_can_not_make_cluster_scoped_objects(controller: Controller, site: Site) -> None:
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    role = thing("rbac.authorization.k8s.io/v1", "ClusterRole", site.name, rules=rules)
    namespace = thing("v1", "Namespace", f"{site.name}-more")
    _, app = tenant_app(site, role, namespace)
    app.wait_reason("Forbidden")
    assert site.cluster.find("rbac.authorization.k8s.io/v1", "ClusterRole", "", site.name) is None
    assert site.cluster.find("v1", "Namespace", "", f"{site.name}-more") is None


def test_it_can_not_have_a_namespace_created(controller: Controller, site: Site) -> None:
    _, app = tenant_app(
        site, config_map("a"), destination=f"{site.name}-more", sync={"createNamespace": True}
    )
    app.wait_reason("Forbidden")
    assert site.cluster.find("v1", "Namespace", "", f"{site.name}-more") is None


def test_it_can_not_grant_itself_more_than_it_has(controller: Controller, site: Site) -> None:
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]
    tenant, app = tenant_app(site, thing(f"{group}/v1", "Role", "more", rules=rules))
    site.allow(tenant, "roles")
    message = app.wait_reason("Forbidden")
    wait_for(
        lambda: "attempting to grant" in str((app.condition("Stalled") or {}).get("message")),
        "it is refused for what it is",
        state=lambda: message,
    )
    assert site.find("Role", "more", f"{group}/v1") is None


def test_an_account_of_another_namespace_is_of_no_use(controller: Controller, site: Site) -> None:
    site.tenant("configmaps")
    other = site.new_namespace("other")
    site.push_objects(config_map("a"))
    app = site.application(namespace=other, serviceAccountName="deployer")
    message = app.wait_reason("Forbidden")
    assert f"system:serviceaccount:{other}:deployer" in message
    assert site.data("a") is None


def test_credentials_are_read_with_the_rights_of_its_account(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    tenant = site.tenant("configmaps")
    cluster.create(
        {
            **secret("git", {"username": "ada", "password": "secret-word"}),
            "metadata": {"name": "git", "namespace": tenant},
        }
    )
    private = site.new_repository("private", ("ada", "secret-word"))
    private.push({"app/a.yaml": to_yaml(config_map("a"))})
    app = site.application(
        namespace=tenant,
        serviceAccountName="deployer",
        source={"repository": private.url, "credentials": {"secretName": "git"}},
    )
    message = app.wait_reason("Forbidden")
    assert f"{tenant}/git" in message
    assert site.data("a") is None


def test_it_can_not_take_what_another_application_owns_whatever_its_policy(
    controller: Controller, site: Site
) -> None:
    owner = site.synced(config_map("a", {"by": "owner"}))
    tenant = site.tenant("configmaps")
    attack = site.new_repository("attack")
    attack.push({"app/a.yaml": to_yaml(config_map("a", {"by": "attacker"}))})
    app = site.application(
        "attack", repository=attack, namespace=tenant, serviceAccountName="deployer", sync={"adopt": "Always"}
    )
    message = app.wait_reason("OwnedByAnother")
    assert f"{HOME}/{owner.name}" in message
    assert site.data("a") == {"by": "owner"}


def test_it_can_not_use_a_local_path_as_repository(controller: Controller, site: Site) -> None:
    tenant = site.tenant("configmaps")
    app = site.application(
        namespace=tenant,
        serviceAccountName="deployer",
        source={"repository": f"file://{site.git_server.folder}/{site.repository.name}.git"},
    )
    app.wait_reason("InvalidRepository")
    assert site.data("a") is None


def test_a_forged_mark_deletes_nothing_of_others(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    """Labels and annotations of a member, put onto somebody else's object, make no member of it."""
    app = site.synced(config_map("a"), config_map("b"))
    member = site.get("ConfigMap", "a")["metadata"]
    victim = site.cluster.create(
        config_map("victim", metadata={"namespace": site.namespace}) | {}, manager="somebody"
    )
    marks = {name: member[name] for name in ("labels", "annotations")}
    cluster.patch(victim, {"metadata": marks}, manager="attacker")
    app.wait_ready(site.push_objects(config_map("b")))
    stays(lambda: site.data("victim") == {"key": "value"}, "the victim stays", seconds=1)
    assert site.data("a") is None
    app.delete()
    app.wait_gone()
    assert site.data("victim") == {"key": "value"}


def attack(site: Site, tenant: str, *objects: dict[str, object], suffix: str = "attack") -> App:
    """An Application of a tenant that names these objects, which are somebody else's."""
    repository = site.new_repository(suffix)
    repository.push({"app/attack.yaml": to_yaml(*objects)})
    return site.application(
        suffix,
        repository=repository,
        namespace=tenant,
        serviceAccountName="deployer",
        sync={"adopt": "Always"},
    )


def test_it_is_not_given_what_another_application_lets_go_of_by_naming_it(
    controller: Controller, site: Site
) -> None:
    """The object is deleted, as if nobody had named it; at no instant it is the attacker's."""
    owner = site.synced(config_map("a"), config_map("b", {"by": "owner"}))
    app = attack(site, site.tenant("secrets"), config_map("b", {"by": "attacker"}))
    app.wait_reason("Forbidden")
    seen: list[str] = []
    owner.wait_ready(site.push_objects(config_map("a")))

    def is_gone() -> bool:
        found = site.find("ConfigMap", "b")
        seen.append(str(found))
        return found is None

    wait_for(is_gone, "it is deleted")
    assert not any(app.name in one or "attacker" in one for one in seen)
    assert not app.events("HandedOver")
    assert not owner.events("HandedOver")


def test_one_that_may_read_but_not_write_an_object_is_not_given_it(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    group = "rbac.authorization.k8s.io"
    tenant = site.tenant("secrets")
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
    cluster.create(thing(f"{group}/v1", "Role", "reader", site.namespace, rules=rules))
    binding = {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": tenant}],
    }
    cluster.create(thing(f"{group}/v1", "RoleBinding", "reader", site.namespace, **binding))
    owner = site.synced(config_map("a"), config_map("b"))
    attack(site, tenant, config_map("b", {"by": "attacker"})).wait_reason("OwnedByAnother")
    owner.wait_ready(site.push_objects(config_map("a")))
    site.wait_data("b", None)
    assert not owner.events("HandedOver")


def test_a_role_goes_to_nobody_who_could_not_grant_it(controller: Controller, site: Site) -> None:
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]
    role = thing(f"{group}/v1", "Role", "strong", rules=rules)
    owner = site.synced(config_map("a"), role)
    attack(site, site.tenant("roles"), role).wait_reason("OwnedByAnother")
    owner.wait_ready(site.push_objects(config_map("a")))
    wait_for(lambda: site.find("Role", "strong", f"{group}/v1") is None, "it is deleted")
    assert not owner.events("HandedOver")


def test_the_rightful_heir_comes_before_one_that_only_names_the_object(
    controller: Controller, site: Site
) -> None:
    app = attack(site, site.tenant("secrets"), config_map("b", {"by": "attacker"}), suffix="a-first")
    site.push(
        {
            "one/a.yaml": to_yaml(config_map("a"), config_map("b")),
            "two/c.yaml": to_yaml(config_map("c")),
        }
    )
    one, two = site.application("one", path="one"), site.application("two", path="two")
    one.wait_ready()
    two.wait_ready()
    before = site.get("ConfigMap", "b")["metadata"]["uid"]
    sha = site.push(
        {"one/a.yaml": to_yaml(config_map("a")), "two/b.yaml": to_yaml(config_map("b", {"by": "two"}))}
    )
    two.wait_ready(sha)
    assert site.data("b") == {"by": "two"}
    assert site.get("ConfigMap", "b")["metadata"]["uid"] == before
    app.wait_reason("Forbidden")


def forged(member: dict[str, object], namespace: str, name: str, owner: App) -> dict[str, object]:
    """An object with all marks of a member, made from public knowledge alone."""
    identity = Owner(owner.namespace, owner.name, "").identity_of(ObjectKey("", "ConfigMap", namespace, name))
    label = member["labels"]["applyset.kubernetes.io/part-of"]  # type: ignore[index]
    made = config_map(name, {"forged": "1"}, metadata={"namespace": namespace})
    made["metadata"]["labels"] = {"applyset.kubernetes.io/part-of": label}
    made["metadata"]["annotations"] = {"gitops.dev/applied": f"{identity}.forged"}
    return made


def test_forged_members_in_a_namespace_of_ones_own_stop_no_prune_and_no_end_of_others(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    owner = site.synced(config_map("a"), config_map("b"), sync={"pruneLimit": {"objects": 2, "percent": 0}})
    attacker = site.new_namespace("attacker")
    member = site.get("ConfigMap", "a")["metadata"]
    for index in range(4):
        obj = forged(member, attacker, f"forged-{index}", owner)
        obj["metadata"]["finalizers"] = ["example.com/hold"]  # type: ignore[index]
        cluster.apply(obj, f"gitops.dev/{HOME}/{owner.name}")
    owner.wait_ready(site.push_objects(config_map("a")))
    site.wait_data("b", None)
    assert owner.problems() == []
    owner.delete()
    owner.wait_gone()
    found = cluster.list("v1", "ConfigMap", attacker)
    left = [one for one in found if one["metadata"]["name"].startswith("forged")]
    assert len(left) == 4
    assert not any("deletionTimestamp" in one["metadata"] for one in left)
    for one in left:
        cluster.patch({**one, "apiVersion": "v1", "kind": "ConfigMap"}, {"metadata": {"finalizers": None}})
