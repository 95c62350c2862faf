"""Syncs that go wrong half-way: each blocker is named, nothing else suffers, and the way out works."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.integration.controller.test_refused_objects import policy, refused_by_now
from tests.support.controller import Controller
from tests.support.manifests import annotated, config_map, crd, deployment, job, running, thing
from tests.support.site import Site
from tests.support.wait import stays, wait_for

VALUES = {"key": "new"}


def test_one_object_of_a_wave_that_is_refused_fails_alone_and_holds_the_next_wave(
    controller: Controller, site: Site
) -> None:
    made = [site.cluster.create(one) for one in policy(site)]
    try:
        refused_by_now(site)
        late = annotated(config_map("next"), wave="1")
        site.push_objects(config_map("forbidden"), config_map("beside"), late)
        app = site.application()
        assert site.name in app.wait_reason("AdmissionDenied")
        site.wait_data("beside", {"key": "value"})
        stays(lambda: site.find("ConfigMap", "next") is None, "the next wave waits", seconds=1)
        app.wait_ready(site.push_objects(config_map("beside"), late))
    finally:
        for one in reversed(made):
            site.cluster.delete(one)


def test_a_definition_that_is_never_established_holds_up_its_own_resources_only(
    controller: Controller, site: Site
) -> None:
    group = f"{site.name}.example.com"
    taken = crd("Widget", group)
    site.cluster.create(taken)
    wait_for(
        lambda: any(
            one["type"] == "Established" and one["status"] == "True"
            for one in site.cluster.get(
                "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"widgets.{group}"
            )
            .get("status", {})
            .get("conditions")
            or []
        ),
        "the first definition is established",
    )
    rival = crd("Gadget", group)
    rival["spec"]["names"]["shortNames"] = ["widgets"]  # the plural of the other: not accepted
    site.push_objects(rival, thing(f"{group}/v1", "Gadget", "one"), config_map("a"))
    app = site.application(sync={"progressDeadline": "3s"})
    site.wait_data("a", {"key": "value"})
    app.wait(lambda status: "names are not accepted" in str(status), "it says what is wrong")
    # The API server doesn't look at the names again for minutes, so that only a commit without it helps.
    app.wait_ready(site.push_objects(config_map("a", VALUES)))
    site.cluster.delete(rival)
    site.cluster.delete(taken)


def test_an_object_at_another_version_of_its_kind_stays_the_same_object(
    controller: Controller, site: Site
) -> None:
    def scaler(version: str, limit: int) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": limit,
        }
        return thing(f"autoscaling/{version}", "HorizontalPodAutoscaler", "web", spec=spec)

    def ignored(obj: dict[str, Any]) -> dict[str, Any]:
        return annotated(obj, ignore_health="true")

    app = site.synced(ignored(scaler("v1", 2)), deployment("web"))
    uid = site.get("HorizontalPodAutoscaler", "web", "autoscaling/v2")["metadata"]["uid"]
    app.wait_ready(site.push_objects(ignored(scaler("v2", 3)), deployment("web")))
    live = site.get("HorizontalPodAutoscaler", "web", "autoscaling/v2")
    assert (live["metadata"]["uid"], live["spec"]["maxReplicas"]) == (uid, 3)
    app.wait_ready(site.push_objects(ignored(scaler("v1", 4)), deployment("web")))
    live = site.get("HorizontalPodAutoscaler", "web", "autoscaling/v2")
    assert (live["metadata"]["uid"], live["spec"]["maxReplicas"]) == (uid, 4)


def test_objects_that_vanish_all_the_time_are_there_in_the_end(controller: Controller, site: Site) -> None:
    objects = [config_map(f"m{number}") for number in range(30)]
    stop = threading.Event()

    def delete() -> None:
        while not stop.is_set():
            for number in range(0, 30, 3):
                found = site.find("ConfigMap", f"m{number}")
                if found:
                    site.cluster.delete(found)

    rival = threading.Thread(target=delete)
    rival.start()
    try:
        app = site.application()
        for value in range(3):
            sha = site.push_objects(*[{**one, "data": {"key": str(value)}} for one in objects])
            app.wait(
                lambda status, sha=sha: (status.get("revision") or {}).get("attempted") == sha, "it is tried"
            )
    finally:
        stop.set()
        rival.join()
    app.wait_ready(sha, timeout=120)  # it was a fight: what was lost in it is made again after a pause
    assert all(site.data(f"m{number}") == {"key": "2"} for number in range(30))


def _tries(sha: str) -> Callable[[dict[str, Any]], bool]:
    return lambda status: (status.get("revision") or {}).get("attempted") == sha


def test_a_namespace_that_is_being_deleted_is_named_and_its_successor_filled(
    controller: Controller, site: Site
) -> None:
    inner = site.new_namespace("inner")
    held = thing("v1", "ConfigMap", "held", inner, metadata={"finalizers": ["example.com/hold"]})
    site.cluster.create(held)
    site.cluster.delete(thing("v1", "Namespace", inner))
    placed = config_map("placed", metadata={"namespace": inner})
    site.push_objects(placed, config_map("a"))
    app = site.application()
    app.wait(lambda status: "NamespaceTerminating" in str(status.get("problems")), "the namespace is named")
    site.wait_data("a", {"key": "value"})
    site.cluster.patch(site.cluster.get("v1", "ConfigMap", inner, "held"), {"metadata": {"finalizers": None}})
    wait_for(lambda: site.cluster.find("v1", "Namespace", "", inner) is None, "the namespace is gone")
    site.cluster.create(thing("v1", "Namespace", inner))
    app.refresh()
    app.wait_ready(timeout=60)
    assert site.cluster.get("v1", "ConfigMap", inner, "placed")["data"] == {"key": "value"}


def test_a_group_whose_backend_is_down_stops_nothing_else_and_loses_nothing(
    controller: Controller, site: Site
) -> None:
    group = f"{site.name}.example.com"
    down = thing(
        "apiregistration.k8s.io/v1",
        "APIService",
        f"v1.{group}",
        spec={
            "group": group,
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"namespace": site.namespace, "name": "nobody"},
        },
    )
    app = site.synced(config_map("a"))
    site.cluster.create(down)
    try:
        sha = site.push_objects(thing(f"{group}/v1", "Widget", "one"), config_map("a", VALUES))
        site.wait_data("a", VALUES)
        app.wait(lambda status: f"{group}/v1" in str(status.get("problems")), "the group is named")
        assert (app.status["revision"] or {}).get("applied") != sha
        app.wait_ready(site.push_objects(config_map("a", {"key": "newest"})))
    finally:
        site.cluster.delete(down)


@pytest.mark.parametrize(
    "amid",
    [
        pytest.param("PreSync", id="while a hook before it runs"),
        pytest.param("wave", id="while a wave waits"),
        pytest.param("Sync", id="while a hook amid it runs"),
        pytest.param("prune", id="while a deletion waits"),
        pytest.param("PostSync", id="while a hook after it runs"),
    ],
)
def test_a_revision_that_arrives_amid_a_sync_takes_its_place(
    controller: Controller, site: Site, amid: str
) -> None:
    held = config_map("held", metadata={"finalizers": ["example.com/hold"]})
    app = site.synced(held, config_map("a"))
    stuck: dict[str, list[dict[str, Any]]] = {
        "wave": [running("web", "not-ready"), annotated(config_map("late"), wave="1")],
        "prune": [annotated(job("after"), hook="PostSync")],
    }
    objects = stuck.get(amid, [annotated(job("hangs", "not-ready"), hook=amid)])
    keep = [] if amid == "prune" else [held]
    site.push_objects(config_map("a", VALUES), *objects, *keep)
    reached: dict[str, Callable[[], Any]] = {
        "wave": lambda: site.find("Deployment", "web", "apps/v1"),
        "prune": lambda: site.get("ConfigMap", "held")["metadata"].get("deletionTimestamp"),
    }
    hook_runs = lambda: any(one["state"] == "Running" for one in app.status.get("hooks", []))  # noqa: E731
    wait_for(reached.get(amid, hook_runs), "the sync is there")
    if amid == "prune":
        stays(
            lambda: not site.cluster.list("batch/v1", "Job", site.namespace),
            "the hook after waits",
            seconds=1,
        )
        site.cluster.patch(site.get("ConfigMap", "held"), {"metadata": {"finalizers": None}})
    sha = site.push_objects(config_map("a", {"key": "newest"}), config_map("held"))
    app.wait_ready(sha)
    assert site.data("a") == {"key": "newest"}
    assert site.find("ConfigMap", "late") is None


def test_five_thousand_objects_of_one_application(controller: Controller, site: Site) -> None:
    objects = [config_map(f"m{number:04}", {"key": str(number)}) for number in range(5000)]
    sha = site.push_objects(*objects)
    app = site.application()
    app.wait_ready(sha, timeout=180)
    assert app.status["objects"]["synced"] == 5000
    assert len(str(app.get()["status"])) < 8192
    before = sum(controller.requests().values())
    site.cluster.patch(site.get("ConfigMap", "m4321"), {"data": {"key": "edited"}})
    site.wait_data("m4321", {"key": "4321"})
    assert sum(controller.requests().values()) - before < 12
    objects[17] = config_map("m0017", VALUES)
    app.wait_ready(site.push_objects(*objects))
    app.delete()
    app.wait_gone(timeout=180)


def test_the_hook_after_a_sync_starts_as_soon_as_the_last_object_is_healthy(
    controller: Controller, site: Site
) -> None:
    group = f"{site.name}.example.com"
    definition = crd("Widget", group)
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["status"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    site.cluster.create(definition)
    app = site.synced(config_map("a"))
    waits = []
    for attempt in range(5):
        widget = thing(f"{group}/v1", "Widget", f"w{attempt}", spec={"size": attempt})
        site.push_objects(config_map("a"), widget, annotated(job(f"after{attempt}"), hook="PostSync"))
        live = wait_for(partial(_widget, site, group, f"w{attempt}"), "the widget is there")
        _judge(site, live, "False")
        app.wait(_names(f"w{attempt}"), "it is waited for")
        _judge(site, site.cluster.get(f"{group}/v1", "Widget", site.namespace, f"w{attempt}"), "True")
        began = time.monotonic()
        while not _made(site, f"after{attempt}-"):
            assert time.monotonic() - began < 10
            time.sleep(0.005)
        waits.append(time.monotonic() - began)
        app.wait_ready()
    site.cluster.delete(definition)
    assert min(waits) < 0.2, waits


def _names(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda status: name in str(status["conditions"])


def _widget(site: Site, group: str, name: str) -> dict[str, Any] | None:
    path = f"/apis/{group}/v1/namespaces/{site.namespace}/widgets/{name}"
    status, answer = site.cluster.request("GET", path)
    return answer if status == 200 else None


def _judge(site: Site, live: dict[str, Any], ready: str) -> None:
    condition = {"type": "Ready", "status": ready, "reason": "Pending", "message": "as the test says"}
    site.cluster.patch(live, {"status": {"conditions": [condition]}})


def _made(site: Site, prefix: str) -> bool:
    found = site.cluster.list("batch/v1", "Job", site.namespace)
    return any(one["metadata"]["name"].startswith(prefix) for one in found)
