"""`sync.deploy: Manual`: nothing is deployed that nobody has approved, and healing waits for nobody."""

import json
import os
import re
import subprocess

from tests.support.controller import COMMAND, Controller
from tests.support.manifests import annotated, config_map, deployment, job, running
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for

MANUAL = {"deploy": "Manual"}


def digest_of(app: App, what: str) -> str:
    """The digest of the plan that waits, once it is the one that does `what`."""
    status = app.wait(lambda status: what in str(status.get("problems")), f"a plan with {what!r} waits")
    found = re.search(r"approval of plan ([a-z2-7]{26}): ", str(status["problems"]))
    assert found, status
    return found.group(1)


def first(site: Site, *objects: object) -> App:
    """An Application with these objects, approved."""
    site.push_objects(*objects)  # type: ignore[arg-type]
    app = site.application(sync=MANUAL)
    app.annotate(approve=digest_of(app, "to create"))
    app.wait_ready()
    return app


def test_the_first_sync_waits_for_an_approval_of_its_digest(controller: Controller, site: Site) -> None:
    site.push_objects(config_map("a"), config_map("b"))
    app = site.application(sync=MANUAL)
    digest = digest_of(app, "2 to create")
    condition = app.condition("Synced")
    assert condition
    assert (condition["status"], condition["reason"]) == ("False", "ApprovalRequired")
    assert app.condition("Stalled") is None
    stays(lambda: site.data("a") is None, "nothing is made", seconds=1)
    app.annotate(approve="a" * 26)
    app.annotate(approve=digest[:6])
    stays(lambda: site.data("a") is None, "still nothing is made", seconds=1)
    app.annotate(approve=digest)
    app.wait_ready()
    assert site.data("a") == site.data("b") == {"key": "value"}
    assert "approved" not in app.status


def test_what_was_deployed_is_healed_while_a_revision_waits(controller: Controller, site: Site) -> None:
    app = first(site, config_map("a", {"key": "1"}), config_map("gone"))
    site.push_objects(config_map("a", {"key": "2"}), config_map("new"))
    digest = digest_of(app, "1 to create, 1 to update, 1 to prune")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    site.wait_data("a", {"key": "1"})
    site.cluster.delete(site.get("ConfigMap", "a"))
    site.wait_data("a", {"key": "1"})
    controller.kill()
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "while it was down"}})
    site.cluster.delete(site.get("ConfigMap", "gone"))
    controller.start()
    site.wait_data("a", {"key": "1"})
    site.wait_data_exists("gone")
    assert site.data("new") is None
    assert digest_of(app, "1 to create, 1 to update, 1 to prune") == digest
    app.annotate(approve=digest)
    app.wait_ready()
    assert (site.data("a"), site.data("new"), site.data("gone")) == ({"key": "2"}, {"key": "value"}, None)


def test_an_approval_of_an_older_plan_counts_for_nothing(controller: Controller, site: Site) -> None:
    app = first(site, config_map("a", {"key": "1"}))
    site.push_objects(config_map("a", {"key": "2"}))
    old = digest_of(app, "1 to update")
    site.push_objects(config_map("a", {"key": "3"}), config_map("b"))
    digest_of(app, "1 to create, 1 to update")
    app.annotate(approve=old)
    stays(lambda: site.data("a") == {"key": "1"}, "nothing is deployed", seconds=1)
    # What nobody approved is nothing to heal to.
    site.cluster.delete(site.get("ConfigMap", "a"))
    site.wait_data("a", {"key": "1"})


def test_a_revision_can_be_approved_by_its_sha(controller: Controller, site: Site) -> None:
    app = first(site, config_map("a", {"key": "1"}))
    sha = site.push_objects(config_map("a", {"key": "2"}))
    app.annotate(approve=sha[:7])
    app.wait_ready(sha)
    assert site.data("a") == {"key": "2"}
    site.push_objects(config_map("a", {"key": "3"}))
    digest_of(app, "1 to update")
    stays(lambda: site.data("a") == {"key": "2"}, "the next one waits", seconds=1)


def test_an_approved_sync_goes_on_through_its_waves_and_a_crash(controller: Controller, site: Site) -> None:
    app = first(site, config_map("early", {"key": "1"}), config_map("late", {"key": "1"}))
    sha = site.push_objects(
        annotated(config_map("early", {"key": "2"}), wave="-1"),
        running("web", "slow"),
        annotated(config_map("late", {"key": "2"}), wave="1"),
    )
    app.annotate(approve=digest_of(app, "1 to create, 2 to update"))
    site.wait_data("early", {"key": "2"})
    controller.kill()
    controller.start()
    app.wait_ready(sha)
    assert site.data("late") == {"key": "2"}


def test_a_revision_that_only_changes_a_hook_waits_too(controller: Controller, site: Site) -> None:
    app = first(site, config_map("a"))
    hook = annotated(job("migrate"), hook="PreSync")
    sha = site.push_objects(config_map("a"), hook)
    digest = digest_of(app, "1 hook to run")
    stays(
        lambda: not site.cluster.list("batch/v1", "Job", site.namespace), "the hook does not run", seconds=1
    )
    app.annotate(approve=digest)
    app.wait_ready(sha)


def test_a_waiting_plan_has_no_deadline(controller: Controller, site: Site) -> None:
    site.push_objects(config_map("a"))
    app = site.application(sync={**MANUAL, "progressDeadline": "1s"})
    digest_of(app, "1 to create")
    stays(lambda: app.condition("Stalled") is None, "nothing has stalled", seconds=3)


def test_the_diff_prints_the_digest_to_approve(controller: Controller, site: Site) -> None:
    app = first(site, config_map("a", {"key": "1"}), deployment("d"))
    site.push_objects(config_map("a", {"key": "2"}), config_map("b"))
    digest = digest_of(app, "1 to create, 1 to update, 1 to prune")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    command = [COMMAND, "diff", f"{app.namespace}/{app.name}"]
    environment = {**os.environ, "KUBECONFIG": str(site.cluster.control_plane.kubeconfig)}

    def run(*options: str) -> str:
        return subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, check=False
        ).stdout

    assert f"gitops.dev/approve: {digest}" in run()
    assert json.loads(run("-ojson"))["digest"] == digest
    app.annotate(approve=digest)
    app.wait_ready()
    wait_for(lambda: "gitops.dev/approve" not in run(), "nothing is left to approve")
