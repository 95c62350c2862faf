"""From manifests to wanted objects: their places, what has none, and the bytes that are sent."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.core.desired import Desired, ManifestStore, body_of, place
from gitops.core.model import Manifest, ObjectKey, Rendered
from gitops.core.problem import Reason
from gitops.core.resources import NEEDED_VERBS, Catalog, Resource
from tests.unit.core.support import CAFE, SHOP, canonical, key, manifest


def resource(
    kind: str, group: str = "", version: str = "v1", *, namespaced: bool = True, verbs: Any = NEEDED_VERBS
) -> Resource:
    return Resource(group, version, kind, kind.lower() + "s", namespaced, frozenset(verbs))


CATALOG = Catalog(
    [
        resource("ConfigMap"),
        resource("Secret"),
        resource("Namespace", namespaced=False),
        resource("Deployment", "apps"),
        resource("Binding", verbs={"create"}),
    ]
)


def placed(*manifests: Manifest) -> Desired:
    return place(Rendered(manifests), SHOP, "shop", CATALOG)


def definition(**spec: Any) -> Manifest:
    full = {
        "group": "example.com",
        "names": {"kind": "Widget"},
        "scope": "Namespaced",
        "versions": [{"name": "v1"}],
        **spec,
    }
    return manifest("widgets.example.com", "CustomResourceDefinition", "apiextensions.k8s.io/v1", spec=full)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (manifest("a"), key("a")),
        (manifest("a", namespace="other"), key("a", namespace="other")),
        (manifest("a", "Namespace"), key("a", "Namespace", namespace="")),
        (manifest("a", "Namespace", namespace="nonsense"), key("a", "Namespace", namespace="")),
        (manifest("a", "Deployment", "apps/v1"), key("a", "Deployment", "apps")),
    ],
)
def test_each_object_gets_its_place(given_: Manifest, expected: ObjectKey) -> None:
    assert list(placed(given_).wanted) == [expected]


def test_an_object_named_twice_is_a_problem_that_names_both_places() -> None:
    """Only here does it show: one names the namespace, the other relies on the default."""
    first, twin = manifest("a"), manifest("a", namespace="shop")
    (problem,) = placed(first, twin).problems
    assert problem.reason is Reason.DUPLICATE_OBJECT
    assert problem.message == "is defined twice: in a.yaml:1 and in a.yaml:1"


def test_an_unknown_kind_is_a_problem_of_that_object_only() -> None:
    desired = placed(manifest("a"), manifest("w", "Widget", "example.com/v1"))
    assert list(desired.wanted) == [key("a")]
    (problem,) = desired.problems
    assert (problem.reason, problem.where) == (Reason.UNKNOWN_KIND, "w.yaml:1")
    assert problem.key == key("w", "Widget", "example.com", "")


def test_a_version_that_is_not_served_names_those_that_are() -> None:
    (problem,) = placed(manifest("d", "Deployment", "apps/v1beta1")).problems
    assert "it is served as apps/v1" in problem.message


def test_a_kind_that_can_not_be_managed_says_what_its_api_lacks() -> None:
    (problem,) = placed(manifest("b", "Binding")).problems
    assert problem.reason is Reason.UNSUPPORTED_API
    assert "lacks delete, get, list, patch, watch" in problem.message


@pytest.mark.parametrize(("scope", "namespace"), [("Namespaced", "shop"), ("Cluster", "")])
def test_a_kind_that_comes_with_the_render_itself_is_no_problem(scope: str, namespace: str) -> None:
    catalog = Catalog([resource("CustomResourceDefinition", "apiextensions.k8s.io", namespaced=False)])
    rendered = Rendered((manifest("w", "Widget", "example.com/v1"), definition(scope=scope)))
    desired = place(rendered, SHOP, "shop", catalog)
    widget = desired.wanted[key("w", "Widget", "example.com", namespace)]
    assert widget.unserved
    assert desired.waits_for_definitions
    assert not desired.problems


@pytest.mark.parametrize(
    "nonsense",
    [
        {"versions": None},
        {"names": None},
        {"versions": []},
        {"versions": ["v1"]},
        {"names": "x"},
        {"versions": {"a": 1}},
    ],
)
def test_a_definition_that_makes_no_sense_is_left_to_the_server(nonsense: dict[str, Any]) -> None:
    catalog = Catalog([resource("CustomResourceDefinition", "apiextensions.k8s.io", namespaced=False)])
    assert len(place(Rendered((definition(**nonsense),)), SHOP, "shop", catalog).wanted) == 1


def test_content_changes_with_the_object_and_with_the_application() -> None:
    def content(data: str, owner: Any = SHOP) -> str:
        desired = place(Rendered((manifest("a", data={"k": data}),)), owner, "shop", CATALOG)
        return desired.wanted[key("a")].content

    assert content("1") == content("1")
    assert len({content("1"), content("2"), content("1", CAFE)}) == 3


def body(given_: Manifest, **more: Any) -> Any:
    desired = placed(given_)
    (wanted,) = desired.wanted.values()
    return orjson.loads(body_of(given_, wanted, SHOP, **more))


def test_the_body_is_the_manifest_with_our_marks_and_its_place() -> None:
    given_ = manifest("a", data={"k": "1"})
    metadata = body(given_)["metadata"]
    assert metadata["namespace"] == "shop"
    assert metadata["labels"] == {APPLYSET_PART_OF_LABEL: SHOP.applyset_id}
    identity, _, content = metadata["annotations"][APPLIED_ANNOTATION].partition(".")
    assert identity == SHOP.identity_of(key("a"))
    assert content == SHOP.content_of(given_.body)
    assert body(given_)["data"] == {"k": "1"}
    assert body(given_)["kind"] == "ConfigMap"


def test_labels_and_annotations_of_the_manifest_stay() -> None:
    metadata = {"name": "a", "labels": {"x": "y"}, "annotations": {"note": "é"}}
    given_ = Manifest(
        "v1", "ConfigMap", "", "a", canonical(metadata), b'"apiVersion":"v1","kind":"ConfigMap"', "a"
    )
    found = body(given_)["metadata"]
    assert found["labels"]["x"] == "y"
    assert found["annotations"]["note"] == "é"


@pytest.mark.parametrize("nothing", [None, {}])
def test_labels_that_are_null_are_none(nothing: Any) -> None:
    metadata = {"name": "a", "labels": nothing, "annotations": nothing}
    given_ = Manifest(
        "v1", "ConfigMap", "", "a", canonical(metadata), b'"apiVersion":"v1","kind":"ConfigMap"', "a"
    )
    assert list(body(given_)["metadata"]["labels"]) == [APPLYSET_PART_OF_LABEL]


def test_the_body_carries_preconditions_only_when_there_are_any() -> None:
    assert not {"uid", "resourceVersion"} & body(manifest("a"))["metadata"].keys()
    metadata = body(manifest("a"), uid="u", version="7")["metadata"]
    assert (metadata["uid"], metadata["resourceVersion"]) == ("u", "7")


def test_a_cluster_scoped_object_is_sent_without_a_namespace() -> None:
    assert "namespace" not in body(manifest("a", "Namespace", namespace="nonsense"))["metadata"]


@given(st.integers(0, 60), st.text(max_size=20))
def test_a_store_gives_back_every_manifest_as_it_was(count: int, text: str) -> None:
    manifests = {key(f"n{n}"): manifest(f"n{n}", data={"k": f"{n}{text}"}) for n in range(count)}
    store = ManifestStore(manifests)
    assert len(store) == count
    assert {at: store[at] for at in manifests} == manifests


def test_a_store_has_nothing_else() -> None:
    with pytest.raises(KeyError):
        ManifestStore({})[key("a")]


def test_a_manifest_does_not_show_its_data_when_it_is_printed() -> None:
    assert "aHVudGVyMg" not in repr(manifest("a", "Secret", data={"k": "aHVudGVyMg=="}))
