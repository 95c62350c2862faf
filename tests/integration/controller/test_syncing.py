"""The main job: what is in Git comes to be in the cluster, changes with it, and goes with it."""

from tests.support.controller import Controller
from tests.support.manifests import config_map, deployment, secret, service
from tests.support.site import Site


def test_objects_of_a_folder_come_to_be(controller: Controller, site: Site) -> None:
    sha = site.push_objects(config_map("a"), secret("b", {"k": "v"}), service("c"), deployment("d"))
    app = site.application()
    status = app.wait_ready(sha)
    assert status["objects"] == {"total": 4, "synced": 4, "healthy": 4, "drifted": 0}
    assert site.data("a") == {"key": "value"}
    assert site.get("Secret", "b")["data"] == {"k": "dg=="}
    assert site.find("Service", "c")
    assert site.find("Deployment", "d", "apps/v1")
