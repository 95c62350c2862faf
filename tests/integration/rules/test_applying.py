"""Section 1 of the engine's design: what an apply does, refuses, and silently joins."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.api.group import (
    API_VERSION,
    APPLYSET_GROUP_KINDS_ANNOTATION,
    APPLYSET_ID_LABEL,
    APPLYSET_TOOLING_ANNOTATION,
    KIND,
)
from gitops.core.identity import applyset_id, manager_name
from gitops.core.problem import Blame, GitopsError, Reason
from gitops.core.verdict import Turn
from gitops.kube.objects import patch
from tests.integration.rules.support import (
    CAFE,
    NO_UID,
    SHOP,
    Place,
    changed,
    config_map,
    deployment,
    entry_of,
    managers_of,
    success,
)

Kubectl = Callable[..., str]
ROOT = Path(__file__).parents[3]


async def test_the_part_of_labels_of_two_applications_conflict(place: Place) -> None:
    obj = config_map("a")
    await place.apply(place.marked(obj, SHOP), SHOP)
    reply = await place.try_apply(place.marked(obj, CAFE), CAFE)
    assert reply.status == 409
    message = reply.failure["message"]
    assert SHOP.manager in message
    assert ".metadata.labels.applyset.kubernetes.io/part-of" in message
    verdict = place.verdict(obj, reply)
    assert (verdict.turn, verdict.problem.reason) == (Turn.LATER, Reason.FIELD_CONFLICT)


async def test_an_apply_without_force_joins_silently_where_the_values_are_equal(place: Place) -> None:
    obj = config_map("a")
    await place.create(obj, by="hand")
    reply = await place.try_apply(obj)
    assert reply.status == 200, "a create would have been 201"
    assert managers_of(reply.json) == [(SHOP.manager, "Apply"), ("hand", "Update")]


async def test_an_apply_without_force_conflicts_where_the_values_differ(place: Place) -> None:
    await place.create(config_map("a", {"k": "theirs"}), by="hand")
    reply = await place.try_apply(config_map("a", {"k": "ours"}))
    assert (reply.status, reply.failure["reason"]) == (409, "Conflict")


async def test_a_first_apply_creates(place: Place) -> None:
    assert (await place.try_apply(place.marked(config_map("a")))).status == 201


async def test_a_forced_apply_with_uid_never_creates(place: Place) -> None:
    obj = config_map("absent")
    reply = await place.try_apply(changed(obj, "metadata.uid", NO_UID), force=True)
    assert reply.status == 409
    assert not await place.is_there(obj)
    assert place.verdict(obj, reply).turn is Turn.AGAIN
    assert place.verdict(obj, reply).problem.reason is Reason.CHANGED_MEANWHILE


async def test_a_forced_apply_without_uid_creates_which_is_why_it_always_carries_one(place: Place) -> None:
    reply = await place.try_apply(config_map("absent"), force=True)
    assert reply.status == 201


async def test_a_forced_apply_with_uid_never_takes_a_recreated_object(place: Place) -> None:
    obj = config_map("a")
    uid = (await place.apply(obj))["metadata"]["uid"]
    await place.delete(obj)
    await place.create(config_map("a", {"k": "theirs"}), by="hand")
    reply = await place.try_apply(changed(obj, "metadata.uid", uid), force=True)
    assert reply.status == 422
    assert "metadata.uid" in reply.failure["message"]
    assert (await place.get(obj))["data"] == {"k": "theirs"}
    assert place.verdict(obj, reply).turn is Turn.AGAIN
    assert place.verdict(obj, reply).problem.reason is Reason.CHANGED_MEANWHILE


async def test_an_apply_with_a_resource_version_that_passed_is_sent_again(place: Place) -> None:
    obj = config_map("a")
    before = await place.create(obj, by="hand")
    await place.merge(obj, {"data": {"other": "x"}})
    old = changed(obj, "metadata.resourceVersion", before["metadata"]["resourceVersion"])
    reply = await place.try_apply(changed(old, "metadata.uid", before["metadata"]["uid"]))
    assert reply.status == 409
    assert place.verdict(obj, reply).turn is Turn.AGAIN


async def test_an_apply_with_a_resource_version_but_no_uid_would_create_an_absent_object(
    place: Place,
) -> None:
    """So `resourceVersion` alone guards nothing: the uid goes with it."""
    reply = await place.try_apply(changed(config_map("gone"), "metadata.resourceVersion", "1"))
    assert reply.status == 201


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("dta", ".dta"),
        ("metadata.lables", ".metadata.lables"),
        ("spec.template.spec.containers.0.imag", '.spec.template.spec.containers[name="main"].imag'),
    ],
)
async def test_an_unknown_field_is_a_500_that_blames_the_manifest(
    shared_place: Place, path: str, named: str
) -> None:
    obj = changed(deployment("typo"), path, {"x": "y"})
    reply = await shared_place.try_apply(obj)
    assert reply.status == 500
    assert f"{named}: field not declared in schema" in reply.failure["message"]
    verdict = shared_place.verdict(obj, reply)
    assert (verdict.turn, verdict.problem.reason) == (Turn.STALLED, Reason.INVALID_FIELD)
    assert verdict.problem.blame is Blame.REPOSITORY


async def test_a_json_patch_whose_test_fails_changes_nothing_and_is_sent_again(place: Place) -> None:
    obj = config_map("a")
    await place.apply(obj)
    operations = [{"op": "replace", "path": "/data/k", "value": "2"}]
    reply = await patch(
        place.client, place.resource(obj), place.key(obj), operations, SHOP.manager, resource_version="1"
    )
    assert reply.status == 422
    assert (await place.get(obj))["data"] == {"k": "1"}
    verdict = place.verdict(obj, reply)
    assert (verdict.turn, verdict.problem.reason) == (Turn.AGAIN, Reason.CHANGED_MEANWHILE)


@pytest.mark.parametrize(("length", "status"), [(128, 201), (129, 422)])
async def test_a_field_manager_has_at_most_128_characters(place: Place, length: int, status: int) -> None:
    assert (await place.try_apply(config_map("a"), manager="m" * length)).status == status


async def test_the_longest_names_make_a_field_manager_that_the_server_takes(place: Place) -> None:
    manager = manager_name("n" * 63, "a" * 53)
    assert len(manager) == 128
    assert (await place.try_apply(config_map("a"), manager=manager)).status == 201


async def test_one_manager_has_one_apply_entry_across_api_versions(place: Place) -> None:
    new = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {
            "minReplicas": 1,
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        },
    }
    await place.apply(new)
    old = changed(new, "apiVersion", "autoscaling/v1")
    after = await place.reapply(old)
    ours = [e for e in after["metadata"]["managedFields"] if e["manager"] == SHOP.manager]
    assert [(e["operation"], e["apiVersion"]) for e in ours] == [("Apply", "autoscaling/v1")]


async def test_a_label_that_kubectl_understands_selects_the_members(place: Place, kubectl: Kubectl) -> None:
    await place.apply(place.marked(config_map("ours")))
    await place.apply(place.marked(config_map("theirs"), CAFE), CAFE)
    selector = f"--selector=applyset.kubernetes.io/part-of={SHOP.applyset_id}"
    names = kubectl("get", "configmaps", selector, f"--namespace={place.namespace}", "--output=name")
    assert names.split() == ["configmap/ours"]


@pytest.mark.parametrize(
    ("tooling", "identity", "complaint"),
    [
        ("kubectl/v1.37", "ours", ""),
        ("kubectl/v1.37", "applyset-of-somebody-else-v1", "incorrect value"),
        ("gitops/v1", "ours", 'managed by tooling "gitops"'),
    ],
)
async def test_kubectl_computes_our_id_for_itself_and_leaves_our_sets_alone(
    place: Place,
    kubectl: Kubectl,
    tooling: str,
    identity: str,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECTL_APPLYSET", "true")
    kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT}/manifests/crds")
    kubectl("wait", "crd/applications.gitops.dev", "--for=condition=Established")
    metadata = {
        "name": "shop",
        "labels": {
            APPLYSET_ID_LABEL: applyset_id(place.namespace, "shop") if identity == "ours" else identity
        },
        "annotations": {APPLYSET_TOOLING_ANNOTATION: tooling, APPLYSET_GROUP_KINDS_ANNOTATION: ""},
    }
    source = {"repository": "https://git.example.com/shop.git"}
    parent = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {"source": source}}
    here = f"--namespace={place.namespace}"
    kubectl("create", here, "--filename=-", input=json.dumps(parent))
    apply = ("apply", "--prune", "--applyset=applications.gitops.dev/shop", here, "--filename=-")
    if complaint:
        with pytest.raises(GitopsError, match=complaint):
            kubectl(*apply, input=json.dumps(config_map("a")))
    else:
        kubectl(*apply, input=json.dumps(config_map("a")))
        assert (await place.observed(config_map("a"))).part_of == applyset_id(place.namespace, "shop")


async def test_label_annotation_and_entry_come_with_the_object_itself(place: Place) -> None:
    """So that a crash between two requests can't leave an object that nobody owns."""
    created = success(await place.try_apply(place.marked(config_map("a"))))
    assert created["metadata"]["labels"] == {"applyset.kubernetes.io/part-of": SHOP.applyset_id}
    assert re.fullmatch(
        r"[a-z2-7]{26}\.[a-z2-7]{26}", created["metadata"]["annotations"]["gitops.dev/applied"]
    )
    assert entry_of(created)
