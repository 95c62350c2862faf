"""What becomes of a document: lists, hooks, server-owned fields, Secrets, refusals."""

import base64
import json
from typing import Any

import pytest

from gitops.core.model import Rendered
from gitops.core.problem import Reason
from gitops.render.errors import RenderError
from gitops.render.limits import Budget, Limits
from gitops.render.manifests import Collector


def config_map(name: str = "a", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def collect(*documents: Any, limits: Limits | None = None) -> Rendered:
    collector = Collector(Budget(limits or Limits()))
    for position, document in enumerate(documents, 1):
        collector.add(document, f"app.yaml:{position}")
    return collector.finish()


def problems(*documents: Any) -> list[tuple[Reason, str]]:
    with pytest.raises(RenderError) as caught:
        collect(*documents)
    return [(each.reason, str(each)) for each in caught.value.problems]


def only_problem(*documents: Any) -> tuple[Reason, str]:
    (found,) = problems(*documents)
    return found


def test_a_manifest_is_canonical_and_knows_its_place() -> None:
    (manifest,) = collect({**config_map(labels={"b": "1", "a": "2"}), "data": {"k": "é"}}).manifests
    assert manifest.metadata == b'{"labels":{"a":"2","b":"1"},"name":"a"}'
    assert manifest.rest == '"apiVersion":"v1","data":{"k":"é"},"kind":"ConfigMap"'.encode()
    assert json.loads(manifest.body)["data"] == {"k": "é"}
    assert (manifest.origin, manifest.namespace) == ("app.yaml:1", "")


def test_what_only_the_server_may_write_is_dropped() -> None:
    owned: dict[str, Any] = {
        "creationTimestamp": None,
        "managedFields": [],
        "generation": 3,
        "selfLink": "/x",
    }
    (manifest,) = collect({**config_map(**owned), "status": {"x": 1}}).manifests
    assert json.loads(manifest.body) == config_map()


def test_an_identity_copied_from_a_cluster_is_dropped_with_a_warning() -> None:
    rendered = collect(config_map(uid="123", resourceVersion="7"))
    assert json.loads(rendered.manifests[0].body) == config_map()
    assert len(rendered.warnings) == 2
    assert "metadata.uid of ConfigMap a" in rendered.warnings[0]


def test_string_data_becomes_data_and_wins_over_it() -> None:
    secret = {
        **config_map(),
        "kind": "Secret",
        "data": {"a": "b2xk", "b": "Yg=="},
        "stringData": {"a": "new"},
    }
    body = json.loads(collect(secret).manifests[0].body)
    assert body["data"] == {"a": base64.b64encode(b"new").decode(), "b": "Yg=="}
    assert "stringData" not in body


def test_a_bad_secret_is_refused_without_its_value() -> None:
    secret = {**config_map(), "kind": "Secret", "data": {"token": "hunter2!"}}
    reason, text = only_problem(secret)
    assert reason is Reason.INVALID_MANIFEST
    assert "data[token]" in text
    assert "hunter2" not in text
    _, text = only_problem({**config_map(), "kind": "Secret", "stringData": {"pin": 123456}})
    assert "stringData[pin]" in text
    assert "123456" not in text


def test_lists_are_expanded() -> None:
    plain = {"apiVersion": "v1", "kind": "List", "items": [config_map("a"), config_map("b")]}
    typed = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [{"metadata": {"name": "c"}}]}
    rendered = collect(plain, typed)
    assert [(each.name, each.origin) for each in rendered.manifests] == [
        ("a", "app.yaml:1 items[0]"),
        ("b", "app.yaml:1 items[1]"),
        ("c", "app.yaml:2 items[0]"),
    ]


def test_a_custom_kind_that_ends_in_list_is_no_list() -> None:
    body = {"apiVersion": "x.io/v1", "kind": "AllowList", "metadata": {"name": "a"}, "items": ["1.2.3.4"]}
    assert [each.kind for each in collect(body).manifests] == ["AllowList"]


@pytest.mark.parametrize(
    "metadata",
    [{"labels": {"applyset.kubernetes.io/part-of": "x"}}, {"annotations": {"gitops.dev/applied": "x"}}],
)
def test_marks_of_ownership_may_not_come_from_git(metadata: dict[str, Any]) -> None:
    assert only_problem(config_map(**metadata))[0] is Reason.RESERVED_METADATA


def test_two_manifests_of_one_object_are_refused_with_both_places() -> None:
    reason, text = only_problem(config_map(), {**config_map(), "data": {"a": "b"}})
    assert reason is Reason.DUPLICATE_OBJECT
    assert text.startswith("app.yaml:2: ConfigMap a is already defined at app.yaml:1")


def test_the_same_name_in_another_namespace_or_group_is_another_object() -> None:
    other_group = {**config_map(), "apiVersion": "example.com/v1"}
    assert len(collect(config_map(), config_map(namespace="x"), other_group).manifests) == 3


def test_all_errors_are_told_up_to_twenty() -> None:
    nameless = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}
    assert len(problems(nameless, config_map(), nameless)) == 2
    assert len(problems(*[nameless] * 50)) == 20


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([1], "an object is expected, not a list"),
        (
            {"kind": "ConfigMap", "metadata": {"name": "a"}},
            "apiVersion is missing or no string (kind: ConfigMap)",
        ),
        ({"apiVersion": "v1", "metadata": {"name": "a"}}, "kind is missing or no string (apiVersion: v1)"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "ConfigMap has no metadata.name"),
        (config_map(""), "ConfigMap has no metadata.name"),
        ({**config_map(), "metadata": {"generateName": "a-"}}, "ConfigMap a- has only metadata.generateName"),
        (config_map(namespace=5), "metadata.namespace of ConfigMap a must be a string"),
        (config_map(annotations={"a": True}), "metadata.annotations[a] must be a string"),
        (config_map(labels=["a"]), "metadata.labels must be a mapping"),
        ({"apiVersion": "v1", "kind": "List", "items": [5]}, "an object is expected, not a number"),
    ],
)
def test_an_invalid_manifest_is_refused_with_what_is_wrong(body: Any, said: str) -> None:
    reason, text = only_problem(body)
    assert reason is Reason.INVALID_MANIFEST
    assert said in text


def test_hooks_stay_and_helm_tests_go_silently() -> None:
    hook = config_map("migrate", annotations={"helm.sh/hook": "pre-install,pre-upgrade"})
    argo = config_map("notify", annotations={"argocd.argoproj.io/hook": "PostSync"})
    test = config_map("test", annotations={"helm.sh/hook": "test"})
    crd = config_map("crd", annotations={"helm.sh/hook": "crd-install"})
    rendered = collect(hook, argo, test, crd)
    assert [each.name for each in rendered.manifests] == ["migrate", "notify", "crd"]
    assert rendered.warnings == ()


def test_a_hook_without_a_name_gets_one_from_its_content() -> None:
    hook = config_map("x", annotations={"gitops.dev/hook": "PreSync"})
    del hook["metadata"]["name"]
    hook["metadata"]["generateName"] = "migrate-"
    (once,), (again,) = collect(hook).manifests, collect(hook).manifests
    assert once.name == again.name
    assert once.name.startswith("migrate-")


def test_a_bad_annotation_of_ours_is_an_error_with_its_place() -> None:
    with pytest.raises(RenderError, match=r"gitops.dev/wave is 'first'; expected: a whole number"):
        collect(config_map("x", annotations={"gitops.dev/wave": "first"}))


def test_an_annotation_of_others_that_cannot_be_honoured_is_a_warning() -> None:
    rendered = collect(config_map("x", annotations={"argocd.argoproj.io/sync-options": "Replace=true"}))
    assert "Replace=true" in rendered.warnings[0]


def test_local_configuration_of_tools_is_dropped() -> None:
    assert collect(config_map(annotations={"config.kubernetes.io/local-config": "true"})).manifests == ()


def deployment(**container: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "app", **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": pod}},
    }


def service(*ports: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"ports": list(ports)},
    }


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (deployment(env=[{"name": "A", "value": "1"}, {"name": "A"}]), "containers[app].env[name=A]"),
        (
            deployment(ports=[{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]),
            "containers[app].ports[containerPort=80,protocol=TCP]",
        ),
        (deployment(volumeMounts=[{"mountPath": "/x"}] * 2), "containers[app].volumeMounts[mountPath=/x]"),
        (service({"port": 53}, {"port": 53}), "spec.ports[port=53,protocol=TCP]"),
    ],
)
def test_items_with_the_same_key_are_refused_as_an_apply_would(body: dict[str, Any], place: str) -> None:
    reason, text = only_problem(body)
    assert reason is Reason.INVALID_MANIFEST
    assert place in text


def test_ports_that_differ_in_protocol_are_two() -> None:
    assert collect(service({"port": 53}, {"port": 53, "protocol": "UDP"})).manifests


def test_more_objects_than_allowed_are_refused() -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": [config_map(f"c{index}") for index in range(11)]}
    with pytest.raises(Exception, match="more than 10 documents and objects"):
        collect(items, limits=Limits(objects=10))
