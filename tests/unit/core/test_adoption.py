"""Who may be taken over: everybody who could object, one by one, dead and alive."""

from collections.abc import Mapping
from typing import Any

import pytest

from gitops.api.group import APPLYSET_PART_OF_LABEL
from gitops.core.adoption import (
    Adopt,
    AdoptPolicy,
    HelmRelease,
    Parents,
    judge,
    release_of,
    taken_managers,
)
from gitops.core.identity import Owner
from gitops.core.problem import Problem, Reason
from tests.unit.core.support import ALIVE, CAFE, SHOP, entry, key, live, marks

A = key("a")
GONE = Owner("team-c", "gone", "uid-of-gone")
HELM = {
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "apps"},
    "managedFields": [entry("helm", "Update")],
}
DEAD_HELM = Parents(ALIVE.applications, frozenset({HelmRelease("apps", "web")}))


def decided(
    metadata: Mapping[str, Any], policy: AdoptPolicy = AdoptPolicy.UNOWNED, parents: Parents = ALIVE
) -> Any:
    return judge(live(A, metadata), SHOP, policy, parents)


UNOWNED: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "kubectl apply": (
        {"managedFields": [entry("kubectl-client-side-apply", "Update")]},
        ("kubectl-client-side-apply",),
    ),
    "kubectl apply --server-side": ({"managedFields": [entry("kubectl")]}, ("kubectl",)),
    "kubectl edit": ({"managedFields": [entry("kubectl-edit", "Update")]}, ("kubectl-edit",)),
    "a controller": ({"managedFields": [entry("some-operator", "Update")]}, ()),
    "no managers": ({}, ()),
    "before field management": (
        {"managedFields": [entry("before-first-apply", "Update")]},
        ("before-first-apply",),
    ),
    "an Application that is gone": (marks(A, GONE), (GONE.manager,)),
    "a copy of a living Application's object": (marks(key("original"), CAFE), ()),
    "a copy of our own object": (marks(key("original")), ()),
    "only a status": ({"managedFields": [entry("kubectl", "Update", subresource="status")]}, ()),
    "our ownerReference": (
        {"ownerReferences": [{"uid": SHOP.uid, "kind": "Application", "name": "shop"}]},
        (),
    ),
}


@pytest.mark.parametrize("name", UNOWNED)
def test_what_nobody_owns_is_adopted(name: str) -> None:
    metadata, managers = UNOWNED[name]
    assert decided(metadata) == Adopt(managers)
    refused = decided(metadata, AdoptPolicy.NEVER)
    assert isinstance(refused, Problem)
    assert refused.reason is Reason.NOT_ADOPTED


OWNED: dict[str, tuple[Mapping[str, Any], str]] = {
    "another ApplySet": ({"labels": {APPLYSET_PART_OF_LABEL: "applyset-x-v1"}}, "applyset-x-v1"),
    "Argo CD by its annotation": (
        {"annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"}},
        "Argo CD's Application web",
    ),
    "Argo CD by its label": ({"labels": {"argocd.argoproj.io/instance": "web"}}, "Argo CD's Application web"),
    "Argo CD by its manager": ({"managedFields": [entry("argocd-controller")]}, "Argo CD"),
    "Flux's Kustomization": (
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "web",
                "kustomize.toolkit.fluxcd.io/namespace": "flux",
            }
        },
        "Flux's Kustomization flux/web",
    ),
    "Flux's HelmRelease": (
        {"labels": {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "flux"}},
        "Flux's HelmRelease flux/web",
    ),
    "Flux's kustomize-controller": (
        {"managedFields": [entry("kustomize-controller")]},
        "kustomize-controller",
    ),
    "Flux's helm-controller": ({"managedFields": [entry("helm-controller", "Update")]}, "helm-controller"),
    "a Helm release": (HELM, "the Helm release apps/web"),
    "an owner": (
        {"ownerReferences": [{"uid": "x", "kind": "Deployment", "name": "web"}]},
        "Deployment web (ownerReference)",
    ),
}


@pytest.mark.parametrize("name", OWNED)
def test_what_somebody_owns_is_refused_and_the_owner_named(name: str) -> None:
    metadata, owner = OWNED[name]
    refused = decided(metadata)
    assert isinstance(refused, Problem)
    assert refused.reason is Reason.OWNED_BY_ANOTHER
    assert owner in refused.message
    assert "sync.adopt" in refused.advice
    assert isinstance(decided(metadata, AdoptPolicy.ALWAYS), Adopt)
    assert decided(metadata, AdoptPolicy.NEVER).reason is Reason.NOT_ADOPTED


@pytest.mark.parametrize("policy", AdoptPolicy)
@pytest.mark.parametrize("lost", ["nothing", "labels", "managedFields"])
def test_a_living_application_keeps_what_it_owns_under_every_policy(policy: AdoptPolicy, lost: str) -> None:
    """Even while its marks are damaged."""
    refused = decided(marks(A, CAFE) | {lost: None}, policy)
    assert isinstance(refused, Problem)
    assert refused.reason is Reason.OWNED_BY_ANOTHER
    assert "the Application team-b/cafe" in refused.message


def test_a_helm_release_that_is_gone_owns_nothing() -> None:
    assert decided(HELM, parents=DEAD_HELM) == Adopt(("helm",))


def test_an_object_names_its_release() -> None:
    assert release_of(live(A, HELM)) == HelmRelease("apps", "web")
    nameless = {"annotations": {"meta.helm.sh/release-name": "web"}}
    assert release_of(live(A, nameless)) == HelmRelease("shop", "web")
    assert release_of(live(A, {})) is None


@pytest.mark.parametrize("rival", ["argocd-controller", "kustomize-controller", "helm-controller"])
def test_the_fields_of_a_rival_are_taken_only_when_everything_is_to_be_taken(rival: str) -> None:
    found = live(A, {"managedFields": [entry(rival, "Update")]})
    assert taken_managers(found, SHOP, AdoptPolicy.UNOWNED, ALIVE) == ()
    assert taken_managers(found, SHOP, AdoptPolicy.ALWAYS, ALIVE) == (rival,)


def test_the_fields_of_a_living_application_are_never_taken() -> None:
    found = live(A, {"managedFields": [entry(CAFE.manager), entry(GONE.manager), entry(SHOP.manager)]})
    for policy in AdoptPolicy:
        assert taken_managers(found, SHOP, policy, ALIVE) == (GONE.manager,)


def test_a_manager_with_two_entries_is_taken_once() -> None:
    found = live(A, {"managedFields": [entry("kubectl"), entry("kubectl", "Update")]})
    assert taken_managers(found, SHOP, AdoptPolicy.UNOWNED, ALIVE) == ("kubectl",)
