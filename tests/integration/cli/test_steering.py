"""`gitops history`, `rollback`, `suspend`, `resume` and `refresh`, with a controller that obeys."""

from collections.abc import Callable

from tests.support.cluster import Obj
from tests.support.command import Command, Ran
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, deployment
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for


def revisions(site: Site, app: App, *values: str) -> list[str]:
    """Push these values one after the other, each synced before the next; the commits."""
    shas = []
    for value in values:
        shas.append(site.push_objects(config_map("a", {"key": value})))
        app.wait_ready(shas[-1])
    return shas


def held(app: App) -> Callable[[Obj], bool]:
    return lambda status: bool(status.get("hold")) and app.condition("Ready")["reason"] == "Held"  # type: ignore[index]


def steer(command: Command, verb: str, app: App, *more: str) -> Ran:
    ran = command(verb, app.name, *more, "-n", app.namespace)
    assert ran.code == 0, ran
    return ran


def test_the_history_tells_what_was_synced(controller: Controller, command: Command, site: Site) -> None:
    first = site.push_objects(config_map("a", {"key": "1"}), config_map("b"))
    app = site.application()
    app.wait_ready(first)
    (second,) = revisions(site, app, "2")
    app.wait(lambda status: status["history"][0]["pruned"] == 1, "the prune is counted")
    records = command("history", app.name, "-n", HOME, "-o", "json").data
    assert [one["revision"] for one in records] == [second, first]
    assert [one["result"] for one in records] == ["Succeeded", "Succeeded"]
    assert [one["trigger"] for one in records] == ["revision", "start"]
    counts = [(one["created"], one["updated"], one["pruned"]) for one in records]
    assert counts == [(0, 1, 1), (2, 0, 0)]
    text = steer(command, "history", app).out
    lines = text.splitlines()
    assert lines[0].split()[:2] == ["REVISION", "AGE"]
    assert [line.split()[0] for line in lines[1:]] == [second[:7], first[:7]]
    assert lines[1].endswith("applied")
    assert command("history", "nowhere", "-n", HOME).code == 2


def test_a_commit_that_fails_is_told_once_and_healing_is_no_sync(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.application(path="app")
    (first,) = revisions(site, app, "1")
    broken = site.push({"app/b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, nmae: b}\n"})
    app.wait_reason("InvalidField")
    site.cluster.delete(site.get("ConfigMap", "a"))
    wait_for(lambda: site.find("ConfigMap", "a"), "it is made again")
    app.refresh()
    records = app.wait(lambda status: len(status["history"]) > 1, "the failure is told")["history"]
    assert [(one["revision"], one["result"], one.get("reason")) for one in records] == [
        (broken, "Failed", "InvalidField"),
        (first, "Succeeded", None),
    ]


def test_a_rollback_holds_whatever_the_branch_does(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.application()
    first, second = revisions(site, app, "1", "2")
    out = steer(command, "rollback", app).out
    assert first in out
    site.wait_data("a", {"key": "1"})
    app.wait(held(app), "it is held")
    assert app.status["hold"]["revision"] == first
    assert app.status["hold"]["newest"] == second
    third = site.push_objects(config_map("a", {"key": "3"}))
    app.wait(lambda status: status["hold"]["newest"] == third, "it sees the branch")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "drifted"}})
    site.wait_data("a", {"key": "1"})
    stays(lambda: site.data("a") == {"key": "1"}, "it holds", seconds=2)
    ready = app.condition("Ready")
    assert ready
    assert (ready["status"], ready["reason"]) == ("True", "Held")
    for word in (f"held at {first[:7]}", f"HEAD is at {third[:7]}", "since"):
        assert word in ready["message"]
        assert word in steer(command, "status", app).out
    assert f"{first[:7]} (held)" in command("status", "-n", HOME).out
    assert command("diff", f"{HOME}/{app.name}").code == 0, "a sync would do nothing"
    assert [one["trigger"] for one in app.status["history"]] == ["rollback", "revision", "start"]
    steer(command, "resume", app)
    app.wait_ready(third)
    assert app.status.get("hold") is None
    assert app.condition("Ready")["reason"] == "Succeeded"  # type: ignore[index]
    assert app.status["history"][0]["trigger"] == "resume"
    assert site.data("a") == {"key": "3"}


def test_a_second_rollback_goes_further_back_and_a_named_one_anywhere(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.application()
    first, second, third = revisions(site, app, "1", "2", "3")
    steer(command, "rollback", app)
    app.wait_ready(second)
    steer(command, "rollback", app)
    app.wait_ready(first)
    steer(command, "rollback", app, third[:7])
    app.wait_ready(third)
    assert site.data("a") == {"key": "3"}
    ran = steer(command, "rollback", app, second, "-o", "json")
    assert ran.data["held"] == second


def test_a_hold_outlives_a_restart_and_a_lost_cache(
    controller: Controller, idle_controller: Controller, command: Command, site: Site
) -> None:
    app = site.application()
    first, _ = revisions(site, app, "1", "2")
    steer(command, "rollback", app)
    since = app.wait(held(app), "it is held")["hold"]["since"]
    app.wait_ready(first)
    idle_controller.kill()
    idle_controller.forget_cache()
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "drifted"}})
    newest = site.push_objects(config_map("a", {"key": "3"}))
    idle_controller.start()
    site.wait_data("a", {"key": "1"})
    hold = app.wait(lambda status: status["hold"].get("newest") == newest, "it sees the branch")["hold"]
    assert hold == {"revision": first, "since": since, "newest": newest}
    stays(lambda: site.data("a") == {"key": "1"}, "it holds", seconds=1)
    assert len(app.status["history"]) == 3, "a restart is no sync"


def test_a_rollback_to_a_commit_before_the_history_works_by_its_full_sha(
    controller: Controller, command: Command, site: Site
) -> None:
    old = site.push_objects(config_map("a", {"key": "old"}))
    site.push_objects(config_map("a", {"key": "new"}))
    app = site.application()
    app.wait_ready()
    short = command("rollback", app.name, old[:7], "-n", HOME)
    assert short.code == 2
    assert "full SHA" in short.err
    ran = steer(command, "rollback", app, old)
    assert "isn't in the history" in ran.err
    app.wait_ready(old)
    assert site.data("a") == {"key": "old"}


def test_a_hold_at_a_commit_that_does_not_exist_is_said_and_what_runs_is_healed(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.application()
    (first,) = revisions(site, app, "1")
    steer(command, "rollback", app, "f" * 40)
    message = app.wait_reason("RevisionNotFound")
    assert "gitops.dev/hold" in message
    assert "f" * 40 in message
    site.push_objects(config_map("a", {"key": "2"}))
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "drifted"}})
    site.wait_data("a", {"key": "1"})
    assert app.status["revision"]["applied"] == first
    assert [one["revision"] for one in app.status["history"]] == [first]
    steer(command, "resume", app)
    site.wait_data("a", {"key": "2"})
    app.wait_ready()


def test_a_hold_that_is_no_commit_holds_all_the_same(controller: Controller, site: Site) -> None:
    app = site.application()
    (first,) = revisions(site, app, "1")
    app.annotate(hold="yesterday")
    assert "'yesterday' is no full SHA" in app.wait_reason("RevisionNotFound")
    site.push_objects(config_map("a", {"key": "2"}))
    app.refresh()
    stays(lambda: site.data("a") == {"key": "1"}, "it holds", seconds=2)
    assert app.status["revision"]["applied"] == first
    app.annotate(hold="")
    site.wait_data("a", {"key": "2"})


def test_without_an_earlier_sync_there_is_nothing_to_go_back_to(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.application()
    revisions(site, app, "1")
    ran = command("rollback", app.name, "-n", HOME)
    assert ran.code == 2
    assert "no earlier sync" in ran.err


def test_one_that_is_held_waits_for_nobody(controller: Controller, command: Command, site: Site) -> None:
    app = site.application()
    first, _ = revisions(site, app, "1", "2")
    other = site.application("other", path="nowhere")
    other.wait_reason("PathNotFound")
    app.patch({"spec": {"dependsOn": [{"name": other.name}]}})
    steer(command, "rollback", app, first)
    app.wait_ready(first)
    assert site.data("a") == {"key": "1"}


def test_suspend_and_resume(controller: Controller, command: Command, site: Site) -> None:
    app = site.application()
    revisions(site, app, "1")
    assert steer(command, "suspend", app, "-o", "json").data["suspended"] is True
    app.wait_reason("Suspended", "Ready")
    assert "already" in steer(command, "suspend", app).out
    assert "suspended" in steer(command, "refresh", app).err
    refused = command("rollback", app.name, "1" * 40, "-n", HOME)
    assert refused.code == 5
    assert "resume it first" in refused.err
    sha = site.push_objects(deployment("d"), config_map("a", {"key": "2"}))
    stays(lambda: site.data("a") == {"key": "1"}, "nothing is synced", seconds=1)
    steer(command, "resume", app)
    app.wait_ready(sha)
    assert "neither" in steer(command, "resume", app).out


def test_refresh_asks_the_repository_now(controller: Controller, command: Command, site: Site) -> None:
    site.push_objects(config_map("a", {"key": "1"}))
    app = site.application(sync={"interval": "1h"})
    app.wait_ready()
    sha = site.push_objects(config_map("a", {"key": "2"}))
    steer(command, "refresh", app)
    app.wait_ready(sha)
    assert app.status["history"][0]["trigger"] == "manual"


def test_what_can_not_be_reached_or_is_not_there_has_its_exit_code(
    controller: Controller, command: Command, site: Site
) -> None:
    for verb in ("history", "rollback", "suspend", "resume", "refresh"):
        assert command(verb, "nowhere", "-n", HOME).code == 2
        broken = command(verb, "nowhere", "-n", HOME, "--kubeconfig", str(command.folder / "none"))
        assert broken.code in (2, 4)
