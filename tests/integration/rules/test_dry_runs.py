"""Section 2 of the engine's design: what a dry run tells, and a change that was taken back."""

import pytest

from tests.integration.rules.support import (
    SHOP,
    Obj,
    Place,
    a_second,
    changed,
    config_map,
    deployment,
    entry_of,
    fields_of,
    success,
)

ENV = "spec.template.spec.containers.0.env"
ORDERED = [{"name": "ONE", "value": "1"}, {"name": "TWO", "value": "$(ONE)"}]


def with_env(env: list[Obj]) -> Obj:
    return changed(deployment("d"), ENV, env)


async def time_of_dry_run(place: Place, obj: Obj) -> tuple[str, str]:
    """The time of our entry as it is, and as it would be after an apply."""
    await a_second()
    live, dry = await place.get(obj), await place.reapply(obj, dry_run=True)
    before, after = entry_of(live), entry_of(dry)
    assert before
    assert after
    return before["time"], after["time"]


async def test_a_dry_run_changes_nothing(place: Place) -> None:
    await place.apply(config_map("a"))
    before = await place.get(config_map("a"))
    dry = await place.reapply(config_map("a", {"k": "2"}), dry_run=True)
    assert dry["data"] == {"k": "2"}
    assert await place.get(config_map("a")) == before


async def test_a_dry_run_answers_with_the_resource_version_that_it_was_computed_from(place: Place) -> None:
    """So that a comparison can be trusted: both requests must have seen the same object."""
    await place.apply(config_map("a"))
    live = await place.get(config_map("a"))
    dry = await place.reapply(config_map("a", {"k": "2"}), dry_run=True)
    assert dry["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


async def test_the_time_of_our_entry_stays_when_an_apply_would_change_nothing(place: Place) -> None:
    await place.apply(config_map("a"))
    before, after = await time_of_dry_run(place, config_map("a"))
    assert before == after


async def test_an_apply_that_changes_nothing_writes_nothing(place: Place) -> None:
    before = await place.apply(config_map("a"))
    await a_second()
    assert await place.reapply(config_map("a")) == before


async def test_the_time_of_our_entry_moves_when_an_apply_would_change_a_value(place: Place) -> None:
    obj = config_map("a")
    await place.apply(obj)
    await place.merge(obj, {"data": {"k": "2"}})
    # The entry is gone with its only field; what is compared is that of a sibling.
    two = config_map("b", {"k": "1", "l": "1"})
    await place.apply(two)
    await place.merge(two, {"data": {"k": "2"}})
    before, after = await time_of_dry_run(place, two)
    assert before < after


async def test_the_time_of_our_entry_moves_for_a_reordered_list_too(place: Place) -> None:
    obj = with_env(ORDERED)
    await place.apply(obj)
    await place.json_patch(
        obj, [{"op": "replace", "path": "/" + ENV.replace(".", "/"), "value": ORDERED[::-1]}]
    )
    before, after = await time_of_dry_run(place, obj)
    assert before < after


async def test_a_reordered_list_is_drift_and_is_healed(place: Place) -> None:
    """The order of environment variables has a meaning: later ones may refer to earlier ones."""
    obj = with_env(ORDERED)
    await place.apply(obj)
    await place.json_patch(
        obj, [{"op": "replace", "path": "/" + ENV.replace(".", "/"), "value": ORDERED[::-1]}]
    )
    drift = await place.drift(obj)
    assert drift.paths == ("/spec/template/spec/containers[name=main]/env",)
    healed = await place.reapply(obj)
    assert healed["spec"]["template"]["spec"]["containers"][0]["env"] == ORDERED


async def test_a_change_that_was_taken_back_leaves_the_values_and_loses_the_ownership(place: Place) -> None:
    obj = config_map("a", {"k": "A", "l": "1"})
    original = await place.apply(obj)
    await place.merge(obj, {"data": {"k": "B"}})
    await place.merge(obj, {"data": {"k": "A"}})
    live = await place.get(obj)
    assert live["data"] == original["data"]
    assert fields_of(live) != fields_of(original)
    drift = await place.drift(obj)
    assert (drift.paths, drift.reclaim) == ((), True)


async def test_an_apply_wins_the_ownership_back_so_that_the_next_change_is_seen(place: Place) -> None:
    obj = config_map("a", {"k": "A", "l": "1"})
    original = await place.apply(obj)
    for value in ("B", "A"):
        await place.merge(obj, {"data": {"k": value}})
    await place.reapply(obj)
    regained = await place.get(obj)
    assert fields_of(regained) == fields_of(original)
    await place.merge(obj, {"data": {"k": "C"}})
    assert entry_of(await place.get(obj)) != entry_of(regained)


async def test_without_winning_it_back_the_next_change_goes_unseen(place: Place) -> None:
    obj = config_map("a", {"k": "A", "l": "1"})
    await place.apply(obj)
    for value in ("B", "A"):
        await place.merge(obj, {"data": {"k": value}})
    before = await place.get(obj)
    await place.merge(obj, {"data": {"k": "C"}})
    assert entry_of(await place.get(obj)) == entry_of(before)


async def test_drift_names_its_author(place: Place) -> None:
    obj = deployment("d")
    await place.apply(obj)
    await place.merge(obj, {"metadata": {"labels": {"team": "x"}}}, by="labeller")
    await place.merge(obj, {"spec": {"paused": True}}, by="pauser")
    await place.json_patch(
        obj,
        [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "evil:1"}],
        by="intruder",
    )
    drift = await place.drift(obj)
    assert drift.paths == ("/spec/template/spec/containers[name=main]/image",)
    assert drift.author == "intruder"
    assert drift.at


@pytest.mark.parametrize("port", [0, 1])
async def test_drift_of_a_named_port_names_its_author(place: Place, port: int) -> None:
    """The server keys ports by number and protocol, we show them by name."""
    ports = [
        {"name": "http", "port": 80, "targetPort": 8080},
        {"name": "admin", "port": 81, "targetPort": 8081},
    ]
    obj = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"selector": {"app": "s"}, "ports": ports},
    }
    await place.apply(obj)
    other = {"op": "add", "path": f"/spec/ports/{1 - port}/appProtocol", "value": "kubernetes.io/h2c"}
    await place.json_patch(obj, [other], by="bystander")
    await a_second()
    edit = {"op": "replace", "path": f"/spec/ports/{port}/targetPort", "value": 9999}
    await place.json_patch(obj, [other, edit], by="intruder")
    assert (await place.drift(obj)).author == "intruder"


async def test_a_removed_field_has_no_author(place: Place) -> None:
    obj = config_map("a", {"k": "1", "l": "2"})
    await place.apply(obj)
    await place.merge(obj, {"data": {"k": None}}, by="remover")
    drift = await place.drift(obj)
    assert (drift.paths, drift.author) == (("/data/k",), "unknown")


async def test_replicas_stay_as_scaled_once_they_are_out_of_our_entry_and_omitted(place: Place) -> None:
    obj = changed(deployment("d"), "spec.replicas", 2)
    live = await place.apply(obj)
    index = next(i for i, e in enumerate(live["metadata"]["managedFields"]) if e["manager"] == SHOP.manager)
    path = f"/metadata/managedFields/{index}/fieldsV1/f:spec/f:replicas"
    await place.json_patch(obj, [{"op": "remove", "path": path}], by=SHOP.manager)
    without = changed(obj, "spec.replicas", None)
    assert (await place.reapply(without))["spec"]["replicas"] == 2


async def test_replicas_are_reset_when_they_are_only_omitted(place: Place) -> None:
    obj = changed(deployment("d"), "spec.replicas", 2)
    await place.apply(obj)
    uid = (await place.get(obj))["metadata"]["uid"]
    without = changed(changed(obj, "spec.replicas", None), "metadata.uid", uid)
    assert success(await place.try_apply(without, force=True))["spec"]["replicas"] == 1
