"""Hooks run once per revision and phase, and a failed one stops the sync and says why."""

from typing import Any

from tests.support.controller import Controller
from tests.support.manifests import annotated, config_map, job, thing, to_yaml
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for


def jobs(site: Site, base: str) -> list[dict[str, Any]]:
    found = site.cluster.list("batch/v1", "Job", site.namespace)
    return [one for one in found if one["metadata"]["name"].startswith(f"{base}-")]


def results(app: App) -> dict[str, str]:
    return {f"{one['phase']} {one['object']['name']}": one["state"] for one in app.status.get("hooks", [])}


def made_at(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["creationTimestamp"])


def test_hooks_run_before_between_and_after(controller: Controller, site: Site) -> None:
    app = site.synced(
        annotated(job("before"), hook="PreSync"),
        annotated(job("amid"), hook="Sync", wave="1"),
        annotated(job("after"), hook="PostSync"),
        config_map("first"),
        annotated(config_map("second"), wave="2"),
    )
    assert results(app) == {
        "PreSync before": "Succeeded",
        "Sync amid": "Succeeded",
        "PostSync after": "Succeeded",
    }
    (before,), (amid,), (after,) = jobs(site, "before"), jobs(site, "amid"), jobs(site, "after")
    assert before["status"]["completionTime"] <= made_at(site.get("ConfigMap", "first"))
    assert amid["status"]["completionTime"] <= made_at(site.get("ConfigMap", "second"))
    assert made_at(site.get("ConfigMap", "second")) <= made_at(after)
    assert "applyset.kubernetes.io/part-of" not in before["metadata"]["labels"]


def test_a_hook_runs_once_per_revision(controller: Controller, site: Site) -> None:
    hook = annotated(job("migrate"), hook="PreSync")
    app = site.synced(hook, config_map("a"))
    (first,) = jobs(site, "migrate")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "drift"}})
    site.wait_data("a", {"key": "value"})
    site.push({"elsewhere/README.md": "nothing to render"})
    app.refresh()
    controller.kill()
    controller.start()
    app.refresh()
    stays(
        lambda: [one["metadata"]["uid"] for one in jobs(site, "migrate")] == [first["metadata"]["uid"]],
        "it runs once",
        seconds=2,
    )
    app.wait_ready(site.push_objects(hook, config_map("a", {"key": "new"})))
    (second,) = jobs(site, "migrate")
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


def test_a_failed_hook_stops_the_sync_and_says_why_until_it_is_corrected(
    controller: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"))
    site.push_objects(
        annotated(job("migrate", "fail"), hook="PreSync"),
        annotated(job("alarm"), hook="SyncFail"),
        config_map("a", {"key": "new"}),
    )
    message = app.wait_reason("HookFailed")
    assert "the PreSync hook failed: container work: Error, exit code 1" in message
    app.wait(lambda status: results(app).get("SyncFail alarm") == "Succeeded", "the alarm has run")
    assert site.data("a") == {"key": "value"}
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "drift"}})
    site.wait_data("a", {"key": "value"})
    fixed = site.push_objects(annotated(job("migrate"), hook="PreSync"), config_map("a", {"key": "new"}))
    app.wait_ready(fixed)
    assert site.data("a") == {"key": "new"}


def test_a_failed_hook_is_tried_again_when_somebody_asks(controller: Controller, site: Site) -> None:
    gate = config_map("gate")
    site.push_objects(annotated(job("migrate", "fail"), hook="PreSync"), gate)
    app = site.application()
    app.wait_reason("HookFailed")
    (first,) = jobs(site, "migrate")
    app.refresh()
    wait_for(
        lambda: [one for one in jobs(site, "migrate") if one["metadata"]["uid"] != first["metadata"]["uid"]],
        "another attempt",
    )
    app.wait(
        lambda status: status["hooks"][0]["attempt"] == 2 and status["hooks"][0]["state"] == "Failed",
        "failed",
    )


def test_a_generated_name_leaves_one_object_behind(controller: Controller, site: Site) -> None:
    def hook(image: str) -> dict[str, Any]:
        made = annotated(job("x"), hook="PreSync")
        made["metadata"] = {"generateName": "schema-", "annotations": made["metadata"]["annotations"]}
        made["spec"]["template"]["spec"]["containers"][0]["image"] = image
        return made

    app = site.synced(hook("one:1"), hook("two:1"), config_map("a"))
    assert len(jobs(site, "schema")) == 2
    app.wait_ready(site.push_objects(hook("one:2"), hook("two:1"), config_map("a")))
    images = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in jobs(site, "schema")}
    assert images == {"one:2", "two:1"}


def test_what_a_policy_or_a_ttl_deletes_never_runs_again(controller: Controller, site: Site) -> None:
    app = site.synced(
        annotated(job("swept"), hook="PreSync", hook_delete="HookSucceeded"),
        annotated(job("short", ttlSecondsAfterFinished=0), hook="PreSync"),
        config_map("a"),
    )
    wait_for(lambda: not jobs(site, "swept") and not jobs(site, "short"), "both are gone")
    assert set(results(app).values()) == {"Succeeded"}
    controller.kill()
    controller.start()
    app.refresh()
    stays(lambda: not jobs(site, "swept") and not jobs(site, "short"), "they stay away", seconds=2)
    assert app.wait_ready()


def test_a_crash_while_a_hook_runs_does_not_run_it_twice(controller: Controller, site: Site) -> None:
    site.push_objects(annotated(job("migrate", "slow"), hook="PreSync"), config_map("a"))
    app = site.application()
    (first,) = wait_for(lambda: jobs(site, "migrate"), "the hook runs")
    controller.kill()
    controller.start()
    app.wait_ready()
    assert [one["metadata"]["uid"] for one in jobs(site, "migrate")] == [first["metadata"]["uid"]]


def test_a_newer_revision_takes_the_place_of_a_hook_that_hangs(controller: Controller, site: Site) -> None:
    site.push_objects(annotated(job("migrate", "not-ready"), hook="PreSync"), config_map("a"))
    app = site.application(sync={"progressDeadline": "3s"})
    message = app.wait_reason("ProgressDeadlineExceeded")
    assert "PreSync hook Job" in message
    assert site.find("ConfigMap", "a") is None
    app.wait_ready(site.push_objects(annotated(job("migrate"), hook="PreSync"), config_map("a")))
    assert len(jobs(site, "migrate")) == 1


def test_a_name_that_somebody_else_uses_is_left_alone(controller: Controller, site: Site) -> None:
    mine = thing("v1", "ConfigMap", "settings", site.namespace, data={"key": "mine"})
    site.cluster.create(mine)
    site.push_objects(annotated(config_map("settings"), hook="PreSync"), config_map("a"))
    app = site.application()
    assert "is not ours" in app.wait_reason("OwnedByAnother")
    assert site.data("settings") == {"key": "mine"}
    assert site.find("ConfigMap", "a") is None


def test_hooks_of_a_chart_run_by_weight_and_occasion(controller: Controller, site: Site) -> None:
    def hook(obj: dict[str, Any], events: str, weight: int = 0) -> dict[str, Any]:
        annotations = {"helm.sh/hook": events, "helm.sh/hook-weight": str(weight)}
        return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}

    def chart(data: str) -> dict[str, str]:
        account = thing("v1", "ServiceAccount", "migrator")
        work = job("migrate")
        work["spec"]["template"]["spec"]["serviceAccountName"] = "migrator"
        return {
            "app/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
            "app/templates/all.yaml": to_yaml(
                hook(account, "pre-install,pre-upgrade", -5),
                hook(work, "pre-install,pre-upgrade", 1),
                hook(job("first-only"), "post-install"),
                hook(job("later-only"), "post-upgrade"),
                hook(job("checks"), "test"),
                config_map("a", {"key": data}),
            ),
        }

    sha = site.push(chart("one"))
    app = site.application()
    app.wait_ready(sha)
    assert results(app) == {
        "PreSync migrator": "Succeeded",
        "PreSync migrate": "Succeeded",
        "PostSync first-only": "Succeeded",
    }
    app.wait_ready(site.push(chart("two")))
    assert results(app) == {
        "PreSync migrator": "Succeeded",
        "PreSync migrate": "Succeeded",
        "PostSync later-only": "Succeeded",
    }
    assert not jobs(site, "checks")


def test_an_application_says_farewell_before_and_after_its_objects_go(
    controller: Controller, site: Site
) -> None:
    app = site.synced(
        annotated(job("backup"), hook="PreDelete"),
        annotated(job("notify"), hook="PostDelete"),
        config_map("a"),
    )
    assert not results(app)
    controller.kill()
    controller.start()
    app.delete()
    (backup,) = wait_for(lambda: jobs(site, "backup"), "the hook before runs")
    assert site.find("ConfigMap", "a") is not None
    wait_for(lambda: jobs(site, "notify"), "the hook after runs")
    assert site.find("ConfigMap", "a") is None
    app.wait_gone()
    wait_for(lambda: not jobs(site, "backup") and not jobs(site, "notify"), "nothing of the hooks is left")
    assert backup["metadata"]["labels"]["gitops.dev/hook-of"].startswith("applyset-")


def test_a_failed_hook_before_the_end_keeps_everything(controller: Controller, site: Site) -> None:
    app = site.synced(annotated(job("backup", "fail"), hook="PreDelete"), config_map("a"))
    app.delete()
    app.wait_reason("HookFailed")
    assert site.find("ConfigMap", "a") is not None
    app.patch({"spec": {"deletionPolicy": "Orphan"}})
    app.wait_gone()
    assert site.find("ConfigMap", "a") is not None
