"""Deleting is guarded: what looks like an accident, or would take data with it, waits for a yes."""

from typing import Any

from tests.integration.controller.told import told
from tests.support.controller import Controller
from tests.support.manifests import claim, config_map, deployment, service, thing
from tests.support.site import Site
from tests.support.wait import stays, wait_for


def many(count: int) -> list[dict[str, Any]]:
    return [config_map(f"m{i:02}") for i in range(count)]


def left(site: Site) -> int:
    return sum(
        1
        for one in site.cluster.list("v1", "ConfigMap", site.namespace)
        if one["metadata"]["name"].startswith("m")
    )


def test_an_empty_commit_deletes_nothing_until_it_is_approved(controller: Controller, site: Site) -> None:
    app = site.synced(*many(3))
    app.wait_ready(site.push_objects(config_map("x")))
    empty = site.push_objects()
    told(controller, app, "PruneRefused", "no objects at all")
    stays(lambda: site.data("x"), "nothing is deleted", seconds=1)
    assert controller.metric("gitops_prune_refused_total", name=app.name) == 1
    app.annotate(approve=empty[:7])
    site.wait_data("x", None)
    app.wait_ready(empty)


def test_a_prune_over_the_limit_waits_and_the_rest_of_the_commit_is_applied(
    controller: Controller, site: Site
) -> None:
    app = site.synced(*many(20), config_map("a"))
    sha = site.push_objects(*many(5), config_map("a", {"key": "new"}))
    told(controller, app, "PruneRefused", "15 of 21")
    site.wait_data("a", {"key": "new"})
    stays(lambda: left(site) == 20, "nothing is deleted", seconds=1)
    site.cluster.patch(site.get("ConfigMap", "m19"), {"data": {"key": "edited"}})
    app.annotate(approve="0000000")
    stays(lambda: left(site) == 20, "another revision's approval counts for nothing", seconds=1)
    app.annotate(approve=sha)
    app.wait_ready(sha)
    assert left(site) == 5


def test_an_approval_holds_for_one_revision_only(controller: Controller, site: Site) -> None:
    app = site.synced(*many(30))
    sha = site.push_objects(*many(14))
    app.annotate(approve=sha)
    app.wait_ready(sha)
    assert left(site) == 14
    site.push_objects(*many(1))
    told(controller, app, "PruneRefused", "13 of 14")
    assert left(site) == 14


def test_a_prune_within_the_limit_needs_nobody(controller: Controller, site: Site) -> None:
    app = site.synced(*many(12))
    app.wait_ready(site.push_objects(*many(3)))
    assert left(site) == 3


def test_a_limit_of_the_spec_counts(controller: Controller, site: Site) -> None:
    sha = site.push_objects(*many(4))
    app = site.application(sync={"pruneLimit": {"percent": 10, "objects": 0}})
    app.wait_ready(sha)
    site.push_objects(*many(3))
    told(controller, app, "PruneRefused", "1 of 4")
    assert left(site) == 4


def test_namespaces_and_claims_are_kept_until_somebody_confirms(controller: Controller, site: Site) -> None:
    inner = f"{site.name}-inner"
    app = site.synced(thing("v1", "Namespace", inner), claim("data"), config_map("a"))
    sha = site.push_objects(config_map("a"))
    app.wait(lambda status: len(status.get("problems", [])) == 2, "two objects wait for a confirmation")
    assert {one["reason"] for one in app.problems()} == {"PruneUnconfirmed"}
    assert {one["object"]["kind"] for one in app.problems()} == {"Namespace", "PersistentVolumeClaim"}
    app.wait_ready(sha)  # it is as asked, so that nothing is wrong
    assert "deletionTimestamp" not in site.get("PersistentVolumeClaim", "data")["metadata"]
    app.annotate(approve=sha)

    def are_going() -> bool:
        namespace = site.cluster.find("v1", "Namespace", "", inner)
        claims = site.find("PersistentVolumeClaim", "data")
        return all(one is None or "deletionTimestamp" in one["metadata"] for one in (namespace, claims))

    wait_for(are_going, "both are deleted")
    app.wait(lambda status: not status.get("problems"), "nothing is left to confirm")


def test_an_annotation_on_the_object_decides_in_either_direction(controller: Controller, site: Site) -> None:
    kept = config_map("kept", metadata={"annotations": {"gitops.dev/prune": "Disabled"}})
    asked = config_map("asked", metadata={"annotations": {"gitops.dev/prune": "Confirm"}})
    data = claim("data")
    data["metadata"]["annotations"] = {"gitops.dev/prune": "Enabled"}
    app = site.synced(kept, asked, data, config_map("a"))
    sha = site.push_objects(config_map("a"))
    wait_for(
        lambda: (
            (found := site.find("PersistentVolumeClaim", "data")) is None
            or "deletionTimestamp" in found["metadata"]
        ),
        "the claim is deleted",
    )
    app.wait_ready(sha)
    assert site.data("kept") == {"key": "value"}
    assert site.data("asked") == {"key": "value"}
    assert [one["object"]["name"] for one in app.problems()] == ["asked"]
    site.cluster.patch(
        site.get("ConfigMap", "asked"), {"metadata": {"annotations": {"gitops.dev/prune": "Enabled"}}}
    )
    site.wait_data("asked", None)


def test_pruning_can_be_switched_off_for_all(controller: Controller, site: Site) -> None:
    sha = site.push_objects(config_map("a"), config_map("b"))
    app = site.application(sync={"prune": "Disabled"})
    app.wait_ready(sha)
    app.wait_ready(site.push_objects(config_map("a")))
    assert site.data("b") == {"key": "value"}
    app.patch({"spec": {"sync": {"prune": "Enabled"}}})
    site.wait_data("b", None)


def test_a_kept_object_that_comes_back_to_git_is_ours_as_before(controller: Controller, site: Site) -> None:
    kept = config_map("kept", metadata={"annotations": {"gitops.dev/prune": "Disabled"}})
    app = site.synced(kept, config_map("a"))
    before = site.get("ConfigMap", "kept")["metadata"]["uid"]
    app.wait_ready(site.push_objects(config_map("a")))
    app.wait_ready(site.push_objects(config_map("a"), config_map("kept", {"key": "again"})))
    assert site.data("kept") == {"key": "again"}
    assert site.get("ConfigMap", "kept")["metadata"]["uid"] == before


def test_nothing_is_pruned_while_the_new_objects_do_not_work(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("old"), config_map("a"))
    wrong = deployment("d", replcas=1)
    site.push_objects(wrong, config_map("a"))
    told(controller, app, "InvalidField")
    stays(lambda: site.data("old"), "the old one stays", seconds=1)
    app.wait_ready(site.push_objects(deployment("d"), config_map("a")))
    site.wait_data("old", None)


def test_a_finalizer_that_blocks_a_prune_is_named(controller: Controller, site: Site) -> None:
    held = config_map("held", metadata={"finalizers": ["example.com/hold"]})
    app = site.synced(held, config_map("a"))
    sha = site.push_objects(config_map("a"))
    app.wait(
        lambda _: "example.com/hold" in str((app.condition("Reconciling") or {}).get("message")),
        "the finalizer is named",
    )
    site.cluster.patch(site.get("ConfigMap", "held"), {"metadata": {"finalizers": None}})
    app.wait_ready(sha)
    assert site.data("held") is None


def test_an_object_moved_to_another_name_is_made_before_the_old_one_goes(
    controller: Controller, site: Site
) -> None:
    app = site.synced(service("old", 81))
    app.wait_ready(site.push_objects(service("new", 81)))
    assert site.find("Service", "new")
    assert site.find("Service", "old") is None
