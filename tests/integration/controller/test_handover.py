"""An object that moves to another Application is never deleted, and belongs to somebody at any time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.cluster import JSON_PATCH, Cluster, Obj
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, deployment, thing, to_yaml
from tests.support.site import App, Repository, Site
from tests.support.wait import stays, wait_for

PART_OF = "applyset.kubernetes.io/part-of"


def uid(site: Site, name: str = "b") -> str:
    return str(site.get("ConfigMap", name)["metadata"]["uid"])


def managers(site: Site, name: str = "b") -> list[str]:
    entries = site.get("ConfigMap", name)["metadata"].get("managedFields", [])
    return [f"{entry['manager']} {entry['operation']}" for entry in entries]


def owned_by(site: Site, app: App, name: str = "b") -> bool:
    label = app.get()["metadata"]["labels"]["applyset.kubernetes.io/id"]
    return bool(site.get("ConfigMap", name)["metadata"]["labels"].get(PART_OF) == label)


@contextmanager
def always_owned(cluster: Cluster, site: Site, name: str = "b") -> Iterator[None]:
    """Look at the object all the time: it is there, the same one, with all three marks of one owner."""
    faults: list[str] = []
    before = uid(site, name)
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            found = site.find("ConfigMap", name)
            if found is None:
                faults.append("gone")
                return
            metadata = found["metadata"]
            entries = [
                one["manager"]
                for one in metadata.get("managedFields", [])
                if one["operation"] == "Apply" and one["manager"].startswith("gitops.dev/")
            ]
            if metadata["uid"] != before or PART_OF not in metadata["labels"] or len(entries) != 1:
                faults.append(str(metadata))
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert faults == []


def two_applications(site: Site, **options: Any) -> tuple[App, App]:
    """`one` has a and b, `two` has c; both ready."""
    site.push(
        {
            "one/a.yaml": to_yaml(config_map("a")),
            "one/b.yaml": to_yaml(config_map("b", {"stays": "1", "goes": "2"})),
            "two/c.yaml": to_yaml(config_map("c")),
        }
    )
    one, two = site.application("one", path="one", **options), site.application("two", path="two")
    one.wait_ready()
    two.wait_ready()
    return one, two


MOVED = to_yaml(config_map("b", {"stays": "1"}))


def test_a_file_that_moves_to_another_application_is_never_deleted(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    one, two = two_applications(site)
    with always_owned(cluster, site):
        sha = site.push({"one/b.yaml": None, "two/b.yaml": MOVED})
        two.wait_ready(sha)
        one.wait_ready(sha)
    assert site.data("b") == {"stays": "1"}  # what the heir doesn't want is gone, and nobody else owns it
    assert managers(site) == [f"gitops.dev/{HOME}/{two.name} Apply"]
    assert "HandedOver" in {event["reason"] for event in one.events()}
    site.cluster.patch(site.get("ConfigMap", "b"), {"data": {"stays": "edited"}})
    site.wait_data("b", {"stays": "1"})
    two.wait_ready(site.push({"two/b.yaml": None}))
    assert site.data("b") is None


def test_the_new_owner_may_want_it_first(controller: Controller, cluster: Cluster, site: Site) -> None:
    one, two = two_applications(site)
    with always_owned(cluster, site):
        site.push({"two/b.yaml": MOVED})
        assert f"{HOME}/{one.name}" in two.wait_reason("OwnedByAnother")
        assert owned_by(site, one)
        one.wait_ready(site.push({"one/b.yaml": None}))
        two.wait_ready()
    assert owned_by(site, two)


def in_repositories_of_their_own(site: Site) -> tuple[App, App, Repository]:
    other = site.new_repository("other")
    other.push({"app/c.yaml": to_yaml(config_map("c"))})
    one = site.synced(config_map("a"), config_map("b"))
    two = site.application("two", repository=other, sync={"interval": "1h"})
    two.wait_ready()
    return one, two, other


def test_the_former_owner_has_the_others_repository_looked_at_before_it_deletes(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    """The new owner's repository is polled hourly, and has had the object since just now."""
    one, two, other = in_repositories_of_their_own(site)
    with always_owned(cluster, site):
        other.push({"app/b.yaml": to_yaml(config_map("b"))})
        one.wait_ready(site.push_objects(config_map("a")))
        two.wait_ready()
        wait_for(lambda: owned_by(site, two), "it has moved")


def test_what_nobody_wants_is_deleted_as_ever(controller: Controller, site: Site) -> None:
    one, two, _ = in_repositories_of_their_own(site)
    one.wait_ready(site.push_objects(config_map("a")))
    assert site.data("b") is None
    assert two.wait_ready()


def test_most_of_an_application_may_move_without_an_approval(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    moving = to_yaml(*(config_map(f"m{i:02}") for i in range(20)))
    site.push({"one/m.yaml": moving, "one/a.yaml": to_yaml(config_map("a")), "two/c.yaml": MOVED})
    one, two = site.application("one", path="one"), site.application("two", path="two")
    one.wait_ready()
    two.wait_ready()
    before = {uid(site, f"m{i:02}") for i in range(20)}
    sha = site.push({"one/m.yaml": None, "two/m.yaml": moving})
    two.wait_ready(sha)
    one.wait_ready(sha)
    assert {uid(site, f"m{i:02}") for i in range(20)} == before


def test_a_namespace_that_would_wait_for_a_confirmation_moves_without_one(
    controller: Controller, site: Site
) -> None:
    inner = to_yaml(thing("v1", "Namespace", f"{site.name}-inner"))
    site.push({"one/n.yaml": inner, "one/a.yaml": to_yaml(config_map("a")), "two/c.yaml": MOVED})
    one, two = site.application("one", path="one"), site.application("two", path="two")
    one.wait_ready()
    two.wait_ready()
    try:
        sha = site.push({"one/n.yaml": None, "two/n.yaml": inner})
        two.wait_ready(sha)
        one.wait(lambda status: not status.get("problems"), "nothing is left to confirm")
        found = site.cluster.get("v1", "Namespace", "", f"{site.name}-inner")["metadata"]
        assert found["labels"][PART_OF] == two.get()["metadata"]["labels"]["applyset.kubernetes.io/id"]
    finally:
        site.cluster.delete(thing("v1", "Namespace", f"{site.name}-inner"))


def test_it_moves_although_the_rest_of_the_former_owner_does_not_work(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    one, two = two_applications(site)
    with always_owned(cluster, site):
        sha = site.push(
            {"one/b.yaml": None, "one/bad.yaml": to_yaml(deployment("d", replcas=1)), "two/b.yaml": MOVED}
        )
        two.wait_ready(sha)
    one.wait_reason("InvalidField")
    assert owned_by(site, two)


def test_deleting_an_application_hands_over_what_another_wants(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    one, two = two_applications(site)
    site.push({"two/b.yaml": MOVED})
    two.wait_reason("OwnedByAnother")
    with always_owned(cluster, site):
        one.delete()
        one.wait_gone()
        two.wait_ready()
    assert site.data("a") is None
    assert site.data("b") == {"stays": "1"}


def test_an_object_waits_for_a_broken_application_that_may_want_it(
    controller: Controller, site: Site
) -> None:
    one, two = two_applications(site)
    sha = site.push({"one/b.yaml": None, "two/broken.yaml": "a: [\n"})
    two.wait_reason("InvalidManifest")
    one.wait(lambda _: any(it["reason"] == "PruneWaiting" for it in one.problems()), "it waits")
    (problem,) = one.problems()
    assert f"{HOME}/{two.name}" in problem["message"]
    assert "gitops.dev/approve" in problem["advice"]
    one.wait_ready(sha)  # everything that it wants is there
    stays(lambda: site.data("b"), "nothing is deleted", seconds=1)
    before = uid(site)
    sha = site.push({"two/broken.yaml": None, "two/b.yaml": MOVED})
    two.wait_ready(sha)
    assert uid(site) == before
    one.wait(lambda status: not status.get("problems"), "nothing waits any more")


def test_a_broken_application_that_turns_out_not_to_want_it_lets_it_go(
    controller: Controller, site: Site
) -> None:
    one, two = two_applications(site)
    site.push({"one/b.yaml": None, "two/broken.yaml": "a: [\n"})
    one.wait(lambda _: any(it["reason"] == "PruneWaiting" for it in one.problems()), "it waits")
    site.push({"two/broken.yaml": None})
    site.wait_data("b", None)
    one.wait_ready()
    two.wait_ready()


def test_an_approval_deletes_what_waits_for_a_broken_application(controller: Controller, site: Site) -> None:
    one, _ = two_applications(site)
    sha = site.push({"one/b.yaml": None, "two/broken.yaml": "a: [\n"})
    one.wait(lambda _: any(it["reason"] == "PruneWaiting" for it in one.problems()), "it waits")
    one.annotate(approve=sha)
    site.wait_data("b", None)


def test_a_broken_application_elsewhere_holds_up_nobody(controller: Controller, site: Site) -> None:
    broken = site.new_repository("broken")
    broken.push({"app/broken.yaml": "a: [\n"})
    elsewhere = site.new_namespace("elsewhere")
    site.application("broken", repository=broken, destination=elsewhere).wait_reason("InvalidManifest")
    one = site.synced(config_map("a"), config_map("b"))
    one.wait_ready(site.push_objects(config_map("a")))
    assert site.data("b") is None


def test_a_broken_application_that_may_not_write_there_holds_up_nobody(
    controller: Controller, site: Site
) -> None:
    tenant = site.tenant("secrets")
    broken = site.new_repository("broken")
    broken.push({"app/broken.yaml": "a: [\n"})
    other = site.application("broken", repository=broken, namespace=tenant, serviceAccountName="deployer")
    other.wait_reason("InvalidManifest")
    one = site.synced(config_map("a"), config_map("b"))
    one.wait_ready(site.push_objects(config_map("a")))
    assert site.data("b") is None


def test_a_suspended_application_that_had_wanted_it_keeps_it_from_being_deleted(
    controller: Controller, site: Site
) -> None:
    one, two = two_applications(site)
    site.push({"two/b.yaml": MOVED})
    two.wait_reason("OwnedByAnother")
    two.patch({"spec": {"suspend": True}})
    two.wait_reason("Suspended", "Ready")
    before = uid(site)
    site.push({"one/b.yaml": None})
    one.wait(lambda _: any(it["reason"] == "PruneWaiting" for it in one.problems()), "it waits")
    assert "suspended" in one.problems()[0]["message"]
    two.patch({"spec": {"suspend": False}})
    two.wait_ready()
    assert uid(site) == before


def transferred(site: Site, one: App, two: App) -> list[Obj]:
    """The patch of a hand-over, from what the objects of the two say."""
    from gitops.core.handover import transfer
    from gitops.core.identity import Owner
    from gitops.core.model import GroupKind
    from gitops.kube.objects import to_live

    former, heir = (Owner(app.namespace, app.name, app.uid) for app in (one, two))
    return transfer(to_live(site.get("ConfigMap", "b"), GroupKind("", "ConfigMap")), former, heir)


def test_killed_between_the_patch_and_the_apply_the_heir_finishes_it(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    one, two = two_applications(site)
    before = uid(site)
    controller.kill()
    sha = site.push({"one/b.yaml": None, "two/b.yaml": MOVED})
    cluster.patch(
        site.get("ConfigMap", "b"),
        transferred(site, one, two),
        manager=f"gitops.dev/{HOME}/{two.name}",
        how=JSON_PATCH,
    )
    assert site.data("b") == {"stays": "1", "goes": "2"}
    controller.start()
    two.wait_ready(sha)
    one.wait_ready(sha)
    assert uid(site) == before
    assert site.data("b") == {"stays": "1"}
    assert managers(site) == [f"gitops.dev/{HOME}/{two.name} Apply"]


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3])
def test_killed_in_the_middle_of_a_hand_over_it_finishes_it(
    controller: Controller, cluster: Cluster, site: Site, delay: float
) -> None:
    moving = {f"m{i:02}": to_yaml(config_map(f"m{i:02}")) for i in range(40)}
    site.push(
        {f"one/{name}.yaml": text for name, text in moving.items()}
        | {"one/a.yaml": to_yaml(config_map("a")), "two/c.yaml": to_yaml(config_map("c"))}
    )
    one, two = site.application("one", path="one"), site.application("two", path="two")
    one.wait_ready()
    two.wait_ready()
    before = {name: uid(site, name) for name in moving}
    files: dict[str, str | None] = {f"one/{name}.yaml": None for name in moving}
    sha = site.push(files | {f"two/{name}.yaml": text for name, text in moving.items()})

    def begun() -> bool:
        return any(owned_by(site, two, name) for name in ("m00", "m20"))

    wait_for(begun, "it has begun")
    time.sleep(delay)
    controller.kill()
    assert {name: uid(site, name) for name in moving} == before
    controller.start()
    two.wait_ready(sha)
    one.wait_ready(sha)
    assert {name: uid(site, name) for name in moving} == before
    assert all(owned_by(site, two, name) for name in moving)
    assert {one for name in moving for one in managers(site, name)} == {f"gitops.dev/{HOME}/{two.name} Apply"}


def test_an_object_waits_for_a_repository_that_does_not_answer_and_no_longer(
    controller: Controller, site: Site
) -> None:
    one, two, other = in_repositories_of_their_own(site)
    site.git_server.fail_with(other.name, 503)
    sha = site.push_objects(config_map("a"))
    try:
        one.wait(lambda _: any(it["reason"] == "PruneWaiting" for it in one.problems()), "it waits")
        one.wait_ready(sha)
        stays(lambda: site.data("b"), "nothing is deleted", seconds=1)
    finally:
        site.git_server.heal(other.name)
    two.refresh()
    site.wait_data("b", None)
    one.wait(lambda status: not status.get("problems"), "nothing waits any more")


def test_an_application_made_by_the_former_owner_gets_its_objects_from_it(
    controller: Controller, cluster: Cluster, site: Site
) -> None:
    """One folder becomes two: the commit that moves the objects also makes the Application that has them."""
    one = site.synced(config_map("a"), config_map("b"))
    child = thing(
        "gitops.dev/v1alpha1",
        "Application",
        f"{site.name}-child",
        HOME,
        spec={
            "source": {"repository": site.repository.url, "path": "child"},
            "destination": {"namespace": site.namespace},
            "sync": {"interval": "500ms"},
        },
    )
    with always_owned(cluster, site):
        sha = site.push(
            {
                "app/objects.yaml": to_yaml(config_map("a"), child),
                "child/b.yaml": to_yaml(config_map("b")),
            }
        )
        made = App(cluster, HOME, f"{site.name}-child")
        wait_for(made.find, "the child is made")
        made.wait_ready()
        one.wait_ready(sha)
    assert owned_by(site, made)
