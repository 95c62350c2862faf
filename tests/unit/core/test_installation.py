"""What an installation consists of, whose the existing is, and which image it runs."""

from typing import Any

import pytest

from gitops.cli.shipped import manifests
from gitops.core.health import HEALTHY
from gitops.core.installation import MANAGER, arranged, chosen_image, is_same, key_of, objection
from gitops.core.inventory import Live, observe

Obj = dict[str, Any]
OURS = {"manager": MANAGER, "operation": "Apply"}
NAMED = {"app.kubernetes.io/name": "gitops"}
HELM = {"meta.helm.sh/release-name": "mine", "meta.helm.sh/release-namespace": "tools"}


def wanted(kind: str, namespace: str = "gitops-system") -> Obj:
    return next(one for one in arranged(manifests(), namespace, "") if one["kind"] == kind)


def why(kind: str, *, home: str = "gitops-system", **metadata: Any) -> str | None:
    """What is said against an object of this kind that is there already, with this metadata."""
    one = wanted(kind, home)
    identity = {"name": one["metadata"]["name"], "uid": "u", "resourceVersion": "1"}
    current = {**one, "metadata": identity | metadata}
    kind_of = key_of(one).group_kind
    return objection(Live(observe(current, kind_of, HEALTHY), current["metadata"]), current, wanted(kind))


def test_definitions_come_before_all_that_needs_them_and_the_deployment_last() -> None:
    kinds = [one["kind"] for one in arranged(manifests(), "a", "")]
    assert kinds[:2] == ["Namespace", "CustomResourceDefinition"]
    assert kinds[-1] == "Deployment"


def test_another_namespace_is_meant_everywhere() -> None:
    objects = arranged(manifests(), "tools", "")
    assert "gitops-system" not in str(objects)
    subjects = [one for obj in objects for one in obj.get("subjects", ())]
    assert {one["namespace"] for one in subjects} == {"tools"}


def test_the_image_is_that_of_every_container() -> None:
    (deployment,) = (one for one in arranged(manifests(), "a", "r/i:7") if one["kind"] == "Deployment")
    images = {one["image"] for one in deployment["spec"]["template"]["spec"]["containers"]}
    assert images == {"r/i:7"}


def deployment(image: str, version: str) -> Obj:
    containers = [{"name": "controller", "image": image}]
    metadata = {"name": "gitops", "labels": {"app.kubernetes.io/version": version}}
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}


@pytest.mark.parametrize(
    ("given", "installed", "expected"),
    [
        ("", None, "gitops-controller:0.2.0"),
        ("a/b:1", None, "a/b:1"),
        ("a/b:1", "c/d:0.1.0", "a/b:1"),
        ("", "r.example.com:5000/gitops:0.1.0", "r.example.com:5000/gitops:0.2.0"),
        ("", "r.example.com/gitops:mine", "r.example.com/gitops:mine"),
        ("", "r.example.com:5000/gitops", "r.example.com:5000/gitops"),
        ("", "r/gitops:0.1.0@sha256:00", "r/gitops:0.1.0@sha256:00"),
    ],
)
def test_an_upgrade_keeps_the_place_of_the_image(given: str, installed: str | None, expected: str) -> None:
    there = deployment(installed, "0.1.0") if installed else None
    assert chosen_image(given, deployment("gitops-controller:0.2.0", "0.2.0"), there) == expected


def test_what_we_installed_is_ours() -> None:
    assert why("Deployment", labels=NAMED, managedFields=[OURS]) is None


def test_what_was_installed_by_hand_is_joined() -> None:
    by_hand = [{"manager": "kubectl", "operation": "Apply"}]
    assert why("Deployment", labels=NAMED, managedFields=by_hand) is None
    assert why("CustomResourceDefinition", managedFields=by_hand) is None


def test_something_else_of_the_same_name_is_not_ours() -> None:
    assert why("Deployment", labels={"app.kubernetes.io/name": "other"}) == (
        "it exists and is not a part of gitops"
    )


@pytest.mark.parametrize("kind", ["Deployment", "CustomResourceDefinition"])
def test_what_a_helm_release_owns_is_not_ours_whatever_its_labels(kind: str) -> None:
    assert why(kind, labels=NAMED, annotations=HELM) == "the Helm release tools/mine owns it"
    both = why(kind, labels=NAMED, annotations=HELM, managedFields=[OURS])
    assert both == "the Helm release tools/mine owns it"


def test_what_an_application_deploys_is_not_ours() -> None:
    labels = NAMED | {"applyset.kubernetes.io/part-of": "applyset-x-v1"}
    assert "applyset-x-v1" in str(why("Deployment", labels=labels))


def test_rights_that_are_bound_elsewhere_mean_a_second_installation() -> None:
    said = why("ClusterRoleBinding", home="tools", labels=NAMED, managedFields=[OURS])
    assert said == "gitops is installed in the namespace tools"


def test_bookkeeping_alone_is_no_change() -> None:
    before = {"metadata": {"name": "a", "managedFields": [OURS | {"time": "1"}], "generation": 1}, "spec": 1}
    after = {"metadata": {"name": "a", "managedFields": [OURS | {"time": "2"}], "generation": 2}, "spec": 1}
    assert is_same(before, after)
    assert not is_same(before, after | {"spec": 2})
    without = {"metadata": {"name": "a", "managedFields": []}, "spec": 1}
    assert not is_same(without, after)
