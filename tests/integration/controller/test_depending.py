"""Applications that depend on others: in order, without polling, and never at the cost of what runs."""

from collections.abc import Iterator

import pytest

from tests.integration.controller.told import told
from tests.support.command import Command
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, running, to_yaml
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for


def files(db: str, web: str, *, broken: bool = False) -> dict[str, str | None]:
    """A repository of two Applications; `broken`: the database's one doesn't become healthy."""
    extra = [running("db", "image-pull")] if broken else []
    return {
        "db/a.yaml": to_yaml(config_map("db", {"key": db}), *extra),
        "web/a.yaml": to_yaml(config_map("web", {"key": web})),
    }


def pair(site: Site) -> tuple[App, App]:
    db = site.application("db", path="db")
    web = site.application("web", path="web", dependsOn=[{"name": db.name}])
    return db, web


def test_one_commit_rolls_out_in_order(controller: Controller, site: Site) -> None:
    sha = site.push(files("1", "1", broken=True))
    db, web = pair(site)
    message = web.wait_reason("DependencyNotReady", "Ready")
    wait_for(
        lambda: "Deployment.apps" in (web.condition("Ready") or {})["message"], "the dependency's own message"
    )
    assert f"{HOME}/{db.name}" in message
    assert web.condition("Reconciling")
    assert web.condition("Stalled") is None
    assert site.data("web") is None
    sha = site.push(files("1", "2"))
    web.wait_ready(sha)
    assert site.data("web") == {"key": "2"}
    assert [event["reason"] for event in web.events("DependencyNotReady")] == []
    applied = [one.status["revision"]["appliedAt"] for one in (db, web)]
    assert applied == sorted(applied)


def test_what_is_applied_is_healed_and_runs_while_a_newer_commit_waits(
    controller: Controller, site: Site
) -> None:
    first = site.push(files("1", "1"))
    db, web = pair(site)
    web.wait_ready(first)
    site.push(files("2", "2", broken=True))
    web.wait_reason("DependencyNotReady", "Ready")
    assert web.status["revision"]["applied"] == first
    assert site.data("web") == {"key": "1"}
    site.cluster.patch(site.get("ConfigMap", "web"), {"data": {"key": "drifted"}})
    site.wait_data("web", {"key": "1"})
    last = site.push(files("3", "3"))
    web.wait_ready(last)
    assert site.data("web") == {"key": "3"}
    assert db.status["revision"]["applied"] == last


def test_what_left_git_before_can_be_pruned_while_a_newer_commit_waits(
    controller: Controller, command: Command, site: Site
) -> None:
    gone = config_map("gone", metadata={"annotations": {"gitops.dev/prune": "Confirm"}})
    first = site.push({**files("1", "1"), "web/gone.yaml": to_yaml(gone)})
    _, web = pair(site)
    web.wait_ready(first)
    second = site.push({**files("1", "2"), "web/gone.yaml": None})
    web.wait_ready(second)
    site.push(files("2", "3", broken=True))
    web.wait_reason("DependencyNotReady", "Ready")
    shown = command("diff", f"{HOME}/{web.name}")
    assert "a sync waits" in shown.out
    assert site.data("gone") is not None
    web.annotate(approve=second)
    wait_for(lambda: site.data("gone") is None, "it is pruned", state=lambda: web.status)
    assert site.data("web") == {"key": "2"}


def test_one_whose_dependency_breaks_later_stays_ready_and_heals(controller: Controller, site: Site) -> None:
    first = site.push(files("1", "1"))
    db, web = pair(site)
    web.wait_ready(first)
    site.push(files("1", "1", broken=True))
    db.wait_reason("Progressing", "Ready")
    site.cluster.patch(site.get("ConfigMap", "web"), {"data": {"key": "drifted"}})
    site.wait_data("web", {"key": "1"})
    ready = web.condition("Ready")
    assert ready
    assert ready["status"] == "True"


def test_a_commit_that_changes_only_the_dependent_goes_out_at_once(
    controller: Controller, site: Site
) -> None:
    site.push(files("1", "1"))
    _, web = pair(site)
    web.wait_ready()
    sha = site.push(files("1", "2"))
    web.wait_ready(sha)
    assert site.data("web") == {"key": "2"}


def test_order_holds_over_one_in_between_that_the_commit_does_not_change(
    controller: Controller, site: Site
) -> None:
    def tree(db: str, web: str, *, broken: bool = False) -> dict[str, str | None]:
        return {**files(db, web, broken=broken), "mid/a.yaml": to_yaml(config_map("mid"))}

    first = site.push(tree("1", "1"))
    db = site.application("db", path="db")
    mid = site.application("mid", path="mid", dependsOn=[{"name": db.name}])
    web = site.application("web", path="web", dependsOn=[{"name": mid.name}])
    web.wait_ready(first)
    site.push(tree("2", "2", broken=True))
    message = web.wait_reason("DependencyNotReady", "Ready")
    assert mid.name in message
    ready = mid.condition("Ready")
    assert ready
    assert ready["status"] == "True"
    assert site.data("web") == {"key": "1"}
    last = site.push(tree("3", "3"))
    web.wait_ready(last)


def test_a_circle_is_refused_by_all_and_resolves_when_it_is_cut(controller: Controller, site: Site) -> None:
    first = site.push(files("1", "1"))
    db, web = pair(site)
    web.wait_ready(first)
    db.patch({"spec": {"dependsOn": [{"name": web.name}]}})
    circle = f"{HOME}/{db.name} → {HOME}/{web.name} → {HOME}/{db.name}"
    told(controller, db, "DependencyCycle", circle)
    told(controller, web, "DependencyCycle", f"{HOME}/{web.name} → {HOME}/{db.name} → {HOME}/{web.name}")
    site.push(files("2", "2"))
    site.cluster.patch(site.get("ConfigMap", "web"), {"data": {"key": "drifted"}})
    site.wait_data("web", {"key": "1"})
    assert site.data("db") == {"key": "1"}
    db.patch({"spec": {"dependsOn": None}})
    site.wait_data("web", {"key": "2"})
    web.wait_ready()
    db.wait_ready()


def test_a_missing_one_is_said_and_found_when_it_comes(controller: Controller, site: Site) -> None:
    sha = site.push(files("1", "1"))
    web = site.application("web", path="web", dependsOn=[{"name": f"{site.name}-db"}])
    told(controller, web, "DependencyNotFound", f"{HOME}/{site.name}-db")
    assert site.data("web") is None
    passes = controller.metric("gitops_reconcile_seconds_count")
    stays(lambda: site.data("web") is None, "nothing is applied", seconds=2)
    assert controller.metric("gitops_reconcile_seconds_count") == passes, "it polls"
    db = site.application("db", path="db")
    web.wait_ready(sha)
    db.wait_ready(sha)


def test_deleting_a_dependency_leaves_what_runs_and_wedges_nothing(
    controller: Controller, site: Site
) -> None:
    site.push(files("1", "1"))
    db, web = pair(site)
    web.wait_ready()
    db.delete()
    db.wait_gone()
    web.wait_reason("DependencyNotFound")
    site.cluster.patch(site.get("ConfigMap", "web"), {"data": {"key": "drifted"}})
    site.wait_data("web", {"key": "1"})
    web.patch({"spec": {"dependsOn": None}})
    web.wait_ready()
    web.delete()
    web.wait_gone()


def test_both_are_deleted_while_one_waits_for_the_other(controller: Controller, site: Site) -> None:
    site.push(files("1", "1", broken=True))
    db, web = pair(site)
    web.wait_reason("DependencyNotReady", "Ready")
    for app in (db, web):
        app.delete()
    for app in (db, web):
        app.wait_gone()


def test_another_teams_application_is_refused_and_its_state_not_told(
    controller: Controller, site: Site
) -> None:
    site.push(files("1", "1", broken=True))
    db, _ = pair(site)
    tenant = site.tenant("configmaps")
    web = site.application(
        "theirs",
        path="web",
        namespace=tenant,
        serviceAccountName="deployer",
        dependsOn=[{"name": db.name, "namespace": HOME}],
    )
    told(controller, web, "DependencyNotAllowed", f"{HOME}/{db.name}")
    assert "Deployment.apps" not in str(web.status)
    assert site.data("web") is None


def test_an_expression_says_when_a_dependency_is_ready(controller: Controller, site: Site) -> None:
    site.push(files("1", "1", broken=True))
    db = site.application("db", path="db")
    expression = "conditions.Synced.status == 'True' && metadata.annotations.open == 'yes'"
    web = site.application("web", path="web", dependsOn=[{"name": db.name, "ready": expression}])
    message = web.wait_reason("DependencyNotReady", "Ready")
    assert f"{expression} is not true" in message
    wait_for(lambda: (db.condition("Synced") or {}).get("status") == "True", "it is applied")
    stays(lambda: site.data("web") is None, "it waits", seconds=1)
    db.patch({"metadata": {"annotations": {"open": "yes"}}})
    web.wait_ready()
    ready = db.condition("Ready")
    assert ready
    assert ready["status"] == "False"


def test_an_expression_that_is_wrong_or_never_ends_is_said_and_holds_up_nobody(
    controller: Controller, site: Site
) -> None:
    site.push(files("1", "1"))
    db, other = pair(site)
    wrong = site.application("wrong", path="web", dependsOn=[{"name": db.name, "ready": "status.("}])
    told(controller, wrong, "InvalidExpression", "status.(")
    numbers = "[" + ",".join("1" * 60) + "]"
    loop = numbers
    for depth in range(7):
        loop = f"{numbers}.map(x{depth}, {loop})" if depth < 6 else f"{loop}.size() > 0"
    assert len(loop) < 1024
    endless = site.application("endless", path="web", dependsOn=[{"name": db.name, "ready": loop}])
    endless.wait_reason("InvalidExpression", timeout=60)
    site.cluster.patch(site.get("ConfigMap", "db"), {"data": {"key": "drifted"}})
    site.wait_data("db", {"key": "1"})
    other.wait_ready()


@pytest.fixture
def restarted(idle_controller: Controller) -> Iterator[Controller]:
    yield idle_controller
    if not idle_controller.is_running:
        idle_controller.start()


def test_a_restart_while_it_waits_syncs_nothing_and_goes_on_later(
    controller: Controller, restarted: Controller, site: Site
) -> None:
    first = site.push(files("1", "1"))
    _, web = pair(site)
    web.wait_ready(first)
    site.push(files("2", "2", broken=True))
    web.wait_reason("DependencyNotReady", "Ready")
    restarted.kill()
    site.cluster.patch(site.get("ConfigMap", "web"), {"data": {"key": "drifted"}})
    restarted.start()
    site.wait_data("web", {"key": "1"})
    web.wait_reason("DependencyNotReady", "Ready")
    web.wait_ready(site.push(files("3", "3")))
