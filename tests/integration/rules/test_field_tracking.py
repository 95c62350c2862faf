"""Section 2 of the engine's design: every foreign change shows in our Apply entry, but for two kinds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gitops.core.diff import without_noise
from gitops.core.fields import merge_managers
from gitops.kube.client import MERGE_PATCH
from tests.integration.rules.support import (
    SHOP,
    Obj,
    Place,
    a_second,
    changed,
    config_map,
    deployment,
    digest_of,
    entry_of,
    fields_of,
    managers_of,
    pod_spec,
    secret,
    service,
)

Write = Callable[[Place, Obj], Awaitable[Any]]
MAIN = "/spec/template/spec/containers/0"

ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "role"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
}
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "policy"},
    "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
}
ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "account"},
    "imagePullSecrets": [{"name": "one"}],
}
CRONJOB = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "cron"},
    "spec": {
        "schedule": "0 0 * * *",
        "jobTemplate": {
            "spec": {
                "template": {
                    "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main:1"}]}
                }
            }
        },
    },
}
LABELLED = changed(config_map("labelled"), "metadata.labels", {"team": "a"})
PLANTED = secret("planted", {"k": "b2xk"})


def merge(patch: Obj, sub: str = "") -> Write:
    async def write(place: Place, obj: Obj) -> Any:
        return await place.merge(obj, patch, sub=sub)

    return write


def patch(op: str, path: str, value: Any = None) -> Write:
    async def write(place: Place, obj: Obj) -> Any:
        operation = {"op": op, "path": path} | ({} if op == "remove" else {"value": value})
        return await place.json_patch(obj, [operation])

    return write


async def put_without_managers(place: Place, obj: Obj) -> Any:
    """`managedFields: []` in a PUT clears them; what is left is attributed to nobody."""
    live = await place.get(obj)
    live["metadata"]["managedFields"] = [{}]
    return await place.put(live)


async def put_what_git_once_had(place: Place, obj: Obj) -> Any:
    """An old PUT without the fields that came later: `kubectl replace` with a stale file."""
    live = await place.get(obj)
    return await place.put(changed(live, "data.k", "stale"))


async def foreign_apply(place: Place, obj: Obj) -> Any:
    uid = (await place.get(obj))["metadata"]["uid"]
    theirs = changed(changed(obj, "data.k", "theirs"), "metadata.uid", uid)
    reply = await place.try_apply(theirs, manager="somebody", force=True)
    assert reply.ok
    return reply.json


async def write_in_our_name(place: Place, obj: Obj) -> Any:
    """Somebody who applies with our manager's name; its time gives it away."""
    await a_second()
    return await place.reapply(changed(obj, "data.k", "forged"))


@dataclass(frozen=True)
class Foreign:
    """One kind of change by somebody else, to an object that we applied."""

    obj: Obj
    write: Write


CHANGES: dict[str, Foreign] = {
    "a value edited": Foreign(config_map("m"), merge({"data": {"k": "2"}})),
    "a key removed": Foreign(config_map("m", {"k": "1", "l": "2"}), merge({"data": {"k": None}})),
    "a map removed": Foreign(config_map("m"), merge({"data": None})),
    "a value replaced by a server-side apply": Foreign(config_map("m"), foreign_apply),
    "a value edited under our own name": Foreign(config_map("m"), write_in_our_name),
    "a label edited": Foreign(LABELLED, merge({"metadata": {"labels": {"team": "b"}}})),
    "a label removed": Foreign(LABELLED, merge({"metadata": {"labels": {"team": None}}})),
    "replicas edited": Foreign(deployment("d"), merge({"spec": {"replicas": 1}})),
    "replicas scaled": Foreign(deployment("d"), merge({"spec": {"replicas": 1}}, sub="scale")),
    "an image edited": Foreign(deployment("d"), patch("replace", f"{MAIN}/image", "evil:1")),
    "an environment value edited": Foreign(deployment("d"), patch("replace", f"{MAIN}/env/0/value", "2")),
    "an environment variable removed": Foreign(deployment("d"), patch("remove", f"{MAIN}/env/0")),
    "a valueFrom swapped": Foreign(
        deployment("d"),
        patch("replace", f"{MAIN}/env/1/valueFrom", {"configMapKeyRef": {"name": "c", "key": "k"}}),
    ),
    "a container removed": Foreign(deployment("d"), patch("remove", "/spec/template/spec/containers/1")),
    "an atomic list extended": Foreign(deployment("d"), patch("add", f"{MAIN}/args/-", "c")),
    "an atomic list cut": Foreign(deployment("d"), patch("remove", f"{MAIN}/args/0")),
    "an atomic list reordered": Foreign(deployment("d"), patch("replace", f"{MAIN}/args", ["b", "a"])),
    "a container port edited": Foreign(
        deployment("d"), patch("replace", f"{MAIN}/ports/0/containerPort", 81)
    ),
    "a service port edited": Foreign(service("s"), patch("replace", "/spec/ports/0/port", 8080)),
    "a service port removed": Foreign(service("s"), patch("remove", "/spec/ports/1")),
    "a selector extended": Foreign(service("s"), merge({"spec": {"selector": {"more": "x"}}})),
    "an RBAC rule added": Foreign(
        ROLE, patch("add", "/rules/-", {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})
    ),
    "an RBAC verb added": Foreign(ROLE, patch("add", "/rules/0/verbs/-", "delete")),
    "a network policy opened": Foreign(POLICY, merge({"spec": {"ingress": [{}]}})),
    "a pull secret renamed": Foreign(ACCOUNT, patch("replace", "/imagePullSecrets/0/name", "two")),
    "a schedule edited": Foreign(CRONJOB, merge({"spec": {"schedule": "1 1 * * *"}})),
    "Secret data edited": Foreign(PLANTED, merge({"data": {"k": "bmV3"}})),
    "a PUT of other values": Foreign(config_map("m"), put_what_git_once_had),
    "a PUT that clears managedFields": Foreign(config_map("m"), put_without_managers),
}


async def rewritten(place: Place, foreign: Foreign) -> tuple[Obj, Obj]:
    """Our object before and after somebody else's change; rows share names, so each starts anew."""
    if await place.is_there(foreign.obj):
        await place.delete(foreign.obj)
    before = await place.apply(foreign.obj)
    await foreign.write(place, foreign.obj)
    return before, await place.get(foreign.obj)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_foreign_change_shows_in_our_entry(shared_place: Place, name: str) -> None:
    before, after = await rewritten(shared_place, CHANGES[name])
    assert before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]
    assert entry_of(before) != entry_of(after)
    assert digest_of(before) != digest_of(after)


# The values are all as we applied them here: only the ownership is to be won back.
ONLY_OWNERSHIP = {"a PUT that clears managedFields"}

# The foreign value stays beside ours where the server merges, and both together are invalid.
INVALID_TOGETHER = {"a valueFrom swapped", "a container port edited", "a service port edited"}


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - ONLY_OWNERSHIP - INVALID_TOGETHER))
async def test_a_dry_run_finds_a_foreign_change_and_an_apply_takes_it_back(
    shared_place: Place, name: str
) -> None:
    before, _ = await rewritten(shared_place, CHANGES[name])
    drift = await shared_place.drift(CHANGES[name].obj)
    assert drift.paths, drift
    healed = await shared_place.reapply(CHANGES[name].obj)
    assert fields_of(healed) == fields_of(before)
    assert not (await shared_place.drift(CHANGES[name].obj)).acts


async def test_a_dry_run_finds_a_lost_ownership_though_all_values_agree(place: Place) -> None:
    await rewritten(place, CHANGES["a PUT that clears managedFields"])
    drift = await place.drift(config_map("m"))
    assert (drift.paths, drift.reclaim) == ((), True)
    await place.reapply(config_map("m"))
    assert not (await place.drift(config_map("m"))).acts


@pytest.mark.parametrize("name", sorted(INVALID_TOGETHER))
async def test_a_foreign_value_that_is_invalid_beside_ours_is_healed_by_taking_its_manager_over(
    place: Place, name: str
) -> None:
    """A forced apply alone is refused: it doesn't remove what another manager owns."""
    obj = CHANGES[name].obj
    before, after = await rewritten(place, CHANGES[name])
    uid = after["metadata"]["uid"]
    refused = await place.try_apply(changed(obj, "metadata.uid", uid), force=True, dry_run=True)
    assert refused.status == 422
    api_version = place.resource(obj).api_version
    merged = merge_managers(after["metadata"]["managedFields"], ["somebody"], SHOP.manager, api_version)
    await place.json_patch(obj, [{"op": "replace", "path": "/metadata/managedFields", "value": merged}])
    healed = await place.reapply(obj)
    assert fields_of(healed) == fields_of(before)
    assert without_noise(healed)["spec"] == without_noise(before)["spec"]


UNSEEN: dict[str, Foreign] = {
    "an associative list reordered": Foreign(
        deployment("d"), patch("replace", f"{MAIN}/env", pod_spec()["containers"][0]["env"][::-1])
    ),
    "stringData written to a Secret": Foreign(
        {**secret("s", {}), "stringData": {"k": "ours"}}, merge({"stringData": {"k": "theirs"}})
    ),
}


@pytest.mark.parametrize("name", UNSEEN)
async def test_what_our_entry_does_not_show(shared_place: Place, name: str) -> None:
    """Hence `stringData` becomes `data` before it is applied, and a new generation earns a dry run."""
    before, after = await rewritten(shared_place, UNSEEN[name])
    assert before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]
    assert entry_of(before) == entry_of(after)


STABLE: dict[str, Foreign] = {
    "a label added": Foreign(config_map("m"), merge({"metadata": {"labels": {"theirs": "x"}}})),
    "a key added": Foreign(config_map("m"), merge({"data": {"theirs": "x"}})),
    "a sidecar added": Foreign(
        deployment("d"), patch("add", "/spec/template/spec/containers/-", {"name": "proxy", "image": "p:1"})
    ),
    "a status written": Foreign(deployment("d"), merge({"status": {"replicas": 3}}, sub="status")),
    "replicas scaled that we don't own": Foreign(
        changed(deployment("d"), "spec.replicas", None), merge({"spec": {"replicas": 0}}, sub="scale")
    ),
    "a finalizer added": Foreign(config_map("m"), merge({"metadata": {"finalizers": []}})),
}


@pytest.mark.parametrize("name", STABLE)
async def test_what_others_add_is_no_drift(shared_place: Place, name: str) -> None:
    before, after = await rewritten(shared_place, STABLE[name])
    assert digest_of(before) == digest_of(after)
    assert not (await shared_place.drift(STABLE[name].obj)).acts


async def test_our_digest_tells_a_recreated_object_from_the_old_one(place: Place) -> None:
    before = await place.apply(config_map("m"))
    await place.delete(config_map("m"))
    after = await place.apply(config_map("m"))
    assert digest_of(before) != digest_of(after)


async def test_our_digest_changes_when_a_deletion_begins(place: Place) -> None:
    obj = changed(config_map("m"), "metadata.finalizers", ["gitops.example/hold"])
    before = await place.apply(obj)
    await place.delete(obj)
    assert digest_of(before) != digest_of(await place.get(obj))
    await place.merge(obj, {"metadata": {"finalizers": None}})


async def test_a_status_is_written_without_touching_our_digest(place: Place) -> None:
    obj = deployment("d")
    before = await place.apply(obj)
    body = b'{"status":{"replicas":5,"observedGeneration":1}}'
    reply = await place.client.request(
        "PATCH",
        f"{place.path(obj)}/status",
        body,
        content_type=MERGE_PATCH,
        params={"fieldManager": "kubelet"},
    )
    assert reply.ok
    after = await place.get(obj)
    assert digest_of(before) == digest_of(after)
    assert (SHOP.manager, "Apply") in managers_of(after)
