"""Restarting workloads when their configuration changes: what counts, and what doesn't show."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from gitops.core.desired import Desired, place
from gitops.core.identity import Owner
from gitops.core.model import Manifest, Rendered
from gitops.core.resources import NEEDED_VERBS, Catalog, Resource
from gitops.core.rollout import checksum_of, uses_of, without_checksum
from tests.unit.core.support import SHOP, canonical, key, manifest

CATALOG = Catalog(
    [
        Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS),
        Resource("", "v1", "Secret", "secrets", namespaced=True, verbs=NEEDED_VERBS),
        Resource("apps", "v1", "Deployment", "deployments", namespaced=True, verbs=NEEDED_VERBS),
        Resource("apps", "v1", "StatefulSet", "statefulsets", namespaced=True, verbs=NEEDED_VERBS),
        Resource("batch", "v1", "Job", "jobs", namespaced=True, verbs=NEEDED_VERBS),
    ]
)
ASKS = {"gitops.dev/rollout-on-config-change": "true"}
FROM_A = {"containers": [{"name": "c", "envFrom": [{"configMapRef": {"name": "a"}}]}]}
WEB = key("web", "Deployment", "apps")


def annotated(one: Manifest, annotations: dict[str, str]) -> Manifest:
    metadata = {"name": one.name, "annotations": annotations}
    return replace(one, metadata=canonical(metadata))


def workload(
    pod: dict[str, Any], kind: str = "Deployment", api: str = "apps/v1", **metadata: Any
) -> Manifest:
    spec = {"template": {"metadata": metadata, "spec": pod}}
    return annotated(manifest("web", kind, api, spec=spec), ASKS)


def config(name: str, value: str, kind: str = "ConfigMap", **more: Any) -> Manifest:
    return manifest(name, kind, data={"k": value}, **more)


def placed(*manifests: Manifest, owner: Owner = SHOP) -> Desired:
    return place(Rendered(manifests), owner, "shop", CATALOG)


def checksum(*manifests: Manifest, owner: Owner = SHOP) -> str | None:
    desired = placed(*manifests, owner=owner)
    (found,) = [one for at, one in desired.manifests.items() if at.name == "web"]
    return checksum_of(orjson.loads(found.body))


def test_another_value_is_another_checksum_and_another_content() -> None:
    web = workload(FROM_A)
    assert checksum(web, config("a", "1")) != checksum(web, config("a", "2"))
    assert checksum(web, config("a", "1")) == checksum(web, config("a", "1"))
    first, second = (placed(web, config("a", value)) for value in "12")
    assert first.wanted[WEB].content != second.wanted[WEB].content
    assert first.contents != second.contents
    assert first.wanted[WEB].content == SHOP.content_of(first.manifests[WEB].body)


def test_without_the_annotation_nothing_is_added() -> None:
    plain = manifest("web", "Deployment", "apps/v1", spec={"template": {"spec": FROM_A}})
    assert checksum(plain, config("a", "1")) is None
    assert placed(plain, config("a", "1")).manifests[WEB] is plain
    refused = annotated(plain, {"gitops.dev/rollout-on-config-change": "false"})
    assert checksum(refused, config("a", "1")) is None


def test_the_order_of_the_render_and_other_objects_do_not_matter() -> None:
    web, a, b = workload(FROM_A), config("a", "1"), config("b", "1")
    assert checksum(web, a) == checksum(a, b, web) == checksum(b, a, web)


def test_a_label_of_the_configuration_restarts_nothing() -> None:
    labelled = replace(config("a", "1"), metadata=canonical({"name": "a", "labels": {"x": "y"}}))
    assert checksum(workload(FROM_A), labelled) == checksum(workload(FROM_A), config("a", "1"))


def test_two_applications_have_different_checksums_of_equal_data() -> None:
    other = Owner("team-a", "shop", "another-uid")
    parts = (workload(FROM_A), config("a", "1"))
    assert checksum(*parts) != checksum(*parts, owner=other)


def test_a_configuration_that_is_not_of_the_render_does_not_count() -> None:
    assert checksum(workload(FROM_A)) is None
    assert checksum(workload(FROM_A), manifest("a", namespace="elsewhere", data={"k": "1"})) is None
    assert checksum(workload(FROM_A), config("a", "1", kind="Secret")) is None


@pytest.mark.parametrize("kind", ["Job"])
def test_what_runs_once_is_left_alone(kind: str) -> None:
    assert checksum(workload(FROM_A, kind, "batch/v1"), config("a", "1")) is None


def test_a_statefulset_restarts_too() -> None:
    assert checksum(workload(FROM_A, "StatefulSet"), config("a", "1")) is not None


PODS: list[tuple[dict[str, Any], set[str]]] = [
    ({"containers": [{"envFrom": [{"secretRef": {"name": "s"}}]}]}, {"Secret s"}),
    (
        {
            "containers": [
                {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]},
                {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            ]
        },
        {"ConfigMap c", "Secret s"},
    ),
    ({"initContainers": [{"envFrom": [{"configMapRef": {"name": "c"}}]}]}, {"ConfigMap c"}),
    (
        {
            "volumes": [
                {"name": "v", "configMap": {"name": "c"}},
                {"name": "w", "secret": {"secretName": "s"}},
            ]
        },
        {"ConfigMap c", "Secret s"},
    ),
    (
        {
            "volumes": [
                {
                    "name": "v",
                    "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]},
                }
            ]
        },
        {"ConfigMap c", "Secret s"},
    ),
    ({"imagePullSecrets": [{"name": "s"}]}, set()),
    (
        {"containers": [{"env": [{"name": "A", "value": "1"}]}], "volumes": [{"name": "v", "emptyDir": {}}]},
        set(),
    ),
    ({"containers": "nonsense", "volumes": {"a": 1}}, set()),
]


@pytest.mark.parametrize(("pod", "names"), PODS)
def test_what_pods_use_is_found(pod: dict[str, Any], names: set[str]) -> None:
    found = uses_of(workload(pod), "shop")
    assert {f"{one.kind} {one.name}" for one in found} == names
    assert {one.namespace for one in found} <= {"shop"}


@pytest.mark.parametrize(
    "spec", [None, {}, {"template": None}, {"template": {"metadata": [], "spec": FROM_A}}]
)
def test_a_workload_without_a_template_is_left_to_the_server(spec: Any) -> None:
    odd = annotated(manifest("web", "Deployment", "apps/v1", spec=spec), ASKS)
    assert checksum(odd, config("a", "1")) is None


def test_what_people_are_shown_has_no_checksum() -> None:
    web = placed(workload(FROM_A), config("a", "1")).manifests[WEB]
    shown = without_checksum(orjson.loads(web.body))
    assert shown["spec"] == {"template": {"metadata": {}, "spec": FROM_A}}
    kept = placed(workload(FROM_A, annotations={"mine": "1"}), config("a", "1")).manifests[WEB]
    assert without_checksum(orjson.loads(kept.body))["spec"]["template"]["metadata"] == {
        "annotations": {"mine": "1"}
    }


def test_a_secrets_value_is_not_in_the_checksum() -> None:
    pod = {"containers": [{"envFrom": [{"secretRef": {"name": "a"}}]}]}
    found = checksum(workload(pod), config("a", "aHVudGVyMg==", kind="Secret"))
    assert found is not None
    assert len(found) == 26
