"""`gitops sync` where no controller runs: a tenant's rights, approved deletions, and other Applications."""

import pytest

from gitops.api.group import LEASE_NAME
from tests.support.cluster import Cluster
from tests.support.command import Command, Ran
from tests.support.controller import HOME
from tests.support.manifests import config_map, running, secret, thing, to_yaml
from tests.support.site import App, Site

NEW = to_yaml(config_map("moves", {"key": "value"}))


def sync(command: Command, app: App, *options: str) -> Ran:
    return command("sync", f"{app.namespace}/{app.name}", "--timeout", "60s", *options)


def test_a_tenant_reaches_only_what_its_account_may(command: Command, site: Site) -> None:
    tenant = site.tenant("configmaps")
    site.push_objects(config_map("a"))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    allowed = sync(command, app)
    assert allowed.code == 0, allowed
    entries = site.get("ConfigMap", "a")["metadata"]["managedFields"]
    assert [one["manager"] for one in entries] == [f"gitops.dev/{tenant}/{app.name}"]

    site.push_objects(config_map("a", {"key": "new"}), secret("s", {"k": "planted-4711"}))
    refused = sync(command, app)
    assert refused.code == 4, refused
    assert f"system:serviceaccount:{tenant}:deployer" in refused.err
    assert f"Secret {site.namespace}/s" in refused.err
    assert "planted-4711" not in refused.out + refused.err
    assert site.find("Secret", "s") is None
    assert site.data("a") == {"key": "new"}, "what it may is done"

    orphan = site.application("orphan", namespace=site.new_namespace("other"), serviceAccountName="nobody")
    nobody = sync(command, orphan)
    assert nobody.code == 4, nobody
    assert f"system:serviceaccount:{orphan.namespace}:nobody" in nobody.err


def test_deletions_beyond_the_limit_want_the_revision_said(command: Command, site: Site) -> None:
    many = [config_map(f"m{number:02}") for number in range(20)]
    first = site.push_objects(*many)
    app = site.application()
    assert sync(command, app).code == 0
    kept = site.push_objects(*many[:5])
    refused = sync(command, app)
    assert refused.code == 5, refused
    assert "15 of 20" in refused.err
    assert f"--allow-prune={kept[:7]}" in refused.err
    other = sync(command, app, "--allow-prune", first[:7])
    assert other.code == 5, other
    assert len(site.cluster.list("v1", "ConfigMap", site.namespace, labelSelector=part_of(app))) == 20
    done = sync(command, app, "--allow-prune", kept[:7], "-o", "json")
    assert done.code == 0, done
    assert len(done.data["steps"]) == 15
    assert {one["action"] for one in done.data["steps"]} == {"deleted"}
    left = site.cluster.list("v1", "ConfigMap", site.namespace, labelSelector=part_of(app))
    assert sorted(one["metadata"]["name"] for one in left) == [f"m{number:02}" for number in range(5)]


def part_of(app: App) -> str:
    identity = app.get()["metadata"]["labels"]["applyset.kubernetes.io/id"]
    return f"applyset.kubernetes.io/part-of={identity}"


def test_an_application_waits_for_what_it_depends_on(command: Command, site: Site) -> None:
    site.push({"db/a.yaml": to_yaml(running("db", "not-ready")), "web/a.yaml": to_yaml(config_map("web"))})
    db = site.application("db", path="db")
    web = site.application("web", path="web", dependsOn=[{"name": db.name}])
    early = sync(command, web)
    assert early.code == 5, early
    assert f"{HOME}/{db.name}" in early.err
    assert site.data("web") is None
    assert sync(command, db, "--no-wait").code == 0
    unready = sync(command, web)
    assert (unready.code, f"{HOME}/{db.name}" in unready.err) == (5, True), unready
    assert site.data("web") is None
    site.push({"db/a.yaml": to_yaml(running("db"))})
    assert sync(command, db).code == 0
    ready = sync(command, web)
    assert ready.code == 0, ready
    assert site.data("web") == {"key": "value"}


@pytest.fixture
def elsewhere(cluster: Cluster, site: Site) -> str:
    """A namespace for the Lease that is not the Applications'; no other one has it."""
    for one in cluster.list("coordination.k8s.io/v1", "Lease"):
        if one["metadata"]["name"] == LEASE_NAME:
            home = one["metadata"]["namespace"]
            cluster.delete(thing("coordination.k8s.io/v1", "Lease", LEASE_NAME, home))
    return site.new_namespace("elsewhere")


@pytest.mark.parametrize("heir_first", [True, False])
def test_what_moves_to_another_application_stays_the_same_object(
    command: Command, site: Site, elsewhere: str, *, heir_first: bool
) -> None:
    """A controller there would take Applications of other namespaces for mute: they name no account."""
    where = ("--controller-namespace", elsewhere)
    site.push(
        {
            "one/a.yaml": to_yaml(config_map("a")),
            "one/moves.yaml": NEW,
            "two/c.yaml": to_yaml(config_map("c")),
        }
    )
    one, two = site.application("one", path="one"), site.application("two", path="two")
    assert [sync(command, app, *where).code for app in (one, two)] == [0, 0]
    before = site.get("ConfigMap", "moves")["metadata"]["uid"]
    site.push({"one/moves.yaml": None, "two/moves.yaml": NEW})
    order = (two, one) if heir_first else (one, two)
    for app in (*order, *order):  # the second round finds what the other one has let go of
        ran = sync(command, app, *where)
        print(ran)
        assert "Traceback" not in ran.err
        assert site.get("ConfigMap", "moves")["metadata"]["uid"] == before
    assert sync(command, two, *where, "-o", "json").data["steps"] == []
    found = site.get("ConfigMap", "moves")["metadata"]
    assert [entry["manager"] for entry in found["managedFields"]] == [f"gitops.dev/{HOME}/{two.name}"]
    assert found["labels"]["applyset.kubernetes.io/part-of"] == part_of(two).partition("=")[2]
