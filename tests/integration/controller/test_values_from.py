"""Values for a chart from ConfigMaps and Secrets: watched, awaited, applied after a restart, never shown."""

import time
from typing import Any

import pytest

from tests.support.cluster import Obj
from tests.support.command import Command
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, secret, thing
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data:
  greeting: {{ .Values.greeting | quote }}
  level: {{ .Values.level | quote }}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData:
  password: {{ .Values.auth.password | quote }}
"""
FILES = {
    "app/Chart.yaml": CHART,
    "app/values.yaml": "greeting: default\nlevel: low\nauth: {password: none}\n",
    "app/templates/all.yaml": TEMPLATE,
}


@pytest.fixture
def running(controller: Controller) -> Controller:
    """The module's controller, started again if a test before has ended it."""
    if not controller.is_running:
        controller.start()
    return controller


def put(site: Site, obj: Obj, namespace: str = HOME) -> Obj:
    obj["metadata"]["name"] = f"{site.name}-{obj['metadata']['name']}"
    obj["metadata"]["namespace"] = namespace
    return site.cluster.create(obj)


def given(site: Site, kind: str, name: str, **more: object) -> Obj:
    return {"kind": kind, "name": f"{site.name}-{name}", **more}


def charted(site: Site, *values: Obj, **more: Any) -> App:
    site.push(FILES)
    return site.application(render={"helm": {"valuesFrom": list(values)}}, **more)


def test_a_changed_object_is_rendered_at_once_and_an_unchanged_one_costs_nothing(
    running: Controller, site: Site
) -> None:
    shown = put(site, config_map("shown", {"values.yaml": "greeting: hello\n"}))
    login = put(site, secret("login", {"password": "0123"}))
    app = charted(
        site,
        given(site, "ConfigMap", "shown"),
        given(site, "Secret", "login", valuesKey="password", targetPath="auth.password"),
    )
    app.wait_ready()
    assert site.data("web") == {"greeting": "hello", "level": "low"}
    assert site.get("Secret", "login")["data"] == {"password": "MDEyMw=="}
    key = app.status["renderKey"]
    site.cluster.patch(shown, {"metadata": {"labels": {"any": "thing"}}})
    stays(lambda: app.status["renderKey"] == key, "nothing is rendered for a label", seconds=1)
    site.cluster.patch(shown, {"data": {"values.yaml": "greeting: welcome\n"}})
    site.wait_data("web", {"greeting": "welcome", "level": "low"})
    site.cluster.patch(login, {"stringData": {"password": "4567"}})
    wait_for(
        lambda: site.get("Secret", "login")["data"] == {"password": "NDU2Nw=="}, "the new password is applied"
    )
    app.wait_ready()
    assert app.status["renderKey"] != key


def test_what_is_missing_is_named_and_awaited(running: Controller, site: Site) -> None:
    app = charted(site, given(site, "ConfigMap", "late"), given(site, "Secret", "absent", optional=True))
    message = app.wait_reason("ValuesNotFound")
    assert f"there is no ConfigMap {HOME}/{site.name}-late" in message
    assert "spec.render.helm.valuesFrom[0]" in message
    late = put(site, config_map("late", {"other": "greeting: hello\n"}))
    app.wait(
        lambda status: "has no key values.yaml" in str(status.get("problems")), "it says what is missing now"
    )
    site.cluster.patch(late, {"data": {"values.yaml": "greeting: hello\n"}})
    began = time.monotonic()
    app.wait_ready()
    assert time.monotonic() - began < 5
    assert site.data("web") == {"greeting": "hello", "level": "low"}
    # What runs stays when it is gone again.
    site.cluster.delete(late)
    app.wait_reason("ValuesNotFound")
    assert site.data("web") == {"greeting": "hello", "level": "low"}
    site.cluster.patch(site.get("ConfigMap", "web"), {"data": {"greeting": "edited"}})
    site.wait_data("web", {"greeting": "hello", "level": "low"})


def test_broken_values_name_their_place_and_a_correction_is_applied(running: Controller, site: Site) -> None:
    broken = put(site, secret("broken", {"values.yaml": "greeting: [hunter2\n"}))
    app = charted(site, given(site, "Secret", "broken"))
    message = app.wait_reason("InvalidValues")
    assert f"key values.yaml of the Secret {HOME}/{site.name}-broken is not valid YAML" in message
    assert "hunter2" not in str(app.get())
    site.cluster.patch(broken, {"stringData": {"values.yaml": "greeting: well\n"}})
    app.wait_ready()
    assert site.data("web") == {"greeting": "well", "level": "low"}


def test_they_are_read_as_the_applications_account(running: Controller, site: Site) -> None:
    tenant = site.tenant("configmaps", "secrets")
    put(site, secret("mine", {"values.yaml": "greeting: hello\n"}), tenant)
    app = charted(site, given(site, "Secret", "mine"), namespace=tenant, serviceAccountName="deployer")
    message = app.wait_reason("Forbidden")
    assert f"the service account {tenant}/deployer can't read the Secret" in message
    assert site.data("web") is None
    allow(site, tenant, f"{site.name}-mine")
    app.wait_ready(timeout=60)
    assert site.data("web") == {"greeting": "hello", "level": "low"}


def allow(site: Site, tenant: str, name: str) -> None:
    """Let the tenant's account read this one Secret of its own namespace."""
    group = "rbac.authorization.k8s.io"
    rules = [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [name],
            "verbs": ["get", "list", "watch"],
        }
    ]
    site.cluster.create(thing(f"{group}/v1", "Role", "values", tenant, rules=rules))
    binding = {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "values"},
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": tenant}],
    }
    site.cluster.create(thing(f"{group}/v1", "RoleBinding", "values", tenant, **binding))


def test_what_the_server_says_of_a_value_is_not_repeated(
    running: Controller, command: Command, site: Site
) -> None:
    """A chart may put a Secret's value where it is no secret any more; our messages still don't."""
    put(site, secret("port", {"values.yaml": "greeting: hunter22hunter22\n"}))
    bad = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: {{.Values.greeting}}}]}\n"
    )
    site.push({**FILES, "app/templates/bad.yaml": bad})
    helm = {"valuesFrom": [given(site, "Secret", "port")]}
    app = site.application(render={"helm": helm})
    app.wait(lambda status: status.get("problems"), "it is refused")
    site.wait_data_exists("web")
    ran = command("diff", f"{app.namespace}/{app.name}")
    told = [str(app.get()), str(app.events()), running.logs(), ran.out, ran.err]
    assert [one for one in told if "hunter22" in one] == []
    assert "***" in str(app.problems())


def test_a_restart_renders_only_what_changed_meanwhile(running: Controller, site: Site) -> None:
    held = put(site, secret("held", {"values.yaml": "greeting: hello\n"}))
    app = charted(site, given(site, "Secret", "held"))
    app.wait_ready()
    wait_for(
        lambda: len(site.cluster.list("gitops.dev/v1alpha1", "Application")) == 1,
        "those of the tests before are gone",
        timeout=60,
    )
    before = app.get()
    running.stop()
    running.start()
    wait_for(lambda: running.metric("gitops_render_cache_total", result="hit") >= 1, "it is recalled")
    stays(lambda: app.get() == before, "nothing is written", seconds=0.5)
    assert running.metric("gitops_render_seconds_count") == 0
    running.stop()
    site.cluster.patch(held, {"stringData": {"values.yaml": "greeting: later\n"}})
    running.start()
    site.wait_data("web", {"greeting": "later", "level": "low"})
    app.wait_ready()
