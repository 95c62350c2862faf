"""Traps that a revision brings are told once, in an Event, where the Application asks for it."""

import json

from gitops.core.lint.versions import DEPRECATED, REMOVED
from tests.support.cluster import Cluster, Obj
from tests.support.controller import Controller
from tests.support.manifests import config_map, deployment, secret
from tests.support.site import App, Site
from tests.support.wait import wait_for


def told(app: App, count: int) -> list[str]:
    """The messages, once there are so many."""

    def messages() -> list[str]:
        events = sorted(app.events("LintFindings"), key=lambda one: one["metadata"]["creationTimestamp"])
        return [event["message"] for event in events]

    wait_for(lambda: len(messages()) == count, f"{count} Events", state=messages)
    return messages()


def web(**container: object) -> Obj:
    one = deployment("web")
    (found,) = one["spec"]["template"]["spec"]["containers"]
    found["resources"] = {"requests": {"cpu": "10m", "memory": "16Mi"}}
    found |= container
    return one


def test_new_traps_are_told_once_for_each_revision_and_without_values(
    controller: Controller, site: Site
) -> None:
    site.push_objects(web(image="web"))
    app = site.application()
    app.wait_ready()
    app.annotate(lint="events")

    # What the Application was brought to before it asked is no news, but its first revision from then on is.
    password = secret("database", {"password": "swordfish"})
    first = site.push_objects(web(image="web"), password)
    app.wait_ready(first)
    (message,) = told(app, 1)
    assert message.startswith(f"revision {first[:7]} brings 2 warnings: ")
    assert "web has no tag, which means latest (image-tag)" in message
    assert "its values can be read in the repository: password (secret-in-git)" in message

    # A revision without a new finding tells nothing; one with a new one tells that alone.
    app.wait_ready(site.push_objects(web(image="web"), password, config_map("more")))
    privileged = web(image="web", securityContext={"privileged": True})
    last = site.push_objects(privileged, password, config_map("more"))
    app.wait_ready(last)
    message = next(one for one in told(app, 2) if last[:7] in one)
    assert message.startswith(f"revision {last[:7]} brings 1 warning: Deployment.apps web: ")
    assert message.endswith("(privileged)")
    events = [event["message"] for event in app.events()]
    assert not [one for one in events if "swordfish" in one or "c3dvcmRmaXNo" in one]
    assert "swordfish" not in controller.logs()


def test_versions_that_are_said_to_be_removed_are_not_served_and_their_successors_are(
    cluster: Cluster,
) -> None:
    kubectl = cluster.control_plane.kubectl
    served = set(kubectl("api-versions").split())
    for version in {version for version, _ in REMOVED} & served:
        listed = json.loads(kubectl("get", "--raw", f"/apis/{version}"))["resources"]
        assert not {one["kind"] for one in listed} & {kind for other, kind in REMOVED if other == version}
    successors = {one.instead.split()[0] for one in (*REMOVED.values(), *DEPRECATED.values()) if one.instead}
    assert successors <= served
