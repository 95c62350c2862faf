"""What every bad input must get: a stable reason, a place, advice, an Event, a metric; all else goes on."""

import secrets
from collections.abc import Iterator

import pytest

from gitops.local.gitserver import GitServer
from tests.support.cluster import Cluster
from tests.support.controller import Controller
from tests.support.manifests import config_map
from tests.support.site import App, Site, new_site
from tests.support.wait import wait_for


@pytest.fixture(scope="module")
def steady(
    cluster: Cluster,
    git_server: GitServer,
    controller: Controller,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Another Application, which must not notice what others are given to read."""
    with new_site(cluster, git_server, tmp_path_factory.mktemp("steady")) as site:
        site.synced(config_map("steady"))
        yield site


def goes_on(steady: Site) -> None:
    """The other Application still corrects drift."""
    steady.cluster.patch(steady.get("ConfigMap", "steady"), {"data": {"key": secrets.token_hex(4)}})
    steady.wait_data("steady", {"key": "value"})


def told(
    controller: Controller, app: App, reason: str, *words: str, kind: str = "Stalled", advice: str = ""
) -> str:
    """Check all places where a problem has to show; the condition's message, which holds these words."""
    message = app.wait_reason(reason, kind)
    for word in words:
        assert word in message, message
    ready = app.condition("Ready")
    assert ready
    assert ready["status"] == "False"
    problem = next(one for one in app.problems() if one["reason"] == reason)
    assert problem["advice"], problem
    assert advice in problem["advice"]
    events = wait_for(lambda: app.events(reason), f"an Event {reason}", state=app.events)
    assert {event["type"] for event in events} == {"Warning"}
    labels = {"namespace": app.namespace, "name": app.name}
    assert controller.metric("gitops_application_info", sync=reason, **labels) == 1
    assert controller.metric("gitops_application_condition", type="Ready", status="False", **labels) == 1
    assert controller.metric("gitops_application_condition", type=kind, status="True", **labels) == 1
    return message
