"""Repositories that can't be had: said clearly, nothing is touched, and the fix is found by itself."""

from tests.integration.controller.told import goes_on, steady, told
from tests.support.cluster import Cluster
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, thing, to_yaml
from tests.support.site import Site
from tests.support.wait import wait_for

__all__ = ["steady"]


def login(site: Site, username: str, password: str) -> dict[str, object]:
    return thing(
        "v1", "Secret", f"{site.name}-git", HOME, stringData={"username": username, "password": password}
    )


def test_a_server_that_fails_is_waited_for_while_drift_is_still_corrected(
    controller: Controller, site: Site, steady: Site
) -> None:
    app = site.synced(config_map("a"))
    site.git_server.fail_with(site.repository.name, 503)
    told(controller, app, "RepositoryUnreachable", kind="Reconciling")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    site.wait_data("a", {"key": "value"})
    goes_on(steady)
    sha = site.push_objects(config_map("a", {"key": "new"}))
    site.git_server.heal(site.repository.name)
    app.wait_ready(sha)
    assert site.data("a") == {"key": "new"}


def test_a_server_that_is_not_there_is_named(controller: Controller, site: Site) -> None:
    app = site.application(source={"repository": "http://127.0.0.1:9/shop.git"})
    told(controller, app, "RepositoryUnreachable", "127.0.0.1:9", kind="Reconciling")


def test_wrong_credentials_are_told_and_a_corrected_secret_works_at_once(
    controller: Controller, cluster: Cluster, site: Site, steady: Site
) -> None:
    private = site.new_repository("private", ("ada", "right-password"))
    sha = private.push({"app/a.yaml": to_yaml(config_map("a"))})
    made = cluster.create(login(site, "ada", "wrong-password"))
    app = site.application(
        repository=private,
        source={"repository": private.url, "credentials": {"secretName": f"{site.name}-git"}},
    )
    told(controller, app, "AuthenticationFailed")
    goes_on(steady)
    cluster.patch(made, {"stringData": {"password": "right-password"}})
    app.wait_ready(sha)


def test_a_missing_credentials_secret_is_named_and_awaited(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    private = site.new_repository("private", ("ada", "right-password"))
    sha = private.push({"app/a.yaml": to_yaml(config_map("a"))})
    app = site.application(
        source={"repository": private.url, "credentials": {"secretName": f"{site.name}-git"}}
    )
    told(controller, app, "CredentialsNotFound", f"{HOME}/{site.name}-git")
    cluster.create(login(site, "ada", "right-password"))
    app.wait_ready(sha)


def test_a_branch_that_does_not_exist_is_awaited(controller: Controller, site: Site, steady: Site) -> None:
    site.push_objects(config_map("a"))
    app = site.application(revision="release")
    told(controller, app, "RevisionNotFound", "release")
    goes_on(steady)
    site.repository.tree.branch("release")
    app.wait_ready(site.push())


def test_a_branch_that_is_deleted_takes_nothing_with_it(controller: Controller, site: Site) -> None:
    site.push_objects(config_map("main"))
    site.repository.tree.branch("release")
    sha = site.push_objects(config_map("a"))
    app = site.application(revision="release")
    app.wait_ready(sha)
    before = site.get("ConfigMap", "a")["metadata"]["uid"]
    site.repository.tree.delete_branch("release")
    told(controller, app, "RevisionNotFound", "release")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    site.wait_data("a", {"key": "value"})
    assert site.get("ConfigMap", "a")["metadata"]["uid"] == before
    site.repository.push()
    app.wait_ready(sha)


def test_a_path_that_does_not_exist_prunes_nothing_and_is_awaited(
    controller: Controller, site: Site, steady: Site
) -> None:
    app = site.synced(config_map("a"))
    app.patch({"spec": {"source": {"path": "elsewhere"}}})
    told(controller, app, "PathNotFound", "elsewhere", "spec.source.path")
    assert site.data("a") == {"key": "value"}
    goes_on(steady)
    sha = site.push_objects(config_map("a", {"key": "moved"}), path="elsewhere/a.yaml")
    app.wait_ready(sha)
    assert site.data("a") == {"key": "moved"}


def test_a_changed_path_is_followed_though_nothing_changed_at_the_old_one(
    controller: Controller, site: Site
) -> None:
    site.push_objects(config_map("a"))
    site.push_objects(config_map("b"), path="other/b.yaml")
    app = site.application()
    app.wait_ready()
    app.patch({"spec": {"source": {"path": "other"}}})
    site.wait_data("b", {"key": "value"})
    site.wait_data("a", None)
    app.wait_ready()


def test_a_repository_that_answers_again_is_told_once(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    site.git_server.fail_with(site.repository.name, 500)
    app.wait_reason("RepositoryUnreachable", "Reconciling")
    wait_for(lambda: app.events("RepositoryUnreachable"), "an Event")
    app.refresh()
    site.git_server.heal(site.repository.name)
    app.wait_ready()
    assert len(app.events("RepositoryUnreachable")) == 1
