"""Health as users define it, and what the health of objects costs when they keep changing."""

import time
from typing import Any

import yaml

from gitops.core.health import HealthState
from tests.support.cluster import MERGE, Obj
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, crd, thing
from tests.support.site import App, Site
from tests.support.wait import wait_for

# Each level multiplies the work by sixty.
SLOW = "true"
for variable in "abcdef":
    SLOW = f"{list(range(60))}.all({variable}, {SLOW})"


def widgets(site: Site, **size: int) -> tuple[Obj, list[Obj], str]:
    """A kind of its own for the test, and objects of it."""
    group = f"{site.name}.example.com"
    made = [thing(f"{group}/v1", "Widget", name, spec={"size": value}) for name, value in size.items()]
    return crd("Widget", group), made, group


def by_size(group: str, least: int) -> list[Obj]:
    rule = {"when": f"spec.size < {least}", "state": "Degraded", "say": '"only " + string(spec.size)'}
    return [{"group": group, "kind": "Widget", "rules": [rule]}]


def health(app: App) -> tuple[str, str]:
    found = app.condition("Healthy") or {"reason": "", "message": ""}
    return found["reason"], found["message"]


def until(app: App, state: HealthState, says: str = "") -> None:
    def fits() -> bool:
        reason, message = health(app)
        return reason == state and says in message

    wait_for(fits, f"{app.name} is {state}: {says}", state=lambda: app.status)


def test_rules_of_an_application_judge_its_objects(controller: Controller, site: Site) -> None:
    definition, objects, group = widgets(site, small=1, large=9)
    site.push_objects(definition, *objects)
    app = site.application(health=by_size(group, 5))
    try:
        until(app, HealthState.DEGRADED, "only 1")
        assert app.status["objects"]["healthy"] == 2, "the other one and the definition are healthy"
        app.patch({"spec": {"health": by_size(group, 1)}})
        until(app, HealthState.HEALTHY)
        app.patch({"spec": {"health": by_size(group, 10)}})
        until(app, HealthState.DEGRADED, "only 9")
        app.patch({"spec": {"health": None}})
        until(app, HealthState.HEALTHY)
    finally:
        site.cluster.delete(definition)


def test_an_object_that_changes_is_judged_again(controller: Controller, site: Site) -> None:
    definition, objects, group = widgets(site, one=1)
    site.push_objects(definition, *objects)
    app = site.application(health=by_size(group, 5))
    try:
        until(app, HealthState.DEGRADED, "only 1")
        objects[0]["spec"]["size"] = 7
        app.wait_ready(site.push_objects(definition, *objects))
        assert health(app)[0] == HealthState.HEALTHY
    finally:
        site.cluster.delete(definition)


def test_an_invalid_rule_is_named_and_the_rest_goes_on(controller: Controller, site: Site) -> None:
    sha = site.push_objects(config_map("a"))
    rules = [{"kind": "ConfigMap", "rules": [{"when": "spec.size <", "state": "Degraded"}]}]
    app = site.application(health=rules)
    message = app.wait_reason("InvalidHealthRules", "Ready")
    assert message.startswith("spec.health[0]: ")
    assert app.wait_reason("InvalidHealthRules", "Stalled")
    assert site.data("a") == {"key": "value"}, "it is applied all the same"
    app.patch({"spec": {"health": []}})
    app.wait_ready(sha)


def test_a_rule_that_never_ends_holds_up_nobody(controller: Controller, site: Site) -> None:
    definition, objects, group = widgets(site, one=1)
    site.push_objects(definition, *objects, config_map("a"))
    slow = [{"group": group, "kind": "Widget", "rules": [{"when": SLOW, "state": "Healthy"}]}]
    app = site.application(health=slow)
    try:
        until(app, HealthState.UNKNOWN, "takes too long")
        began = time.monotonic()
        other = site.application("other", path="elsewhere")
        other.wait_ready(site.push({"elsewhere/b.yaml": yaml.safe_dump(config_map("b"))}))
        assert time.monotonic() - began < 20
    finally:
        app.patch({"spec": {"health": None}})
        site.cluster.delete(definition)


def configured(site: Site, **rules: str) -> Obj:
    return config_map("gitops-health", rules, metadata={"namespace": HOME})


def test_rules_of_the_cluster_yield_to_those_of_an_application(controller: Controller, site: Site) -> None:
    definition, objects, group = widgets(site, one=3)
    config = configured(site, broken="a: b: c", widgets=yaml.safe_dump(by_size(group, 5)))
    site.cluster.create(config)
    site.push_objects(definition, *objects)
    app = site.application()
    try:
        until(app, HealthState.DEGRADED, "only 3")
        about = "involvedObject.name=gitops-health,reason=InvalidHealthRules"

        def events() -> list[Obj]:
            return site.cluster.list("v1", "Event", HOME, fieldSelector=about)

        wait_for(lambda: "broken" in str(events()), "an Event names the key that can't be used", state=events)
        app.patch({"spec": {"health": by_size(group, 1)}})
        until(app, HealthState.HEALTHY)
        app.patch({"spec": {"health": None}})
        until(app, HealthState.DEGRADED, "only 3")
        site.cluster.delete(config)
        until(app, HealthState.HEALTHY)
    finally:
        site.cluster.delete(definition)


def test_what_is_annotated_does_not_count(controller: Controller, site: Site) -> None:
    balancer = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"a": "b"}}
    waits = thing("v1", "Service", "waits", spec=balancer)
    site.push_objects(waits, config_map("a"))
    app = site.application()
    until(app, HealthState.PROGRESSING, "load balancer")
    waits["metadata"]["annotations"] = {"gitops.dev/ignore-health": "true"}
    app.wait_ready(site.push_objects(waits, config_map("a")))


def pods(count: int) -> list[Obj]:
    spec = {"containers": [{"name": "c", "image": "c:1"}]}
    return [thing("v1", "Pod", f"pod-{number}", spec=spec) for number in range(count)]


def sent(controller: Controller) -> dict[tuple[str, str, str], float]:
    """Requests so far, without the lease's own and those about kinds that earlier tests deleted."""
    others = ("leases", "widgets", "discovery", "version")
    return {what: count for what, count in controller.requests().items() if what[1] not in others}


def set_message(site: Site, name: str, message: str, **more: Any) -> None:
    path = f"/api/v1/namespaces/{site.namespace}/pods/{name}/status"
    change = {"status": {"message": message, **more}}
    status, reply = site.cluster.request("PATCH", path, change, content_type=MERGE)
    assert status == 200, reply


def test_pods_that_keep_changing_cost_no_request(controller: Controller, site: Site) -> None:
    count = 20
    app = site.synced(*pods(count))
    quiet(controller)
    before = sent(controller)
    for turn in range(5):
        for number in range(count):
            set_message(site, f"pod-{number}", f"turn {turn}")
    time.sleep(2)
    assert sent(controller) == before, "no request is sent"
    assert app.status["objects"]["healthy"] == count


def test_pods_that_fail_together_are_one_status_or_two(controller: Controller, site: Site) -> None:
    count = 20
    app = site.synced(*pods(count))
    quiet(controller)
    before = sum(sent(controller).values())
    for number in range(count):
        set_message(site, f"pod-{number}", "gone", phase="Failed", reason="Evicted")
    until(app, HealthState.DEGRADED, "Evicted")
    wait_for(lambda: app.status["objects"]["healthy"] == 0, "all of them are seen")
    quiet(controller)
    assert sum(sent(controller).values()) - before < count, "what happens together is told together"


def quiet(controller: Controller) -> None:
    """Wait until nothing has been sent for a while."""

    def unchanged() -> bool:
        before = sent(controller)
        time.sleep(1.5)
        return sent(controller) == before

    wait_for(unchanged, "the controller is quiet")
