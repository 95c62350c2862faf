"""Drift: what somebody changes by hand comes back at once, and what isn't in Git is nobody's business."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import JSON_PATCH, STRATEGIC, Obj
from tests.support.controller import Controller
from tests.support.manifests import config_map, deployment, secret, service
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for

DEPLOYMENT = ("Deployment", "d", "apps/v1")


def healed(
    site: Site, kind: str, name: str, api: str, look: Callable[[Obj], object], expected: object
) -> None:
    wait_for(
        lambda: look(site.get(kind, name, api)) == expected,
        f"{kind} {name} is as Git says",
        state=lambda: look(site.get(kind, name, api)),
    )


def container(obj: Obj) -> Obj:
    found: Obj = obj["spec"]["template"]["spec"]["containers"][0]
    return found


def event_of(app: App, *words: str) -> str:
    """The message of a DriftHealed Event with these words."""

    def look() -> str | None:
        messages = [str(event["message"]) for event in app.events("DriftHealed")]
        return next((one for one in messages if all(word in one for word in words)), None)

    return wait_for(
        look, f"an Event with {words}", state=lambda: [e["message"] for e in app.events("DriftHealed")]
    )


def test_a_value_edited_with_kubectl_comes_back_and_the_event_says_who(
    controller: Controller, site: Site, tmp_path: Path
) -> None:
    app = site.synced(deployment("d"))
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/web:1/edited:2/' \"$1\"\n")
    editor.chmod(0o700)
    control_plane = site.cluster.control_plane
    subprocess.run(
        [control_plane.binaries["kubectl"], "edit", "deployment", "d", f"--namespace={site.namespace}"],
        env={**os.environ, "KUBECONFIG": str(control_plane.kubeconfig), "KUBE_EDITOR": str(editor)},
        check=True,
        capture_output=True,
    )
    healed(site, *DEPLOYMENT, lambda one: container(one)["image"], "web:1")
    event_of(app, "Deployment.apps", "/spec/template/spec/containers[name=web]/image", "kubectl-edit")
    labels = {"name": app.name, "kind": "Deployment", "manager": "kubectl"}
    assert controller.metric("gitops_drift_corrected_total", **labels) == 1
    assert controller.metric("gitops_drift_detected_total", **labels) == 1
    app.wait_ready()


def test_scaling_by_hand_is_undone(controller: Controller, site: Site) -> None:
    site.synced(deployment("d", replicas=0))
    site.cluster.kubectl("scale", "deployment/d", "--replicas=2", f"--namespace={site.namespace}")
    healed(site, *DEPLOYMENT, lambda one: one["spec"]["replicas"], 0)


def test_a_deleted_object_is_made_again(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), deployment("d"))
    before = site.get("ConfigMap", "a")["metadata"]["uid"]
    site.cluster.delete(site.get("ConfigMap", "a"))
    wait_for(lambda: site.data("a") == {"key": "value"}, "it is there again")
    assert site.get("ConfigMap", "a")["metadata"]["uid"] != before
    event_of(app, "ConfigMap", "deleted")
    site.cluster.delete(site.get(*DEPLOYMENT))
    wait_for(lambda: site.find(*DEPLOYMENT), "it is there again")
    app.wait_ready()


CHANGES: dict[str, tuple[Any, str]] = {
    "a removed field": ([{"op": "remove", "path": "/spec/template/spec/containers/0/args"}], JSON_PATCH),
    "an added argument of an atomic list": (
        [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "c"}],
        JSON_PATCH,
    ),
    "a reordered atomic list": (
        [{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": ["b", "a"]}],
        JSON_PATCH,
    ),
    "a removed item of a keyed list": (
        [{"op": "remove", "path": "/spec/template/spec/containers/0/env/1"}],
        JSON_PATCH,
    ),
    "a changed item of a keyed list": (
        [{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "x"}],
        JSON_PATCH,
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_it_comes_back(controller: Controller, site: Site, case: str) -> None:
    change, how = CHANGES[case]
    app = site.synced(deployment("d"))
    expected = {name: container(site.get(*DEPLOYMENT))[name] for name in ("args", "env")}
    site.cluster.patch(site.get(*DEPLOYMENT), change, how=how)
    healed(
        site,
        *DEPLOYMENT,
        lambda one: {name: container(one).get(name) for name in ("args", "env")},
        expected,
    )
    event_of(app, "Deployment.apps")
    app.wait_ready()


def test_a_value_that_became_a_reference_comes_back(controller: Controller, site: Site) -> None:
    """Ours beside theirs is invalid, so a forced apply alone is refused: their manager is taken over."""
    site.synced(deployment("d"))
    reference = {"name": "ONE", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}
    path = "/spec/template/spec/containers/0/env/0"
    change = [{"op": "replace", "path": path, "value": reference}]
    site.cluster.patch(site.get(*DEPLOYMENT), change, how=JSON_PATCH)
    wait_for(
        lambda: container(site.get(*DEPLOYMENT))["env"][0] == {"name": "ONE", "value": "1"},
        "the value is back",
        timeout=8,
    )


def test_a_removed_port_of_a_service_comes_back(controller: Controller, site: Site) -> None:
    site.synced(service("s", 80, 81))
    site.cluster.patch(site.get("Service", "s"), [{"op": "remove", "path": "/spec/ports/0"}], how=JSON_PATCH)
    healed(
        site,
        "Service",
        "s",
        "v1",
        lambda one: sorted(port["port"] for port in one["spec"]["ports"]),
        [80, 81],
    )


def test_an_edited_secret_comes_back_and_nobody_prints_it(controller: Controller, site: Site) -> None:
    app = site.synced(secret("s", {"password": "right-and-secret"}))
    site.cluster.patch(site.get("Secret", "s"), {"stringData": {"password": "edited-and-secret"}})
    healed(site, "Secret", "s", "v1", lambda one: one["data"], {"password": "cmlnaHQtYW5kLXNlY3JldA=="})
    message = event_of(app, "Secret", "/data/password")
    assert "and-secret" not in message


def test_a_value_changed_and_changed_back_is_watched_again(controller: Controller, site: Site) -> None:
    """The second edit would go unseen, had the ownership not been won back after the first two."""
    app = site.synced(config_map("a"))
    live = site.get("ConfigMap", "a")
    app.patch({"spec": {"suspend": True}})
    app.wait_reason("Suspended", "Ready")
    site.cluster.patch(live, {"data": {"key": "B"}})
    site.cluster.patch(live, {"data": {"key": "value"}})
    app.patch({"spec": {"suspend": False}})
    manager = f"gitops.dev/{app.namespace}/{app.name}"

    def is_owned() -> bool:
        entries = site.get("ConfigMap", "a")["metadata"]["managedFields"]
        return any(e["manager"] == manager and "f:key" in e["fieldsV1"].get("f:data", {}) for e in entries)

    wait_for(is_owned, "the field is ours again")
    site.cluster.patch(live, {"data": {"key": "B"}})
    site.wait_data("a", {"key": "value"})


def test_what_others_add_is_left_alone(controller: Controller, site: Site) -> None:
    app = site.synced(deployment("d"), config_map("a"))
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "mesh", "image": "mesh:1"}]}}}}
    site.cluster.patch(site.get(*DEPLOYMENT), sidecar, manager="injector", how=STRATEGIC)
    site.cluster.patch(
        site.get("ConfigMap", "a"),
        {"metadata": {"labels": {"team": "red"}}, "data": {"more": "theirs"}},
        manager="injector",
    )
    app.refresh()

    def is_kept() -> bool:
        names = {one["name"] for one in site.get(*DEPLOYMENT)["spec"]["template"]["spec"]["containers"]}
        found = site.get("ConfigMap", "a")
        return (
            names == {"web", "mesh"}
            and found["metadata"]["labels"]["team"] == "red"
            and found["data"] == {"key": "value", "more": "theirs"}
        )

    stays(is_kept, "additions stay", seconds=2)
    app.wait_ready()
    assert app.events("DriftHealed") == []
    sha = site.push_objects(deployment("d", "web:2"), config_map("a", {"key": "2"}))
    app.wait_ready(sha)
    names = {one["name"] for one in site.get(*DEPLOYMENT)["spec"]["template"]["spec"]["containers"]}
    assert names == {"web", "mesh"}
    assert site.data("a") == {"key": "2", "more": "theirs"}


def test_a_reordered_list_is_noticed(controller: Controller, site: Site) -> None:
    """Field tracking doesn't see it; the generation moves, which earns a dry run."""
    site.synced(deployment("d"))
    live = site.get(*DEPLOYMENT)
    env = live["spec"]["template"]["spec"]["containers"][0]["env"]
    change = [{"op": "replace", "path": "/spec/template/spec/containers/0/env", "value": list(reversed(env))}]
    site.cluster.patch(live, change, how=JSON_PATCH)
    healed(site, *DEPLOYMENT, lambda one: container(one)["env"], env)


def test_ten_edits_in_a_row_end_with_what_git_says(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    live = site.get("ConfigMap", "a")
    for number in range(10):
        site.cluster.patch(live, {"data": {"key": str(number)}})
    site.wait_data("a", {"key": "value"})
    app.wait_ready()
    stays(lambda: site.data("a") == {"key": "value"}, "it stays so", seconds=1)


def passes(controller: Controller) -> float:
    return controller.metric("gitops_reconcile_seconds_count")


def counted(controller: Controller) -> dict[tuple[str, str, str], float]:
    """Requests but those for Events and leases, which nobody waits for."""
    return {key: count for key, count in controller.requests().items() if key[1] not in ("events", "leases")}


def test_a_pass_with_nothing_to_do_sends_no_request(controller: Controller, site: Site) -> None:
    app = site.synced(*[config_map(f"c{i}") for i in range(30)], deployment("d"), service("s"))
    settled(controller)
    before, count = counted(controller), passes(controller)
    app.patch({"metadata": {"annotations": {"example.com/note": "hello"}}})
    wait_for(lambda: passes(controller) > count, "a pass over it")
    app.refresh()
    wait_for(lambda: passes(controller) > count + 1, "another pass over it")
    assert counted(controller) == before


def settled(controller: Controller) -> None:
    """Wait until no pass is under way: none ended within a second."""
    last, since = -1.0, 0

    def quiet() -> bool:
        nonlocal last, since
        now = controller.metric("gitops_reconcile_seconds_count")
        since = since + 1 if now == last else 0
        last = now
        return since >= 10

    wait_for(quiet, "the controller is quiet")


def test_one_edit_of_many_costs_three_requests(controller: Controller, site: Site) -> None:
    app = site.synced(*[config_map(f"c{i}") for i in range(30)])
    settled(controller)
    before = counted(controller)
    site.cluster.patch(site.get("ConfigMap", "c7"), {"data": {"key": "edited"}})
    site.wait_data("c7", {"key": "value"})
    settled(controller)
    after = counted(controller)
    sent = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    objects = sum(count for (_, resource, _), count in sent.items() if resource == "configmaps")
    assert objects <= 3, json.dumps({str(key): count for key, count in sent.items()})
    app.wait_ready()
