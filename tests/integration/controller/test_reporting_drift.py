"""`sync.heal: Report`: drift stays and is told of, and what Git changes is deployed all the same."""

from tests.support.controller import Controller
from tests.support.manifests import config_map, deployment
from tests.support.site import Site
from tests.support.wait import stays, wait_for

REPORT = {"heal": "Report"}


def test_drift_stays_and_is_named_with_its_author(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"), sync=REPORT)
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}}, manager="kubectl-edit")
    message = app.wait_reason("Drifted", "Synced")
    assert f"ConfigMap {site.namespace}/a" in message
    assert "/data/key, changed by kubectl-edit" in message
    stays(lambda: site.data("a") == {"key": "edited"}, "it stays", seconds=1)
    assert app.status["objects"]["drifted"] == 1
    assert app.condition("Stalled") is None
    # Another edit of the same field: our ownership of it is gone already.
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "again"}}, manager="someone")
    app.wait(lambda status: "changed by someone" in str(status["problems"]), "the new author is named")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "value"}}, manager="someone")
    app.wait_ready()
    assert not app.problems()
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "once more"}}, manager="late")
    app.wait(lambda status: "changed by late" in str(status["problems"]), "it is seen again")


def test_a_deleted_object_is_reported(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"), sync=REPORT)
    site.cluster.delete(site.get("ConfigMap", "a"))
    assert "somebody deleted it" in app.wait_reason("Drifted", "Synced")
    controller.kill()
    controller.start()
    stays(lambda: site.data("a") is None, "it stays away", seconds=2)
    assert app.status["objects"]["drifted"] == 1
    app.patch({"spec": {"sync": {"heal": "Automatic"}}})
    app.wait_ready()
    assert site.data("a") == {"key": "value"}


def test_a_new_revision_is_deployed_whatever_has_drifted(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"), config_map("c"), sync=REPORT)
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    app.wait_reason("Drifted", "Synced")
    sha = site.push_objects(config_map("a"), config_map("b", {"key": "new"}))
    app.wait(lambda status: status["revision"]["applied"] == sha, "it is applied")
    site.wait_data("b", {"key": "new"})
    site.wait_data("c", None)
    assert site.data("a") == {"key": "edited"}
    app.wait_ready(site.push_objects(config_map("a", {"key": "from git"}), config_map("b", {"key": "new"})))
    assert site.data("a") == {"key": "from git"}


def test_standing_drift_costs_one_dry_run_for_each_version_of_its_object(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d"), config_map("a"), sync=REPORT)
    site.cluster.patch(site.get("Deployment", "d", "apps/v1"), {"spec": {"paused": True}})
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    app.wait_reason("Drifted", "Synced")

    def dry_runs() -> float:
        return sum(
            number
            for (verb, resource, _), number in controller.requests().items()
            if verb == "PATCH" and resource == "configmaps"
        )

    wait_for(lambda: app.status["objects"]["drifted"] == 1, "it is counted")
    before = dry_runs()
    for _ in range(3):
        app.refresh()
    stays(lambda: dry_runs() == before, "nothing is compared again", seconds=2)
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"other": "x"}})
    wait_for(lambda: dry_runs() == before + 1, "it is compared again")
    stays(lambda: dry_runs() == before + 1, "once", seconds=1)
