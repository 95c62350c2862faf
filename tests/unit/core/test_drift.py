"""Drift: what differs, whether only ownership is lost, and who did it."""

import copy
from typing import Any

import pytest

from gitops.core.drift import compare, invalid_beside
from gitops.core.plan import Drift
from gitops.core.problem import Blame, Problem, Reason
from tests.unit.core.support import SHOP, entry, key

A = key("a")
FIELDS: dict[str, Any] = {"f:data": {"f:k": {}}}


def obj(k: str = "1", *entries: Any, spec: Any = None, **metadata: Any) -> dict[str, Any]:
    managed = [entry(SHOP.manager, fields=FIELDS), *entries]
    return {
        "metadata": {"name": "a", "managedFields": managed, **metadata},
        "data": {"k": k},
        "spec": spec or {},
    }


def drift(live: Any, dry: Any) -> Drift:
    return compare(A, live, dry, SHOP.manager)


def test_equal_objects_have_not_drifted() -> None:
    assert not drift(obj(), obj()).acts


def test_a_status_or_what_the_server_counts_is_no_drift() -> None:
    live = obj(resourceVersion="1", generation=1) | {"status": {"a": 1}}
    assert not drift(live, obj(resourceVersion="2", generation=2)).acts


def test_the_time_of_our_entry_is_no_drift() -> None:
    """It moves by the dry run itself."""
    later = obj()
    later["metadata"]["managedFields"][0]["time"] = "2027-01-01T00:00:00Z"
    assert not drift(obj(), later).acts


@pytest.mark.parametrize("lost", [{}, {"f:data": {}}, None])
def test_values_that_agree_with_an_ownership_that_does_not_are_reclaimed(lost: Any) -> None:
    live = obj()
    live["metadata"]["managedFields"] = [entry(SHOP.manager, fields=lost)] if lost is not None else []
    found = drift(live, obj())
    assert (found.paths, found.reclaim, found.acts) == ((), True, True)


def test_drift_names_the_path_and_the_newest_of_its_owners() -> None:
    old = entry("old", "Update", FIELDS, time="2026-01-01T00:00:00Z")
    new = entry("new", "Update", FIELDS, time="2026-01-02T00:00:00Z")
    bystander = entry("bystander", "Update", {"f:data": {"f:l": {}}}, time="2026-01-03T00:00:00Z")
    found = drift(obj("2", old, bystander, new), obj("1"))
    assert found == Drift(A, ("/data/k",), author="new", at="2026-01-02T00:00:00Z")


def test_a_removed_field_has_no_author() -> None:
    live = obj("1", entry("bystander", "Update", {"f:data": {"f:l": {}}}))
    del live["data"]["k"]
    assert drift(live, obj("1")).author == "unknown"


def containers(image: str) -> Any:
    return {"containers": [{"name": "main", "image": image}, {"name": "side", "image": "x"}]}


@pytest.mark.parametrize(("owned", "author"), [("main", "intruder"), ("side", "unknown")])
def test_the_author_of_a_list_item_owns_that_item(owned: str, author: str) -> None:
    fields: Any = {"f:spec": {"f:containers": {f'k:{{"name":"{owned}"}}': {"f:image": {}}}}}
    live = obj("1", entry("intruder", "Update", fields), spec=containers("evil"))
    found = drift(live, obj("1", spec=containers("good")))
    assert (found.paths, found.author) == (("/spec/containers[name=main]/image",), author)


def test_the_author_of_an_atomic_list_owns_it_whole() -> None:
    fields: Any = {"f:spec": {"f:args": {}}}
    live = obj("1", entry("intruder", "Update", fields), spec={"args": ["a", "c"]})
    assert drift(live, obj("1", spec={"args": ["a", "b"]})).author == "intruder"


def test_the_author_of_a_service_port_is_found_by_the_servers_key() -> None:
    """We name ports by name, the server by number and protocol; each of the author's items counts."""
    ports = [{"name": "http", "port": 80}, {"name": "admin", "port": 81, "targetPort": 1}]
    edited = copy.deepcopy(ports)
    edited[1]["targetPort"] = 2
    fields: Any = {
        "f:spec": {
            "f:ports": {
                'k:{"port":80,"protocol":"TCP"}': {"f:appProtocol": {}},
                'k:{"port":81,"protocol":"TCP"}': {"f:targetPort": {}},
            }
        }
    }
    live = obj("1", entry("intruder", "Update", fields), spec={"ports": edited})
    found = drift(live, obj("1", spec={"ports": ports}))
    assert (found.paths, found.author) == (("/spec/ports[name=admin]/targetPort",), "intruder")


INVALID = Problem(Reason.INVALID_OBJECT, "may not be specified twice", Blame.REPOSITORY)


def test_what_people_wrote_beside_ours_is_taken_over_when_the_two_are_invalid_together() -> None:
    owned: Any = {"f:spec": {"f:ports": {'k:{"port":82,"protocol":"TCP"}': {"f:port": {}}}}}
    live = obj("1", entry("kubectl-edit", "Update", owned))
    found = invalid_beside(A, live, INVALID)
    assert (found.takes, found.author, found.problem) == (("kubectl-edit",), "kubectl-edit", None)
    assert found.acts
    assert found.paths == ('/spec/ports/k:{"port":82,"protocol":"TCP"}/port',)


def test_what_a_controller_wrote_beside_ours_is_reported_and_left() -> None:
    live = obj("1", entry("some-operator", "Update", {"f:spec": {"f:ports": {}}}))
    found = invalid_beside(A, live, INVALID)
    assert (found.takes, found.problem, found.acts) == ((), INVALID, False)
