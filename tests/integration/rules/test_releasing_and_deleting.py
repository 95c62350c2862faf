"""Section 4 of the engine's design: what a release leaves, and what a deletion may hit."""

import dataclasses
from typing import Any

import orjson
import pytest

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.core.inventory import Membership
from gitops.core.problem import Reason
from gitops.core.verdict import Turn
from gitops.kube import objects
from gitops.kube.release import release
from tests.integration.rules.support import (
    CAFE,
    SHOP,
    Obj,
    Place,
    changed,
    config_map,
    deployment,
    eventually_async,
    managers_of,
    success,
)


async def released(place: Place, obj: Obj) -> Any:
    reply = await release(place.client, place.resource(obj), await place.look(obj), SHOP)
    return success(reply)


async def test_a_release_removes_our_marks_and_no_field(place: Place) -> None:
    obj = place.marked(config_map("a", {"k": "1", "l": "2"}))
    await place.apply(obj)
    after = await released(place, obj)
    assert after["data"] == {"k": "1", "l": "2"}
    assert APPLYSET_PART_OF_LABEL not in after["metadata"].get("labels", {})
    assert APPLIED_ANNOTATION not in after["metadata"].get("annotations", {})
    assert (await place.observed(obj)).membership(SHOP) is Membership.FOREIGN


async def test_an_object_of_which_we_are_the_only_manager_has_none_after_its_release(place: Place) -> None:
    obj = place.marked(config_map("a"))
    await place.apply(obj)
    assert managers_of(await released(place, obj)) == []


async def test_a_release_keeps_the_labels_annotations_and_managers_of_others(place: Place) -> None:
    obj = place.marked(changed(deployment("d"), "metadata.labels", {"app": "d"}))
    await place.apply(obj)
    await place.merge(
        obj, {"metadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}}}, by="labeller"
    )
    await place.merge(obj, {"spec": {"replicas": 0, "paused": True}}, by="pauser")
    before = await place.get(obj)
    while (
        reply := await release(place.client, place.resource(obj), await place.look(obj), SHOP)
    ).status == 422:
        pass  # the Deployment's controller writes too
    after = success(reply)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == {"app": "d", "team": "x"}
    assert after["metadata"]["annotations"]["note"] == "y"
    assert {("labeller", "Update"), ("pauser", "Update")} <= set(managers_of(after))
    assert SHOP.manager not in [manager for manager, _ in managers_of(after)]


async def test_a_released_object_can_be_adopted_by_another_application(place: Place) -> None:
    obj = config_map("a", {"k": "1", "gone": "x"})
    await place.apply(place.marked(obj))
    await released(place, obj)
    await place.apply(place.marked(obj, CAFE), CAFE)
    assert (await place.observed(obj)).membership(CAFE) is Membership.MEMBER


async def test_a_release_leaves_the_label_of_another_applyset_alone(place: Place) -> None:
    obj = place.marked(config_map("a"))
    await place.apply(obj)
    await place.merge(obj, {"metadata": {"labels": {APPLYSET_PART_OF_LABEL: CAFE.applyset_id}}})
    after = await released(place, obj)
    assert after["metadata"]["labels"] == {APPLYSET_PART_OF_LABEL: CAFE.applyset_id}


async def test_a_release_of_an_object_that_moved_is_refused_and_tried_again(place: Place) -> None:
    obj = place.marked(config_map("a"))
    await place.apply(obj)
    live = await place.look(obj)
    await place.merge(obj, {"data": {"k": "2"}})
    reply = await release(place.client, place.resource(obj), live, SHOP)
    assert place.verdict(obj, reply).turn is Turn.AGAIN
    assert APPLYSET_PART_OF_LABEL in (await place.get(obj))["metadata"]["labels"]


async def test_an_empty_apply_would_delete_our_fields_which_is_why_a_release_is_a_patch(place: Place) -> None:
    obj = config_map("a")
    await place.apply(obj)
    assert "data" not in await place.reapply({**obj, "data": {}})


async def test_a_deletion_hits_exactly_what_was_seen(place: Place) -> None:
    obj = config_map("a")
    await place.apply(obj)
    reply = await objects.delete(place.client, place.resource(obj), await place.observed(obj))
    assert reply.ok
    assert not await place.is_there(obj)


@pytest.mark.parametrize(
    "wrong", [{"uid": "00000000-0000-4000-8000-000000000000"}, {"resource_version": "1"}]
)
async def test_a_deletion_of_something_else_by_that_name_is_refused_and_looked_at_again(
    place: Place, wrong: dict[str, str]
) -> None:
    obj = config_map("a")
    await place.apply(obj)
    seen = dataclasses.replace(await place.observed(obj), **wrong)  # type: ignore[arg-type]
    reply = await objects.delete(place.client, place.resource(obj), seen)
    assert reply.status == 409
    assert await place.is_there(obj)
    verdict = place.verdict(obj, reply)
    assert (verdict.turn, verdict.problem.reason) == (Turn.AGAIN, Reason.CHANGED_MEANWHILE)


JOB: Obj = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j"},
    "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main:1"}]}}
    },
}


async def pods_of_job(place: Place) -> list[Any]:
    path = f"/api/v1/namespaces/{place.namespace}/pods"
    found = success(await place.client.request("GET", path, params={"labelSelector": "job-name=j"}))
    return list(found["items"])


async def running_job(place: Place) -> None:
    await place.apply(JOB)

    async def has_pod() -> bool:
        return bool(await pods_of_job(place))

    await eventually_async(has_pod)


async def test_the_pods_of_a_job_stay_behind_by_the_servers_default(place: Place) -> None:
    await running_job(place)
    success(await place.client.request("DELETE", place.path(JOB)))

    async def is_gone() -> bool:
        return not await place.is_there(JOB)

    await eventually_async(is_gone)

    async def is_orphaned() -> bool:
        pods = await pods_of_job(place)
        return bool(pods) and not any(pod["metadata"].get("ownerReferences") for pod in pods)

    await eventually_async(is_orphaned)


async def test_the_pods_of_a_job_go_with_it_when_we_delete_it(place: Place) -> None:
    await running_job(place)
    while (
        reply := await objects.delete(place.client, place.resource(JOB), await place.observed(JOB))
    ).status == 409:
        pass  # the Job's controller writes its status meanwhile
    assert reply.ok

    async def no_pods() -> bool:
        return not await pods_of_job(place)

    await eventually_async(no_pods)


async def test_a_deletion_waits_for_finalizers_and_the_object_says_so(place: Place) -> None:
    obj = changed(config_map("a"), "metadata.finalizers", ["gitops.example/hold"])
    await place.apply(obj)
    reply = await objects.delete(place.client, place.resource(obj), await place.observed(obj))
    assert reply.ok
    assert orjson.loads(reply.body)["metadata"]["deletionTimestamp"]
    seen = await place.observed(obj)
    assert (seen.deleting, seen.finalizers) == (True, ("gitops.example/hold",))
    assert "gitops.example/hold" in seen.health.message
    await place.merge(obj, {"metadata": {"finalizers": None}})
