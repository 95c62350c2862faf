"""The tree of an Application's objects: who is below whom, what comes first, what is folded."""

from gitops.core.health import HEALTHY, Health, HealthState
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.owning import ownable
from gitops.core.resources import NEEDED_VERBS, Catalog, Resource
from gitops.core.tree import Fold, Node, Seen, folded, forest, is_long, seen, size


def one(uid: str, *owners: str, kind: str = "Pod", state: HealthState = HealthState.HEALTHY) -> Seen:
    return Seen(ObjectKey("", kind, "shop", uid), uid, owners, Health(state))


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [node.key.name for node in nodes]


def test_objects_stand_below_their_owners_and_strangers_nowhere() -> None:
    members = [one("web", kind="Deployment")]
    owned = [one("web-1", "web", kind="ReplicaSet"), one("web-1-a", "web-1"), one("other", "someone")]
    (top,) = forest(members, owned)
    assert names(top.children) == ["web-1"]
    assert names(top.children[0].children) == ["web-1-a"]
    assert size([top]) == 3


def test_a_member_that_another_member_owns_stands_below_it() -> None:
    assert names(forest([one("parent"), one("child", "parent")], [])) == ["parent"]


def test_objects_that_own_each_other_are_shown_once() -> None:
    assert size(forest([one("a", "b"), one("b", "a")], [])) == 2


def test_what_has_trouble_somewhere_below_comes_first() -> None:
    members = [one("fine", kind="Deployment"), one("broken", kind="StatefulSet")]
    nodes = forest(members, [one("pod", "broken", state=HealthState.DEGRADED)])
    assert names(nodes) == ["broken", "fine"]
    assert nodes[0].worst is HealthState.DEGRADED


def test_old_replica_sets_are_folded_and_one_that_runs_is_not() -> None:
    def replica_set(name: str, replicas: int) -> Seen:
        obj = {
            "metadata": {"uid": name, "ownerReferences": [{"uid": "web"}]},
            "spec": {"replicas": replicas},
            "status": {"replicas": replicas, "readyReplicas": replicas},
        }
        return seen(obj, ObjectKey("apps", "ReplicaSet", "shop", name), HEALTHY)

    (top,) = forest([one("web", kind="Deployment")], [replica_set(f"r{n}", n) for n in (0, 2)])
    shown = folded(top.children, is_long=False)
    assert shown == [top.children[0], Fold("ReplicaSet", 1, is_old=True)]
    assert top.children[0].ready == "2/2"


def test_a_long_tree_folds_many_healthy_of_a_kind_and_nothing_else() -> None:
    members = [one(f"c{n}", kind="ConfigMap") for n in range(60)]
    members += [one("bad", kind="ConfigMap", state=HealthState.DEGRADED), one("s", kind="Secret")]
    nodes = forest(members, [])
    assert is_long(nodes)
    shown = folded(nodes, is_long=True)
    assert [item.key.name if isinstance(item, Node) else item.count for item in shown] == ["bad", 60, "s"]


def resource(group: str, kind: str) -> Resource:
    return Resource(group, "v1", kind, f"{kind.lower()}s", namespaced=True, verbs=NEEDED_VERBS)


CATALOG = Catalog(
    [
        *(resource("apps", kind) for kind in ("Deployment", "ReplicaSet", "StatefulSet")),
        *(resource("", kind) for kind in ("Pod", "Service", "ConfigMap", "Secret")),
        resource("batch", "Job"),
        *(resource("db.example.com", kind) for kind in ("Cluster", "Backup")),
    ]
)


def read_for(*kinds: GroupKind) -> set[str]:
    return {one.kind for one in ownable(kinds, CATALOG)}


def test_only_kinds_that_can_be_owned_are_read() -> None:
    assert read_for(GroupKind("", "ConfigMap")) == set()
    assert read_for(GroupKind("apps", "Deployment")) == {"ReplicaSet", "Pod"}
    assert read_for(GroupKind("gitops.dev", "Application")) == set()


def test_an_operators_object_may_own_workloads_and_its_own_group() -> None:
    found = read_for(GroupKind("db.example.com", "Cluster"))
    assert {"Backup", "StatefulSet", "Pod", "Secret", "Job"} <= found


def test_a_kind_is_named_in_any_of_its_spellings() -> None:
    for word in ("deployment", "Deployments", "deployment.apps"):
        found = CATALOG.named(word)
        assert found is not None
        assert found.kind == "Deployment"
    assert CATALOG.named("deployment.example.com") is None
