"""What a change does to what runs, and what a definition takes away."""

from typing import Any

import pytest

from gitops.core.crd_changes import narrowed
from gitops.core.diff import ABSENT, Change, differences
from gitops.core.impact import Effect, impacts
from gitops.core.model import ObjectKey
from gitops.core.plan import Verb
from gitops.core.renames import renames
from gitops.core.version_noise import bumps, in_words

Obj = dict[str, Any]


def workload(kind: str = "Deployment", image: str = "web:1", **spec: Any) -> Obj:
    template = {"spec": {"containers": [{"name": "web", "image": image}]}}
    return {"kind": kind, "spec": {"replicas": 3, "template": template, **spec}}


def told(kind: str, group: str, before: Obj | None, after: Obj | None, verb: Verb = Verb.UPDATE) -> list[str]:
    key = ObjectKey(group, kind, "shop", "web")
    changes = differences(before, after) if before and after else []
    return [f"{one.effect}: {one.message}" for one in impacts(key, verb, before, after, changes)]


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("Deployment", {}, "3 replicas"),
        ("Deployment", {"replicas": 1}, "1 replica"),
        ("Deployment", {"replicas": 0}, "no Pod restarts"),
        ("Deployment", {"paused": True}, "no longer paused"),
        ("Deployment", {"strategy": {"type": "Recreate"}}, "all at once"),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "OnDelete"),
        ("DaemonSet", {}, "every node"),
    ],
)
def test_another_pod_template_restarts_pods(kind: str, spec: Obj, words: str) -> None:
    (one,) = told(kind, "apps", workload(kind, **spec), workload(kind, "web:2", **spec))
    assert one.startswith("restart: ")
    assert words in one


def test_fewer_replicas_restart_nothing_and_none_is_said() -> None:
    assert told("Deployment", "apps", workload(), workload(replicas=2)) == []
    (one,) = told("Deployment", "apps", workload(), workload(replicas=0))
    assert one.startswith("scale-to-zero")


def test_a_job_with_another_template_restarts_nothing() -> None:
    assert told("Job", "batch", workload("Job"), workload("Job", "web:2")) == []


@pytest.mark.parametrize(
    ("kind", "group"),
    [
        ("PersistentVolumeClaim", ""),
        ("Namespace", ""),
        ("CustomResourceDefinition", "apiextensions.k8s.io"),
    ],
)
@pytest.mark.parametrize("verb", [Verb.DELETE, Verb.REPLACE])
def test_a_deletion_of_what_holds_data_says_so(kind: str, group: str, verb: Verb) -> None:
    assert any(one.startswith(Effect.DATA_LOSS) for one in told(kind, group, {}, None, verb))
    assert told("ConfigMap", "", {}, None, Verb.DELETE) == []


def test_a_service_that_selects_others_or_changes_its_type() -> None:
    old, new = {"spec": {"selector": {"a": "b"}}}, {"spec": {"selector": {"a": "c"}, "type": "NodePort"}}
    found = told("Service", "", old, new)
    assert [one.partition(":")[0] for one in found] == ["traffic", "type"]
    assert "from ClusterIP to NodePort" in found[1]


def definition(schema: Obj | None = None, **version: Any) -> Obj:
    one = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema or {}}}
    return {"spec": {"scope": "Namespaced", "versions": [one | version]}}


def schema(**more: Any) -> Obj:
    fields = {"size": {"type": "integer"}, "name": {"type": "string"}}
    return {"type": "object", "properties": fields, **more}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (definition(schema(properties={"size": {"type": "integer"}})), "field /name is dropped"),
        (definition(schema(required=["size"])), "field /size is required now"),
        (
            definition(schema(properties={"size": {"type": "string"}, "name": {"type": "string"}})),
            "/size changes its type from integer to string",
        ),
        (
            definition(
                schema(properties={"size": {"type": "integer", "maximum": 3}, "name": {"type": "string"}})
            ),
            "/size allows less: maximum is 3 now",
        ),
        (definition(schema(), served=False), "version v1 is no longer served"),
        (definition(schema(), name="v2"), "version v1 is dropped"),
        (definition(schema(), name="v2"), "storage version changes from v1 to v2"),
    ],
)
def test_what_a_definition_takes_away_is_named(after: Obj, words: str) -> None:
    assert any(words in one for one in narrowed(definition(schema()), after))


def test_what_a_definition_adds_is_not_named() -> None:
    more = schema(properties={**schema()["properties"], "new": {"type": "string"}})
    assert narrowed(definition(schema()), definition(more)) == ()
    assert narrowed(definition(schema()), definition({"type": "object", "additionalProperties": True})) == ()


def config(**data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": data}


def test_the_most_alike_of_a_kind_is_the_renamed_one() -> None:
    old, other = ObjectKey("", "ConfigMap", "a", "old"), ObjectKey("", "ConfigMap", "a", "other")
    new, secret = ObjectKey("", "ConfigMap", "a", "new"), ObjectKey("", "Secret", "a", "new")
    gone = {old: config(a="1", b="2", c="3", d="4"), other: config(a="1", b="2", c="3", d="5")}
    assert renames(gone, {new: config(a="1", b="2", c="3", d="4")}) == {new: old}
    assert renames(gone, {secret: config(a="1", b="2", c="3", d="4")}) == {}
    assert renames(gone, {new: config(x="1", b="0")}) == {}


def test_an_object_that_carries_its_own_name_is_found_renamed() -> None:
    old, new = ObjectKey("", "Service", "a", "web"), ObjectKey("", "Service", "a", "shop")
    assert renames(
        {old: {"spec": {"selector": {"app": "web"}}}}, {new: {"spec": {"selector": {"app": "shop"}}}}
    )


def test_version_labels_alone_are_noise_and_nothing_else_is() -> None:
    label = Change(("metadata", "labels", "helm.sh/chart"), "web-1", "web-2")
    checksum = Change(("spec", "template", "metadata", "annotations", "checksum/config"), "x", "y")
    assert [in_words(one) for one in bumps([label, checksum])] == [
        "annotation checksum/config",
        "label helm.sh/chart from web-1 to web-2",
    ]
    assert bumps([label, Change(("data", "checksum/config"), ABSENT, "y")]) == ()
    assert bumps([label, Change(("metadata", "labels", "team"), "a", "b")]) == ()
    assert bumps([]) == ()
