"""What is left to others, as values: paths, bodies without them, and our entry without them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.api.spec import Ignore
from gitops.core import ignore
from gitops.core.fields import union
from gitops.core.ignore import NOTHING, REPLICAS, Rules, parse, spelled
from gitops.core.model import Manifest, ObjectKey

IMAGE = "/spec/template/spec/containers[name=app]/image"


def manifest(body: dict[str, Any]) -> Manifest:
    rest = {name: value for name, value in body.items() if name != "metadata"}
    options = orjson.OPT_SORT_KEYS
    metadata = body.get("metadata", {"name": "d"})
    return Manifest(
        body.get("apiVersion", "apps/v1"),
        body.get("kind", "Deployment"),
        "",
        metadata["name"],
        orjson.dumps(metadata, option=options),
        orjson.dumps(rest, option=options)[1:-1],
        "d.yaml:1",
    )


@pytest.mark.parametrize(
    ("pointer", "path"),
    [
        ("/spec/replicas", ("spec", "replicas")),
        ("/metadata/annotations/example.com~1a~0b", ("metadata", "annotations", "example.com/a~b")),
        (IMAGE, ("spec", "template", "spec", "containers", (("name", "app"),), "image")),
        ("/ports[port=80,protocol=TCP]", ("ports", (("port", "80"), ("protocol", "TCP")))),
        ("/tolerations[key=example.com/x]/value", ("tolerations", (("key", "example.com/x"),), "value")),
    ],
)
def test_a_pointer_is_read_and_spelled_alike(pointer: str, path: ignore.Path) -> None:
    assert parse(pointer) == path
    assert spelled(path) == pointer


@pytest.mark.parametrize(
    ("body", "pointer", "expected"),
    [
        ({"spec": {"replicas": 3, "paused": True}}, "/spec/replicas", {"spec": {"paused": True}}),
        ({"kind": "X", "spec": {"replicas": 3}}, "/spec/replicas", {"kind": "X"}),
        ({"spec": {"a": {}}}, "/spec/b", {"spec": {"a": {}}}),
        (
            {"c": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]},
            "/c[name=b]/image",
            {"c": [{"name": "a", "image": "1"}, {"name": "b"}]},
        ),
        ({"c": [{"name": "a"}, {"name": "b"}]}, "/c[name=a]", {"c": [{"name": "b"}]}),
        ({"c": [{"name": "a"}]}, "/c[name=a]", {}),
        ({"c": [{"name": "a"}]}, "/c[name=z]/image", {"c": [{"name": "a"}]}),
        ({"p": [{"port": 80, "x": 1}]}, "/p[port=80,protocol=TCP]/x", {"p": [{"port": 80}]}),
        ({"p": [{"on": True, "x": 1}]}, "/p[on=true]/x", {"p": [{"on": True}]}),
        ({"p": "text"}, "/p/x", {"p": "text"}),
    ],
)
def test_a_body_without_a_path(body: dict[str, Any], pointer: str, expected: dict[str, Any]) -> None:
    found = ignore.omit(body, parse(pointer))
    assert found == expected
    assert (found is body) == (expected == body)


def test_a_manifest_without_what_it_doesnt_have_is_the_very_same() -> None:
    one = manifest({"kind": "Deployment", "spec": {"paused": True}})
    assert ignore.without(one, [REPLICAS]) is one


def test_live_values_take_the_place_of_those_that_we_still_own() -> None:
    one = manifest({"kind": "D", "spec": {"replicas": 3, "c": [{"name": "a", "image": "1"}]}})
    live = {"spec": {"replicas": 7, "c": [{"name": "b"}, {"name": "a", "image": "9"}]}}
    filled = orjson.loads(ignore.with_live(one, live, [REPLICAS, parse("/spec/c[name=a]/image")]).body)
    assert filled["spec"] == {"replicas": 7, "c": [{"name": "a", "image": "9"}]}
    gone = orjson.loads(ignore.with_live(one, {"spec": {}}, [REPLICAS]).body)
    assert "replicas" not in gone["spec"]


LIVE = {
    "spec": {
        "replicas": 3,
        "selector": {"a": "1"},
        "ports": [
            {"name": "web", "port": 80, "protocol": "TCP", "nodePort": 1},
            {"name": "other", "port": 81, "protocol": "TCP", "nodePort": 2},
        ],
    }
}
WEB, OTHER = 'k:{"port":80,"protocol":"TCP"}', 'k:{"port":81,"protocol":"TCP"}'


@pytest.mark.parametrize(
    ("fields", "pointer", "expected"),
    [
        (
            {"f:spec": {"f:replicas": {}, "f:paused": {}}},
            "/spec/replicas",
            {"f:spec": {"f:paused": {}}},
        ),
        # Left empty, f:spec would own all of the spec.
        ({"f:spec": {"f:replicas": {}}}, "/spec/replicas", {}),
        ({"f:spec": {".": {}, "f:replicas": {}}}, "/spec/replicas", {"f:spec": {".": {}}}),
        ({"f:spec": {"f:a": {"f:b": {}}}}, "/spec/a", {}),
        ({"f:spec": {"f:paused": {}}}, "/spec/replicas", {"f:spec": {"f:paused": {}}}),
        (
            {"f:spec": {"f:ports": {WEB: {".": {}, "f:nodePort": {}}, OTHER: {"f:nodePort": {}}}}},
            "/spec/ports[port=80]/nodePort",
            {"f:spec": {"f:ports": {WEB: {".": {}}, OTHER: {"f:nodePort": {}}}}},
        ),
        # The name isn't the server's key; the live object knows which item has it.
        (
            {"f:spec": {"f:ports": {WEB: {"f:nodePort": {}}, OTHER: {"f:nodePort": {}}}}},
            "/spec/ports[name=other]",
            {"f:spec": {"f:ports": {WEB: {"f:nodePort": {}}}}},
        ),
        ({"f:spec": {"f:selector": {}}}, "/spec/selector/a", {"f:spec": {"f:selector": {}}}),
    ],
)
def test_ownership_without_a_path(fields: dict[str, Any], pointer: str, expected: dict[str, Any]) -> None:
    assert ignore.strip(fields, parse(pointer), LIVE) == expected


NAMES = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'k:{"name":"y"}'])
TRIES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.just({}), lambda below: st.dictionaries(NAMES, below, max_size=3), max_leaves=8
)
PATHS = st.lists(st.sampled_from(["a", "b", (("name", "x"),)]), min_size=1, max_size=3).map(tuple)


@given(TRIES, PATHS)
def test_nothing_else_is_given_up_and_nothing_new_is_owned(fields: dict[str, Any], path: ignore.Path) -> None:
    left = ignore.strip(fields, path, None)
    assert union(fields, left) == fields
    assert ignore.strip(left, path, None) == left


def owned_by(manager: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": fields, **more}


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return {**LIVE, "metadata": {"name": "d", "managedFields": list(entries)}}


def test_our_entry_alone_is_changed() -> None:
    ours = {"manager": "gitops.dev/a/b", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    theirs = owned_by("kubectl-edit", {"f:spec": {"f:replicas": {}}})
    found = ignore.stripped(live(theirs, ours), "gitops.dev/a/b", [REPLICAS])
    assert found == [theirs, {**ours, "fieldsV1": {}}]
    assert ignore.stripped(live(theirs), "gitops.dev/a/b", [REPLICAS]) is None
    assert ignore.stripped(live(theirs, ours), "gitops.dev/a/b", [("spec", "paused")]) is None


def test_what_leads_into_a_thing_with_one_owner_is_found() -> None:
    one = live(owned_by("anybody", {"f:spec": {"f:selector": {}}}))
    path = parse("/spec/selector/a")
    assert ignore.atomic_above(one, [REPLICAS, path]) == (path, ("spec", "selector"))
    assert ignore.atomic_above(one, [REPLICAS, ("spec", "selector")]) is None
    shared = owned_by("another", {"f:spec": {"f:selector": {"f:a": {}}}})
    assert ignore.atomic_above(live(*one["metadata"]["managedFields"], shared), [path]) is None


def test_paths_of_managers_are_leaves_and_never_our_marks() -> None:
    fields = {
        "f:metadata": {
            "f:labels": {".": {}, "f:applyset.kubernetes.io/part-of": {}, "f:x": {}},
            "f:finalizers": {'v:"a"': {}},
        },
        "f:spec": {"f:replicas": {}, "f:ports": {WEB: {".": {}, "f:nodePort": {}}}},
    }
    one = live(owned_by("operator", fields), owned_by("other", {"f:spec": {"f:selector": {}}}))
    one["metadata"] |= {
        "labels": {"applyset.kubernetes.io/part-of": "y", "x": "z"},
        "finalizers": ["a"],
    }
    port = (("port", "80"), ("protocol", "TCP"))
    assert set(ignore.managed_by(one, ["operator"])) == {
        ("metadata", "labels", "x"),
        REPLICAS,
        ("spec", "ports", port, "nodePort"),
    }
    status = owned_by("operator", fields, subresource="status")
    assert ignore.managed_by(live(status), ["operator"]) == ()


@pytest.mark.parametrize(
    ("manager", "is_scaler"),
    [
        ("kube-controller-manager", True),
        ("keda-operator", True),
        ("octopus", True),
        ("kubectl", False),
        ("k9s", False),
        ("oc", False),
    ],
)
def test_a_person_is_no_autoscaler(manager: str, is_scaler: bool) -> None:
    entry = owned_by(manager, {"f:spec": {"f:replicas": {}}}, subresource="scale")
    assert ignore.scaled(live(entry)) == ((manager, (REPLICAS,)) if is_scaler else ("", ()))
    assert ignore.scaled(live(owned_by(manager, {"f:spec": {"f:replicas": {}}}))) == ("", ())


def test_rules_fit_by_kind_group_name_and_namespace() -> None:
    rules = Rules(
        [
            Ignore(group="apps", kind="Deployment", name="d", paths=("/spec/replicas",)),
            Ignore(group="apps", kind="Deployment", namespace="shop", managers=("operator",)),
            Ignore(kind="ConfigMap", paths=("/data/a",)),
        ],
        {ObjectKey("apps", "Deployment", "shop", "x"): "HorizontalPodAutoscaler shop/h"},
    )
    both = rules.of(ObjectKey("apps", "Deployment", "shop", "d"))
    assert (both.paths, both.managers) == ((REPLICAS,), ("operator",))
    assert rules.of(ObjectKey("apps", "Deployment", "other", "d")).managers == ()
    scaled = rules.of(ObjectKey("apps", "Deployment", "shop", "x"))
    assert (scaled.paths, scaled.scaler) == ((REPLICAS,), "HorizontalPodAutoscaler shop/h")
    assert rules.of(ObjectKey("apps", "StatefulSet", "shop", "d")) is NOTHING
    assert rules.of(ObjectKey("apps", "Deployment", "shop", "y")) is rules.of(
        ObjectKey("apps", "Deployment", "shop", "z")
    )


def scaler(kind: str, api: str, reference: dict[str, str]) -> Manifest:
    body = {"apiVersion": api, "kind": kind, "metadata": {"name": "h"}, "spec": {"scaleTargetRef": reference}}
    return manifest(body)


def test_autoscalers_of_a_render_are_found() -> None:
    found = ignore.autoscaled(
        [
            scaler(
                "HorizontalPodAutoscaler",
                "autoscaling/v2",
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "a"},
            ),
            scaler("ScaledObject", "keda.sh/v1alpha1", {"name": "b"}),
            scaler("ScaledObject", "example.com/v1", {"name": "c"}),
            manifest({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": "nonsense"}),
        ],
        "shop",
    )
    assert found == {
        ObjectKey("apps", "StatefulSet", "shop", "a"): "HorizontalPodAutoscaler shop/h",
        ObjectKey("apps", "Deployment", "shop", "b"): "ScaledObject shop/h",
    }
