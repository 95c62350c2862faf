"""Order within a sync: waves, dependencies, what waits heals to what was there before."""

import time
from typing import Any

from tests.support.controller import Controller
from tests.support.manifests import annotated, config_map, crd, running, thing
from tests.support.site import Site
from tests.support.wait import stays, wait_for

DEPENDS_ON = "config.kubernetes.io/depends-on"


def depending(obj: dict[str, Any], site: Site, *names: str) -> dict[str, Any]:
    references = ",".join(f"/namespaces/{site.namespace}/ConfigMap/{name}" for name in names)
    metadata = {**obj["metadata"], "annotations": {DEPENDS_ON: references}}
    return {**obj, "metadata": metadata}


def heal_by(site: Site, name: str, value: str, wanted: dict[str, str]) -> None:
    site.cluster.patch(site.get("ConfigMap", name), {"data": {"key": value}})
    site.wait_data(name, wanted)


def test_a_wave_begins_when_the_one_before_is_healthy(controller: Controller, site: Site) -> None:
    site.push_objects(
        annotated(config_map("last"), wave="2"),
        annotated(running("web", "slow"), wave="1"),
        annotated(config_map("first"), wave="-1"),
    )
    app = site.application()
    site.wait_data("first", {"key": "value"})
    wait_for(lambda: site.find("Deployment", "web", "apps/v1"), "the second wave is applied")
    stays(lambda: site.find("ConfigMap", "last") is None, "the last wave waits", seconds=2)
    message = app.wait(
        lambda status: any("wave 1" in one["message"] for one in status["conditions"]), "it says so"
    )
    assert message
    app.wait_ready()
    web = site.get("Deployment", "web", "apps/v1")["status"]["conditions"]
    available = next(one["lastTransitionTime"] for one in web if one["type"] == "Available")
    assert site.get("ConfigMap", "last")["metadata"]["creationTimestamp"] >= available
    [synced] = wait_for(lambda: app.events("Synced"), "the sync is told")
    assert synced["message"].endswith(": 3 created"), "of all its passes"


def test_what_waits_for_a_wave_that_never_gets_healthy_heals_to_what_was_before(
    controller: Controller, site: Site
) -> None:
    late = annotated(config_map("late", {"key": "old"}), wave="1")
    app = site.synced(annotated(running("web"), wave="0"), late)
    broken = site.push_objects(
        annotated(running("web", "not-ready"), wave="0"),
        annotated(config_map("late", {"key": "new"}), wave="1"),
        annotated(config_map("more"), wave="1"),
    )
    app.wait(lambda status: "Deployment" in str(status["conditions"]), "the blocker is named")
    stays(lambda: site.data("late") == {"key": "old"}, "the wave waits", seconds=1)
    heal_by(site, "late", "foreign", {"key": "old"})
    site.cluster.delete(site.get("ConfigMap", "late"))
    site.wait_data("late", {"key": "old"})
    controller.kill()
    controller.start()
    heal_by(site, "late", "while it was down", {"key": "old"})
    assert site.find("ConfigMap", "more") is None
    fixed = site.push_objects(
        annotated(running("web"), wave="0"), annotated(config_map("late", {"key": "fixed"}), wave="1")
    )
    app.wait_ready(fixed)
    assert site.data("late") == {"key": "fixed"}
    assert broken != fixed


def test_a_dependency_comes_first_and_goes_last(controller: Controller, site: Site) -> None:
    first = {**config_map("b-first"), "metadata": {"name": "b-first", "finalizers": ["example.com/hold"]}}
    app = site.synced(depending(first, site, "c-needed"), config_map("c-needed"), config_map("stays"))
    made = [site.get("ConfigMap", name)["metadata"]["resourceVersion"] for name in ("c-needed", "b-first")]
    assert int(made[0]) < int(made[1])
    sha = site.push_objects(config_map("stays"))
    wait_for(
        lambda: "deletionTimestamp" in site.get("ConfigMap", "b-first")["metadata"],
        "the dependent goes first",
    )
    stays(lambda: site.find("ConfigMap", "c-needed") is not None, "what it needs stays so long", seconds=1)
    site.cluster.patch(site.get("ConfigMap", "b-first"), {"metadata": {"finalizers": None}})
    app.wait_ready(sha)
    assert site.find("ConfigMap", "c-needed") is None


def test_a_cycle_is_printed_and_the_others_are_applied(controller: Controller, site: Site) -> None:
    site.push_objects(
        depending(config_map("a"), site, "b"), depending(config_map("b"), site, "a"), config_map("free")
    )
    app = site.application()
    message = app.wait_reason("DependencyCycle")
    assert f"ConfigMap {site.namespace}/a → ConfigMap {site.namespace}/b → ConfigMap" in message
    site.wait_data("free", {"key": "value"})
    assert site.find("ConfigMap", "a") is None
    app.wait_ready(site.push_objects(config_map("a"), depending(config_map("b"), site, "a")))


def test_a_custom_resource_of_a_later_wave_waits_for_its_definition(
    controller: Controller, site: Site
) -> None:
    group = f"{site.name}.example.com"
    widget = annotated(thing(f"{group}/v1", "Widget", "one", spec={"size": 1}), wave="1")
    sha = site.push_objects(crd("Widget", group), widget)
    app = site.application()
    app.wait_ready(sha)
    assert site.cluster.get(f"{group}/v1", "Widget", site.namespace, "one")["spec"] == {"size": 1}


def test_what_is_made_only_once_is_left_to_whoever_changes_it(controller: Controller, site: Site) -> None:
    site.cluster.create(
        {
            **config_map("theirs", {"key": "theirs"}),
            "metadata": {"name": "theirs", "namespace": site.namespace},
        }
    )
    once = [annotated(config_map(name), apply="IfNotPresent") for name in ("theirs", "ours")]
    app = site.synced(*once, annotated(config_map("ignored"), apply="Ignore"), config_map("a"))
    assert site.data("theirs") == {"key": "theirs"}
    assert site.find("ConfigMap", "ignored") is None
    site.cluster.patch(site.get("ConfigMap", "ours"), {"data": {"key": "edited"}})
    sha = site.push_objects(
        *[annotated(config_map(name, {"key": "newer"}), apply="IfNotPresent") for name in ("theirs", "ours")],
        config_map("a", {"key": "newer"}),
    )
    app.wait_ready(sha)
    assert site.data("ours") == {"key": "edited"}
    assert site.data("theirs") == {"key": "theirs"}
    app.wait_ready(site.push_objects(config_map("a")))
    assert site.find("ConfigMap", "ours") is None
    assert site.data("theirs") == {"key": "theirs"}


def test_a_status_that_flaps_does_not_move_the_deadline(controller: Controller, site: Site) -> None:
    group = f"{site.name}.example.com"
    widget = thing(f"{group}/v1", "Widget", "one", spec={"size": 1})
    definition = crd("Widget", group)
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["status"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    site.push_objects(definition, widget)
    app = site.application(sync={"progressDeadline": "4s"})
    app.wait(lambda status: status.get("objects", {}).get("synced") == 2, "the widget is there")
    until = time.monotonic() + 8
    flip = True
    while time.monotonic() < until:
        flip = not flip
        reason = "One" if flip else "Two"
        condition = {"type": "Ready", "status": "False", "reason": "Pending", "message": reason}
        site.cluster.patch(
            site.cluster.get(f"{group}/v1", "Widget", site.namespace, "one"),
            {"status": {"conditions": [condition]}},
        )
        time.sleep(0.3)
    app.wait_reason("ProgressDeadlineExceeded")
