"""A chart that makes up a password: it keeps the one that was applied, and everybody is told."""

import pytest

from tests.support.cluster import Obj
from tests.support.command import Command
from tests.support.controller import Controller
from tests.support.manifests import config_map, to_yaml
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
MADE_UP = """
apiVersion: v1
kind: Secret
metadata: {name: made-up}
stringData:
  password: {{ randAlphaNum 20 | quote }}
"""
HOOK = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: hook
  annotations: {helm.sh/hook: post-install}
data: {key: {{ randAlphaNum 20 | quote }}}
"""


@pytest.fixture
def running(controller: Controller) -> Controller:
    """The module's controller, started again if a test before has ended it."""
    if not controller.is_running:
        controller.start()
    return controller


def charted(site: Site, **more: str) -> App:
    files = {"app/Chart.yaml": CHART, "app/templates/made-up.yaml": MADE_UP}
    site.push({**files, "app/templates/a.yaml": to_yaml(config_map("a")), **more})
    app = site.application()
    app.wait_ready()
    return app


def made_up(site: Site) -> Obj:
    found: Obj = site.get("Secret", "made-up")
    return found


def drifted_while_away(running: Controller, site: Site) -> None:
    running.stop()
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    running.start()
    site.wait_data("a", {"key": "value"})


def noticed(app: App) -> Obj:
    app.wait(
        lambda status: [one["reason"] for one in status.get("problems", [])] == ["UnstableRender"],
        "it is noticed",
    )
    (problem,) = app.problems()
    return problem


def test_after_a_restart_and_drift_the_password_stays_and_the_chart_is_named(
    running: Controller, command: Command, site: Site
) -> None:
    app = charted(site)
    before = made_up(site)
    contents = app.status["contents"]
    drifted_while_away(running, site)
    problem = noticed(app)
    assert f"Secret {site.namespace}/made-up" in problem["message"]
    assert f"ConfigMap {site.namespace}/a" not in problem["message"]
    app.wait_ready()
    assert app.condition("Stalled") is None
    assert app.status["objects"] == {"total": 2, "synced": 2, "healthy": 2, "drifted": 0}
    assert app.status["contents"] == contents
    assert made_up(site) == before

    # The command says the same, and a restart more changes nothing either.
    ran = command("diff", f"{app.namespace}/{app.name}")
    assert (ran.code, "no differences" in ran.out, "made-up" in ran.out) == (0, True, True), ran.out
    drifted_while_away(running, site)
    app.wait_ready()
    stays(lambda: made_up(site) == before, "the password stays", seconds=0.5)

    # What is missing is made, and what is new is applied.
    site.cluster.delete(before)
    wait_for(lambda: site.find("Secret", "made-up"), "it is made again")
    again = made_up(site)
    assert again["data"] != before["data"]
    app.wait_ready(site.push({"app/templates/a.yaml": to_yaml(config_map("a", {"key": "2"}))}))
    assert made_up(site)["data"] != again["data"]
    app.wait(lambda status: not status.get("problems"), "what is rendered for the first time is no notice")


def test_a_hook_that_differs_with_each_render_doesnt_run_again(running: Controller, site: Site) -> None:
    app = charted(site, **{"app/templates/hook.yaml": HOOK})
    hook, before = site.get("ConfigMap", "hook"), made_up(site)
    drifted_while_away(running, site)
    assert "hook" in noticed(app)["message"]
    app.wait_ready()
    assert site.get("ConfigMap", "hook") == hook
    assert made_up(site) == before


def test_a_made_up_name_brings_no_second_object(running: Controller, site: Site) -> None:
    named = to_yaml(config_map("n-NAME")).replace("NAME", "{{ randAlphaNum 8 | lower }}")
    app = charted(site, **{"app/templates/named.yaml": named})

    def names() -> list[str]:
        found = site.cluster.list("v1", "ConfigMap", site.namespace)
        return [one["metadata"]["name"] for one in found if one["metadata"]["name"].startswith("n-")]

    (name,) = names()
    drifted_while_away(running, site)
    noticed(app)
    app.wait_ready()
    stays(lambda: names() == [name], "neither made nor pruned", seconds=0.5)
