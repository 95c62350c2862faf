"""Why objects of the cluster itself are stuck."""

from typing import Any

from gitops.core.why.cluster import (
    api_service_causes,
    definition_causes,
    deletion_causes,
    namespace_causes,
)
from gitops.core.why.lookups import SERVICE
from gitops.core.why.model import Cause, Depth, World
from tests.unit.core.why.worlds import Obj, condition, ids, key_of, obj, pod, world

DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
DEFINITIONS = "apiextensions.k8s.io/v1"


def of_namespace(*conditions: Obj, **spec: Any) -> list[Cause]:
    one = obj(
        "v1", "Namespace", "old", "", metadata=dict(DELETED), spec=spec, status={"conditions": [*conditions]}
    )
    return list(namespace_causes(key_of(one), one, world()))


def test_a_namespace_names_the_finalizer_that_holds_its_content() -> None:
    content = "Some resources are remaining: widgets.example.org has 2 resource instances"
    finalizers = (
        "Some content in the namespace has finalizers remaining: example.org/keep in 2 resource instances"
    )
    [cause] = of_namespace(
        condition("NamespaceContentRemaining", "True", "SomeResourcesRemain", content),
        condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", finalizers),
    )
    assert cause.id == "namespace-finalizer"
    assert finalizers in cause.sentence
    assert content in cause.sentence
    assert "the controller of example.org/keep runs" in cause.advice[0]


def test_a_namespace_whose_content_can_not_be_listed_blames_the_extension_api() -> None:
    said = "Discovery failed for some groups, 1 failing: metrics.k8s.io/v1beta1: stale GroupVersion"
    [cause] = of_namespace(
        condition("NamespaceDeletionDiscoveryFailure", "True", "DiscoveryFailed", said),
        condition("NamespaceContentRemaining", "False", "ContentRemoved", "All content removed"),
    )
    assert cause.id == "namespace-discovery"
    assert said in cause.sentence


def test_a_namespace_of_which_only_a_finalizer_of_its_own_is_left_names_it() -> None:
    [cause] = of_namespace(finalizers=["kubernetes", "example.org/hold"])
    assert cause.id == "stuck-on-finalizer"
    assert "held by the finalizer example.org/hold" in cause.sentence


def test_a_namespace_that_stays_has_no_causes() -> None:
    one = obj("v1", "Namespace", "shop", "", spec={"finalizers": ["kubernetes"]})
    assert not list(namespace_causes(key_of(one), one, world()))


def of_deleted(kind: str, *finalizers: str, around: World | None = None) -> list[Cause]:
    one = obj("v1", kind, "data", metadata={**DELETED, "finalizers": [*finalizers]})
    return list(deletion_causes(key_of(one), one, around or world()))


def test_a_deleted_object_names_its_finalizers_and_what_they_wait_for() -> None:
    [cause] = of_deleted("ConfigMap", "foregroundDeletion", "example.org/keep")
    assert cause.id == "stuck-on-finalizer"
    assert "held by the finalizers example.org/keep, foregroundDeletion (until " in cause.sentence
    assert "only if its controller is gone for good" in cause.advice[-1]
    assert of_deleted("ConfigMap") == []


def test_a_volume_claim_names_the_pods_that_use_it() -> None:
    user = pod("db-0", {})
    user["spec"]["volumes"] = [{"name": "x", "persistentVolumeClaim": {"claimName": "data"}}]
    [cause] = of_deleted("PersistentVolumeClaim", "kubernetes.io/pvc-protection", around=world(user))
    assert cause.sentence.endswith("which is Pod db-0")


def definition(name: str, *conditions: Obj) -> Obj:
    plural, _, group = name.partition(".")
    spec = {"group": group, "names": {"kind": "Widget", "plural": plural}}
    return obj(
        DEFINITIONS, "CustomResourceDefinition", name, "", spec=spec, status={"conditions": [*conditions]}
    )


def test_a_definition_whose_names_are_taken_names_the_rival() -> None:
    refused = condition("NamesAccepted", "False", "KindConflict", '"Widget" is already in use')
    mine = definition("gadgets.example.org", refused, condition("Established", "False", "NotAccepted"))
    rival = definition("widgets.example.org")
    [cause] = definition_causes(key_of(mine), mine, world(mine, rival))
    assert (cause.id, cause.depth) == ("definition-names", Depth.ROOT)
    assert '"Widget" is already in use' in cause.sentence
    assert cause.evidence[1].text == "widgets.example.org has Widget already"


def test_a_definition_that_is_established_has_no_causes() -> None:
    fine = definition(
        "widgets.example.org", condition("NamesAccepted", "True"), condition("Established", "True")
    )
    assert not list(definition_causes(key_of(fine), fine, world(fine)))
    new = definition("widgets.example.org")
    assert ids(definition_causes(key_of(new), new, world(new))) == ["definition-not-established"]


def test_an_extension_api_leads_to_its_service() -> None:
    service = obj("v1", "Service", "metrics", "kube-system", spec={"selector": {"app": "metrics"}})
    spec = {"service": {"namespace": "kube-system", "name": "metrics"}}
    gone = condition("Available", "False", "MissingEndpoints", "endpoints have no addresses")
    one = obj("apiregistration.k8s.io/v1", "APIService", "v1.x", "", spec=spec, status={"conditions": [gone]})
    sick = pod("metrics-1", {"app": "metrics"}, ready=False)
    sick["metadata"]["namespace"] = "kube-system"
    found = list(api_service_causes(key_of(one), one, world(service, sick)))
    assert ids(found) == ["api-service-unavailable", "service-pods-not-ready"]
    [cause] = api_service_causes(key_of(one), one, world(read=[SERVICE]))
    assert cause.depth is Depth.ROOT, "there is nothing behind it"
