"""Fields of others: an ignored path is set once and then left alone, whatever happens in between."""

import os
import subprocess
import time

from tests.support.cluster import MERGE, Obj, path_of
from tests.support.controller import COMMAND, Controller
from tests.support.manifests import annotated, config_map, deployment, service, thing
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for

DEPLOYMENT = ("Deployment", "d", "apps/v1")
REPLICAS = [{"group": "apps", "kind": "Deployment", "paths": ["/spec/replicas"]}]
IMAGE = "/spec/template/spec/containers[name=web]/image"
AUTOSCALER = "kube-controller-manager"


def scale(site: Site, replicas: int, manager: str, name: str = "d") -> None:
    """As an autoscaler does it."""
    path = path_of(site.get("Deployment", name, "apps/v1")) + "/scale"
    status, answer = site.cluster.request(
        "PATCH", path, {"spec": {"replicas": replicas}}, content_type=MERGE, manager=manager
    )
    assert status == 200, answer


def replicas(site: Site, name: str = "d") -> int:
    found: int = site.get("Deployment", name, "apps/v1")["spec"]["replicas"]
    return found


def our_fields(obj: Obj, app: App) -> Obj:
    """What the Application owns of an object."""
    manager = f"gitops.dev/{app.namespace}/{app.name}"
    for entry in obj["metadata"]["managedFields"]:
        if entry["manager"] == manager and entry["operation"] == "Apply":
            found: Obj = entry["fieldsV1"]
            return found
    raise AssertionError(f"{manager} owns nothing of {obj['metadata']['managedFields']}")


def owns_replicas(site: Site, app: App) -> bool:
    return "f:replicas" in our_fields(site.get(*DEPLOYMENT), app)["f:spec"]


def edit_image(site: Site, image: str) -> None:
    change = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}
    site.cluster.patch(site.get(*DEPLOYMENT), change, how="application/strategic-merge-patch+json")


def container(site: Site, name: str = "web") -> Obj:
    containers = site.get(*DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    found: Obj = next(one for one in containers if one["name"] == name)
    return found


def diff(site: Site, app: App) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "diff", f"{app.namespace}/{app.name}"],
        env={**os.environ, "KUBECONFIG": str(site.cluster.control_plane.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ignored_replicas_are_set_once_and_then_stay_as_they_are_scaled(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d", replicas=2), config_map("a"), ignore=REPLICAS)
    assert replicas(site) == 2
    assert not owns_replicas(site, app)
    scale(site, 5, AUTOSCALER)
    edit_image(site, "edited:1")
    wait_for(lambda: container(site)["image"] == "web:1", "the rest is healed")
    assert replicas(site) == 5
    app.wait_ready(site.push_objects(deployment("d", "web:2", replicas=2), config_map("a")))
    assert (replicas(site), container(site)["image"]) == (5, "web:2")
    site.cluster.kubectl("scale", "deployment/d", "--replicas=3", f"--namespace={site.namespace}")
    edit_image(site, "edited:2")
    wait_for(lambda: container(site)["image"] == "web:2", "the rest is healed")
    assert replicas(site) == 3
    controller.kill()
    controller.start()
    app.wait_ready(site.push_objects(deployment("d", "web:3", replicas=2), config_map("a")))
    assert (replicas(site), container(site)["image"]) == (3, "web:3")
    assert diff(site, app).returncode == 0


def test_a_rule_that_is_added_later_changes_nothing_and_one_that_is_removed_applies_git_again(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d", replicas=2))
    assert owns_replicas(site, app)
    app.patch({"spec": {"ignore": REPLICAS}})
    wait_for(lambda: not owns_replicas(site, app), "we let go of it")
    app.wait_ready()
    assert replicas(site) == 2  # left out while we owned it, it would have become 1
    scale(site, 4, AUTOSCALER)
    edit_image(site, "edited:1")
    wait_for(lambda: container(site)["image"] == "web:1", "the rest is healed")
    assert replicas(site) == 4
    site.cluster.kubectl("scale", "deployment/d", "--replicas=3", f"--namespace={site.namespace}")
    app.patch({"spec": {"ignore": None}})
    wait_for(lambda: replicas(site) == 2, "it is as Git says")
    app.wait_ready()
    assert owns_replicas(site, app)


def test_a_preview_of_a_rule_that_is_not_followed_yet_shows_no_deletion(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d", replicas=2))
    controller.stop()
    app.patch({"spec": {"ignore": REPLICAS}})
    shown = diff(site, app).stdout
    assert "replicas" not in shown
    assert replicas(site) == 2
    assert owns_replicas(site, app)
    controller.start()
    app.wait_ready()
    assert replicas(site) == 2


def test_two_rules_on_items_of_lists(controller: Controller, site: Site) -> None:
    rule = {"group": "apps", "kind": "Deployment"}
    ignore = [
        {**rule, "name": "d", "paths": [IMAGE]},
        {**rule, "paths": ["/spec/template/spec/containers[name=web]/env[name=TWO]"]},
    ]
    app = site.synced(deployment("d"), ignore=ignore)
    assert container(site)["env"] == [{"name": "ONE", "value": "1"}, {"name": "TWO", "value": "2"}]
    env = [{"name": "ONE", "value": "x"}, {"name": "TWO", "value": "y"}]
    change = {
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "by-ci:9", "env": env}]}}}
    }
    site.cluster.patch(
        site.get(*DEPLOYMENT), change, manager="ci", how="application/strategic-merge-patch+json"
    )
    wait_for(lambda: container(site)["env"][0]["value"] == "1", "what isn't ignored is healed")
    assert container(site)["image"] == "by-ci:9"
    assert container(site)["env"][1]["value"] == "y"
    app.wait_ready()


def test_an_item_selected_by_a_field_that_is_not_its_key(controller: Controller, site: Site) -> None:
    ignore = [{"kind": "Service", "paths": ["/spec/ports[name=p80]/targetPort"]}]
    web = service("web", 80, 81)
    for port in web["spec"]["ports"]:
        port["targetPort"] = 8000
    app = site.synced(web, ignore=ignore)
    ports = [{"port": 80, "targetPort": 1}, {"port": 81, "targetPort": 2}]
    site.cluster.patch(
        site.get("Service", "web"),
        {"spec": {"ports": ports}},
        how="application/strategic-merge-patch+json",
    )
    wait_for(
        lambda: [one["targetPort"] for one in site.get("Service", "web")["spec"]["ports"]] == [1, 8000],
        "only the other one is healed",
        state=lambda: site.get("Service", "web")["spec"]["ports"],
    )
    app.wait_ready()


def test_a_change_of_an_ignored_path_in_git_is_no_change(controller: Controller, site: Site) -> None:
    app = site.synced(deployment("d", replicas=2), ignore=REPLICAS)
    before = site.get(*DEPLOYMENT)["metadata"]["resourceVersion"]
    app.wait_ready(site.push_objects(deployment("d", replicas=7)))
    assert site.get(*DEPLOYMENT)["metadata"]["resourceVersion"] == before
    site.cluster.delete(site.get(*DEPLOYMENT))
    wait_for(lambda: site.find(*DEPLOYMENT), "it is there again")
    wait_for(lambda: replicas(site) == 7, "a new one is made as Git says now")
    app.wait_ready()


def test_a_reconcile_with_nothing_to_do_sends_no_request_for_ignored_fields_either(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d", replicas=0), ignore=REPLICAS)
    scale(site, 1, AUTOSCALER)
    wait_for(lambda: site.get(*DEPLOYMENT)["status"].get("availableReplicas") == 1, "it is scaled")
    app.wait_ready()

    def requests() -> dict[tuple[str, str, str], float]:
        return {
            key: value for key, value in controller.requests().items() if key[1] in ("deployments", "scale")
        }

    before: dict[tuple[str, str, str], float] = {}
    while (now := requests()) != before:
        before = now
        time.sleep(1)
    app.refresh()
    stays(lambda: requests() == before, "no request is sent", seconds=2)


def test_fields_of_a_manager_are_left_to_it(controller: Controller, site: Site) -> None:
    app = site.synced(
        config_map("a", {"ours": "1", "theirs": "1"}),
        ignore=[{"kind": "ConfigMap", "managers": ["operator"]}],
    )
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"theirs": "2"}}, manager="operator")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"ours": "2"}}, manager="kubectl-edit")
    site.wait_data("a", {"ours": "1", "theirs": "2"})
    app.wait_ready(site.push_objects(config_map("a", {"ours": "3", "theirs": "3"})))
    assert site.data("a") == {"ours": "3", "theirs": "2"}
    app.patch({"spec": {"ignore": None}})
    site.wait_data("a", {"ours": "3", "theirs": "3"})
    app.wait_ready()


def test_a_part_of_what_has_one_owner_is_refused_and_stays(controller: Controller, site: Site) -> None:
    selector = {"selector": {"a": "1"}, "ports": [{"port": 80}]}
    web = thing("v1", "Service", "web", spec=selector)
    site.push_objects(web)
    app = site.application(ignore=[{"kind": "Service", "paths": ["/spec/selector/a"]}])
    app.wait_reason("IgnoreImpossible")
    before = site.get("Service", "web")["spec"]["selector"]
    site.push_objects(thing("v1", "Service", "web", spec={**selector, "selector": {"a": "2", "b": "2"}}))
    app.wait(lambda status: "ignore /spec/selector" in str(status["problems"]), "what to do is said")
    stays(lambda: site.get("Service", "web")["spec"]["selector"] == before, "it stays", seconds=1)


def test_an_adopted_object_keeps_what_is_ignored(controller: Controller, site: Site) -> None:
    mine = deployment("d", "old:1", replicas=3)
    mine["metadata"]["namespace"] = site.namespace
    site.cluster.apply(mine, manager="kubectl")
    wanted = deployment("d", "web:1")
    del wanted["spec"]["replicas"]
    app = site.synced(wanted, ignore=REPLICAS)
    assert container(site)["image"] == "web:1"
    assert replicas(site) == 3
    assert not owns_replicas(site, app)


def autoscaler(name: str = "h", target: str = "d", least: int = 1) -> Obj:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    spec = {"scaleTargetRef": reference, "minReplicas": least, "maxReplicas": 5}
    made = thing("autoscaling/v2", "HorizontalPodAutoscaler", name, spec=spec)
    return annotated(made, ignore_health="true")  # there are no metrics to scale by


def test_replicas_under_an_autoscaler_of_the_same_application_are_left_to_it(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d", replicas=2))
    # The classic accident: replicas leave Git in the commit that brings the autoscaler.
    without = deployment("d")
    del without["spec"]["replicas"]
    app.wait_ready(site.push_objects(without, autoscaler()))
    assert replicas(site) == 2
    scale(site, 4, AUTOSCALER)
    edit_image(site, "edited:1")
    wait_for(lambda: container(site)["image"] == "web:1", "the rest is healed")
    assert replicas(site) == 4
    app.wait_ready(site.push_objects(deployment("d", replicas=3), autoscaler()))
    assert replicas(site) == 4
    note = app.wait(lambda status: status.get("notes"), "a note")["notes"][0]
    assert f"its replicas are left to HorizontalPodAutoscaler {site.namespace}/h" in note
    assert "its replicas are left to" in diff(site, app).stdout
    app.wait_ready(site.push_objects(deployment("d", replicas=3)))
    wait_for(lambda: replicas(site) == 3, "without it Git decides again", state=lambda: replicas(site))
    app.wait_ready()
    assert not app.status.get("notes")


def test_replicas_under_an_autoscaler_that_is_not_in_git_are_left_to_it(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d", replicas=1))
    outside = autoscaler(least=2)
    outside["metadata"]["namespace"] = site.namespace
    site.cluster.create(outside)
    wait_for(lambda: replicas(site) == 2, "it is scaled", timeout=60)
    app.wait(lambda status: status.get("notes"), "a note")
    app.wait_ready(site.push_objects(deployment("d", "web:2", replicas=1)))
    assert replicas(site) == 2
    # A person is no autoscaler.
    site.cluster.kubectl("scale", "deployment/d", "--replicas=0", f"--namespace={site.namespace}")
    wait_for(lambda: replicas(site) == 1, "it is healed", state=lambda: replicas(site))


def test_what_an_autoscaler_that_is_gone_had_set_is_corrected(controller: Controller, site: Site) -> None:
    app = site.synced(deployment("d", replicas=1))
    scale(site, 3, AUTOSCALER)  # no such autoscaler exists
    wait_for(lambda: replicas(site) == 1, "it is healed", state=lambda: replicas(site))
    scale(site, 3, "keda-operator")
    app.wait(lambda status: "keda-operator" in str(status.get("notes")), "it is left to it")
    stays(lambda: replicas(site) == 3, "it stays", seconds=1)


def test_what_is_ignored_is_not_taken_over_from_whoever_owns_it_too(
    controller: Controller, site: Site
) -> None:
    app = site.synced(deployment("d", replicas=3))
    theirs = thing("apps/v1", "Deployment", "d", site.namespace, spec={"replicas": 3})
    site.cluster.apply(theirs, manager="kubectl")
    app.patch({"spec": {"ignore": REPLICAS}})
    wait_for(lambda: not owns_replicas(site, app), "we let go of it")
    app.wait_ready(site.push_objects(deployment("d", "web:2", replicas=3)))
    assert (replicas(site), container(site)["image"]) == (3, "web:2")
