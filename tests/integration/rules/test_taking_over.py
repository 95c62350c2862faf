"""Section 1 of the engine's design: whose fields become ours, and what happens to keys that leave Git."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gitops.core.adoption import AdoptPolicy, Parents, taken_managers
from gitops.core.fields import merge_managers
from gitops.core.inventory import Membership
from gitops.kube import objects
from gitops.kube.client import Reply
from tests.integration.rules.support import (
    CAFE,
    KUBECTL,
    SHOP,
    Obj,
    Place,
    changed,
    config_map,
    deployment,
    entry_of,
    managers_of,
    success,
)

Kubectl = Callable[..., str]
OLD = config_map("a", {"k": "1", "gone": "x"})
NEW = config_map("a", {"k": "1"})
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def kubectl_apply(kubectl: Kubectl, place: Place, obj: Obj) -> None:
    kubectl("apply", f"--namespace={place.namespace}", "--filename=-", input=json.dumps(obj))


async def take_over(place: Place, obj: Obj, *managers: str) -> Reply:
    """The patch that is sent before the first apply, as the controller sends it."""
    live = await place.look(obj)
    resource = place.resource(obj)
    merged = merge_managers(live.metadata["managedFields"], managers, SHOP.manager, resource.api_version)
    assert merged is not None
    operations = [{"op": "replace", "path": "/metadata/managedFields", "value": merged}]
    return await objects.patch(
        place.client,
        resource,
        place.key(obj),
        operations,
        SHOP.manager,
        resource_version=live.observed.resource_version,
    )


async def test_a_key_goes_away_with_git_when_kubectls_entry_is_merged_before_the_first_apply(
    place: Place, kubectl: Kubectl
) -> None:
    kubectl_apply(kubectl, place, OLD)
    success(await take_over(place, OLD, KUBECTL))
    adopted = await place.apply(OLD)
    assert managers_of(adopted) == [(SHOP.manager, "Apply")]
    assert LAST_APPLIED not in adopted["metadata"].get("annotations", {})
    assert (await place.reapply(NEW))["data"] == {"k": "1"}


async def test_a_key_stays_for_ever_when_kubectls_entry_is_dropped_later(
    place: Place, kubectl: Kubectl
) -> None:
    kubectl_apply(kubectl, place, OLD)
    await place.apply(OLD)
    both_own_it = await place.reapply(NEW)
    assert "gone" in both_own_it["data"]
    kept = [e for e in both_own_it["metadata"]["managedFields"] if e["manager"] != KUBECTL]
    await place.json_patch(OLD, [{"op": "replace", "path": "/metadata/managedFields", "value": kept}])
    assert "gone" in (await place.reapply(NEW))["data"]


async def test_a_merge_for_an_object_that_moved_meanwhile_is_refused(place: Place) -> None:
    await place.create(OLD, by="kubectl-create")
    live = await place.look(OLD)
    await place.merge(OLD, {"data": {"other": "y"}})
    reply = await objects.patch(
        place.client,
        place.resource(OLD),
        place.key(OLD),
        [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}],
        SHOP.manager,
        resource_version=live.observed.resource_version,
    )
    assert reply.status == 422
    assert managers_of(await place.get(OLD))


async def test_a_merge_leaves_no_update_entry_of_ours_behind(place: Place) -> None:
    await place.create(OLD, by="kubectl-create")
    merged = success(await take_over(place, OLD, "kubectl-create"))
    assert managers_of(merged) == [(SHOP.manager, "Apply")]


async def test_other_managers_keep_their_entries_in_a_merge(place: Place) -> None:
    obj = deployment("web")
    await place.create(obj, by="kubectl-create")
    await place.merge(obj, {"metadata": {"labels": {"team": "x"}}}, by="labeller")
    await place.merge(obj, {"spec": {"replicas": 1}}, by="autoscaler", sub="scale")
    while (reply := await take_over(place, obj, "kubectl-create")).status == 422:
        pass  # the Deployment's controller writes too
    merged = success(reply)
    kept = [(e["manager"], e.get("subresource", "")) for e in merged["metadata"]["managedFields"]]
    assert ("labeller", "") in kept
    assert ("autoscaler", "scale") in kept


async def test_an_object_made_without_field_management_is_taken_over_too(place: Place) -> None:
    """The server then calls its former state `before-first-apply` when it is first applied to."""
    await place.create(OLD, by="ancient")
    cleared = await place.json_patch(
        OLD, [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    )
    assert managers_of(cleared) == []
    applied = await place.apply(OLD)
    assert managers_of(applied) == [(SHOP.manager, "Apply"), ("before-first-apply", "Update")]
    live = await place.look(OLD)
    assert taken_managers(live, SHOP, AdoptPolicy.UNOWNED, Parents({})) == ("before-first-apply",)
    success(await take_over(place, OLD, "before-first-apply"))
    assert (await place.reapply(NEW))["data"] == {"k": "1"}


async def copied(place: Place, name: str, *parts: str) -> Obj:
    """What a backup tool writes back of our object `a`: `parts` of its metadata, under `name`."""
    original = config_map("a")
    metadata = (await place.apply(place.marked(original)))["metadata"]
    copy = config_map(name)
    copy["metadata"] |= {part: metadata[part] for part in parts}
    return copy


async def test_managers_given_on_create_keep_only_the_fields_that_the_copy_lacks(place: Place) -> None:
    """So a copy without our annotation carries our label and our entry all the same."""
    created = await place.create(await copied(place, "copy", "labels", "managedFields"), by="backup")
    assert managers_of(created) == [(SHOP.manager, "Apply"), ("backup", "Update")]
    entry = entry_of(created)
    assert entry
    assert entry["fieldsV1"] == {"f:metadata": {"f:annotations": {"f:gitops.dev/applied": {}}}}


@pytest.mark.parametrize(
    ("parts", "manager"),
    [
        (("labels", "managedFields"), SHOP.manager),
        (("labels", "annotations", "managedFields"), ""),
        (("labels", "annotations"), ""),
    ],
)
async def test_a_restored_copy_is_foreign(place: Place, parts: tuple[str, ...], manager: str) -> None:
    await place.create(await copied(place, "copy", *parts), by="backup")
    seen = await place.observed(config_map("copy"))
    assert (seen.part_of, seen.manager) == (SHOP.applyset_id, manager)
    assert seen.membership(SHOP) is Membership.FOREIGN
    assert (await place.observed(config_map("a"))).membership(SHOP) is Membership.MEMBER


async def test_an_object_restored_in_its_own_place_is_damaged_and_a_repair_makes_it_a_member(
    place: Place,
) -> None:
    backup = await copied(place, "a", "labels", "annotations", "managedFields")
    await place.delete(backup)
    await place.create(backup, by="backup")
    assert (await place.observed(backup)).membership(SHOP) is Membership.DAMAGED
    await place.reapply(place.marked(config_map("a")))
    assert (await place.observed(backup)).membership(SHOP) is Membership.MEMBER


DAMAGES: dict[str, Obj] = {
    "label taken off": {"metadata": {"labels": None}},
    "managedFields cleared": {"metadata": {"managedFields": [{}]}},
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_an_object_that_lost_one_of_its_marks_is_damaged_and_a_repair_mends_it(
    place: Place, damage: str
) -> None:
    obj = place.marked(OLD)
    await place.apply(obj)
    await place.merge(obj, DAMAGES[damage])
    live = await place.look(obj)
    assert live.observed.membership(SHOP) is Membership.DAMAGED
    take = taken_managers(live, SHOP, AdoptPolicy.UNOWNED, Parents({}))
    if take:
        success(await take_over(place, obj, *take))
    await place.reapply(obj)
    assert (await place.observed(obj)).membership(SHOP) is Membership.MEMBER


async def test_a_key_that_leaves_git_goes_away_after_a_repair(place: Place) -> None:
    obj = place.marked(OLD)
    await place.apply(obj)
    await place.merge(obj, DAMAGES["managedFields cleared"])
    await place.reapply(obj)
    live = await place.look(obj)
    take = taken_managers(live, SHOP, AdoptPolicy.UNOWNED, Parents({}))
    assert take == ("before-first-apply",)
    success(await take_over(place, obj, *take))
    assert (await place.reapply(place.marked(NEW)))["data"] == {"k": "1"}


async def test_a_kept_manager_holds_its_fields_when_they_leave_git(place: Place) -> None:
    await place.apply(NEW)
    await place.merge(NEW, {"data": {"theirs": "1"}}, by="operator")
    await place.reapply(changed(NEW, "data.theirs", "1"))
    assert (await place.reapply(NEW))["data"] == {"k": "1", "theirs": "1"}


async def hand_over(place: Place, obj: Obj) -> Any:
    """The JSON patch that makes CAFE the owner of SHOP's object, at no instant without an owner."""
    live = await place.look(obj)
    marks = place.marked(obj, CAFE)["metadata"]
    entries = [
        {**entry, "manager": CAFE.manager} if entry["manager"] == SHOP.manager else entry
        for entry in live.metadata["managedFields"]
    ]
    operations = [
        {"op": "replace", "path": "/metadata/labels", "value": marks["labels"]},
        {"op": "replace", "path": "/metadata/annotations", "value": marks["annotations"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ]
    return success(
        await objects.patch(
            place.client,
            place.resource(obj),
            place.key(obj),
            operations,
            CAFE.manager,
            resource_version=live.observed.resource_version,
        )
    )


async def test_a_hand_over_renames_the_entry_and_the_winners_apply_removes_what_left_git(
    place: Place,
) -> None:
    await place.apply(place.marked(OLD))
    handed_over = await hand_over(place, OLD)
    assert entry_of(handed_over, SHOP) is None
    assert (await place.observed(OLD)).membership(CAFE) is Membership.MEMBER
    applied = await place.reapply(place.marked(NEW, CAFE), CAFE)
    assert applied["data"] == {"k": "1"}
    assert (CAFE.manager, "Apply") in managers_of(applied)
