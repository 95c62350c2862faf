"""Workloads that restart when what they are configured by changes, and only then."""

import base64
from typing import Any

from tests.support.cluster import Obj
from tests.support.command import Command
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, deployment, secret
from tests.support.site import App, Site
from tests.support.wait import wait_for

ASKS = {"gitops.dev/rollout-on-config-change": "true"}
CHECKSUM = "gitops.dev/config-checksum"


def web(*, annotations: dict[str, str] | None = None) -> Obj:
    """A Deployment that reads the ConfigMap `settings`, the Secret `keys`, and one that isn't ours."""
    one = deployment("web")
    one["metadata"]["annotations"] = ASKS if annotations is None else annotations
    (container,) = one["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [
        {"configMapRef": {"name": "settings"}},
        {"configMapRef": {"name": "bystander"}},
    ]
    one["spec"]["template"]["spec"]["volumes"] = [{"name": "keys", "secret": {"secretName": "keys"}}]
    return one


def parts(setting: str = "1", key: str = "planted-first", **more: Any) -> tuple[Obj, ...]:
    settings = config_map("settings", {"setting": setting})
    return (web(**more), settings, secret("keys", {"key": key}), config_map("other", {"key": setting}))


def template(site: Site) -> Obj:
    found: Obj = site.get("Deployment", "web", "apps/v1")["spec"]["template"]
    return found


def generation(site: Site) -> int:
    return int(site.get("Deployment", "web", "apps/v1")["metadata"]["generation"])


def checksum(site: Site) -> str | None:
    found: str | None = (template(site)["metadata"].get("annotations") or {}).get(CHECKSUM)
    return found


def push(site: Site, app: App, *objects: Obj) -> None:
    app.wait_ready(site.push_objects(*objects))


def test_a_changed_config_map_or_secret_restarts_and_nothing_else_does(
    controller: Controller, site: Site
) -> None:
    app = site.synced(*parts())
    first, began = checksum(site), generation(site)
    assert first
    push(site, app, *parts(), config_map("new"))
    assert (checksum(site), generation(site)) == (first, began)
    push(site, app, *parts(setting="2"), config_map("new"))
    second = checksum(site)
    assert second != first
    assert generation(site) == began + 1
    push(site, app, *parts(setting="2", key="planted-second"), config_map("new"))
    assert checksum(site) not in (first, second)
    assert generation(site) == began + 2
    site.cluster.patch(site.get("ConfigMap", "settings"), {"data": {"setting": "drifted"}})
    site.wait_data("settings", {"setting": "2"})
    assert generation(site) == began + 2, "drift is healed, not rolled out"


def test_who_has_not_asked_is_not_restarted(controller: Controller, site: Site) -> None:
    app = site.synced(*parts(annotations={}))
    began = generation(site)
    push(site, app, *parts(setting="2", annotations={}))
    assert generation(site) == began
    assert checksum(site) is None


def test_a_checksum_that_somebody_removes_is_healed(controller: Controller, site: Site) -> None:
    site.synced(*parts())
    first = checksum(site)
    change = {"spec": {"template": {"metadata": {"annotations": {CHECKSUM: None}}}}}
    site.cluster.patch(site.get("Deployment", "web", "apps/v1"), change)
    wait_for(lambda: checksum(site) == first, "it is healed")


def test_a_wrong_value_is_said_with_its_place(controller: Controller, site: Site) -> None:
    site.push_objects(*parts(annotations={"gitops.dev/rollout-on-config-change": "yes"}))
    app = site.application()
    message = app.wait_reason("InvalidManifest")
    assert "rollout-on-config-change" in message
    assert "objects.yaml" in message


def test_the_diff_says_why_it_restarts_and_shows_no_digest(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(*parts())
    first = checksum(site)
    assert first
    command("suspend", app.name, "-n", HOME)
    site.push_objects(*parts(setting="2", key="planted-second"))
    name = f"{HOME}/{app.name}"
    text = command("diff", name)
    assert text.code == 1
    because = f"ConfigMap {site.namespace}/settings and Secret {site.namespace}/keys change"
    assert f"restarts, because {because}" in text.out
    as_json = command("diff", name, "-o", "json")
    (step,) = [one for one in as_json.data["steps"] if one["object"]["name"] == "web"]
    named = [one["name"] for one in step["restart"]["because"]]
    assert named == ["settings", "keys"]
    assert step["changes"] == []
    for output in (text.out, as_json.out):
        for hidden in (first, CHECKSUM, "planted", base64.b64encode(b"planted-second").decode()):
            assert hidden not in output
    command("resume", app.name, "-n", HOME)
    wait_for(lambda: checksum(site) != first, "it restarts")
    assert (second := checksum(site))
    app.wait_ready()
    after = command("diff", name)
    assert (after.code, second in after.out) == (0, False)


def test_the_diff_of_a_new_workload_shows_no_digest(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(config_map("other"))
    command("suspend", app.name, "-n", HOME)
    site.push_objects(*parts())
    for output in ("text", "json"):
        ran = command("diff", f"{HOME}/{app.name}", "-o", output)
        assert ran.code == 1
        assert "web" in ran.out
        assert CHECKSUM not in ran.out


def test_an_application_can_ask_for_all_its_workloads_and_one_can_be_exempt(
    controller: Controller, site: Site
) -> None:
    app = site.synced(*parts(annotations={}))
    assert checksum(site) is None
    app.patch({"spec": {"sync": {"rolloutOnConfigChange": True}}})
    wait_for(lambda: checksum(site), "the option counts at once")
    first = checksum(site)
    push(site, app, *parts(setting="2", annotations={}))
    assert checksum(site) not in (None, first)
    push(site, app, *parts(setting="2", annotations={"gitops.dev/rollout-on-config-change": "false"}))
    assert checksum(site) is None
