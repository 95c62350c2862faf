"""Annotations, ours and others', mean what they say; nonsense of ours is an error, of others' a warning."""

from typing import Any

import pytest

from gitops.core.directives import PLAIN, ApplyMode, Directives, PruneMode, of_live, read
from gitops.core.hook_annotations import DirectiveError, Hook, HookDelete, HookPhase, Occasion
from gitops.core.model import ObjectKey

ARGO = "argocd.argoproj.io/"
FLUX = "kustomize.toolkit.fluxcd.io/"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("gitops.dev/wave", "-3", {"wave": -3}),
        ("gitops.dev/prune", "Disabled", {"prune": PruneMode.DISABLED}),
        ("gitops.dev/apply", "IfNotPresent", {"apply": ApplyMode.IF_NOT_PRESENT}),
        ("gitops.dev/force", "Enabled", {"force": True}),
        ("gitops.dev/ignore-health", "true", {"ignore_health": True}),
        (f"{ARGO}sync-wave", "5", {"wave": 5}),
        (f"{ARGO}sync-options", "Prune=false", {"prune": PruneMode.DISABLED}),
        (f"{ARGO}sync-options", "Prune=confirm", {"prune": PruneMode.CONFIRM}),
        (f"{ARGO}sync-options", "PruneLast=true, Force=true", {"force": True}),
        (f"{ARGO}sync-options", "Delete=false", {"keep_on_deletion": True}),
        (f"{ARGO}ignore-healthcheck", "true", {"ignore_health": True}),
        (f"{ARGO}hook", "Skip", {"skip": True}),
        (f"{FLUX}prune", "disabled", {"prune": PruneMode.DISABLED}),
        (f"{FLUX}ssa", "IfNotPresent", {"apply": ApplyMode.IF_NOT_PRESENT}),
        (f"{FLUX}ssa", "Ignore", {"apply": ApplyMode.IGNORE}),
        (f"{FLUX}ssa", "Merge", {}),
        (f"{FLUX}reconcile", "disabled", {"apply": ApplyMode.IGNORE}),
        (f"{FLUX}force", "enabled", {"force": True}),
        ("helm.sh/resource-policy", "keep", {"prune": PruneMode.DISABLED}),
        ("client.lifecycle.config.k8s.io/deletion", "detach", {"prune": PruneMode.DISABLED}),
        ("helm.sh/hook", "test", {"skip": True}),
        ("helm.sh/hook", "crd-install", {}),
    ],
)
def test_what_an_annotation_asks_for(name: str, value: str, expected: dict[str, Any]) -> None:
    reading = read({name: value})
    assert reading.directives == Directives(**expected)
    assert reading.warnings == ()


def test_ours_win_over_others() -> None:
    annotations = {f"{ARGO}sync-wave": "5", "gitops.dev/wave": "1", f"{FLUX}prune": "disabled"}
    assert read({**annotations, "gitops.dev/prune": "Enabled"}).directives == Directives(
        wave=1, prune=PruneMode.ENABLED
    )


def test_an_object_without_annotations_for_us_shares_one_value() -> None:
    assert read({"example.com/x": "1"}).directives is PLAIN
    assert read({f"{ARGO}tracking-id": "a:b"}).directives is PLAIN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gitops.dev/wave", "1.5"),
        ("gitops.dev/prune", "false"),
        ("gitops.dev/apply", "never"),
        ("gitops.dev/force", "true"),
        ("gitops.dev/hook", "PreSink"),
        ("gitops.dev/hook", ""),
        ("config.kubernetes.io/depends-on", "web"),
    ],
)
def test_nonsense_of_ours_is_an_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(DirectiveError, match=name):
        read({name: value})


def test_one_live_annotation_that_makes_no_sense_does_not_undo_the_others() -> None:
    live = {"gitops.dev/wave": "?", "gitops.dev/prune": "Disabled"}
    assert of_live(live).prune is PruneMode.DISABLED


@pytest.mark.parametrize(
    ("annotations", "word"),
    [
        ({f"{ARGO}sync-options": "Replace=true"}, "Replace=true"),
        ({f"{ARGO}compare-options": "IgnoreResourceUpdates=true"}, "IgnoreResourceUpdates=true"),
        ({f"{ARGO}sync-wave": "first"}, "counts as 0"),
        ({f"{ARGO}managed-by": "x"}, "managed-by"),
        ({f"{FLUX}ssa": "Sometimes"}, "Sometimes"),
        ({"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "heavy"}, "counts as 0"),
        ({"helm.sh/hook": "pre-flight"}, "pre-flight"),
        ({f"{ARGO}hook": "PreSync,Often"}, "Often"),
    ],
)
def test_what_cannot_be_honoured_is_a_warning(annotations: dict[str, str], word: str) -> None:
    (warning,) = read(annotations).warnings
    assert word in warning


def test_references_to_dependencies() -> None:
    value = "apps/namespaces/shop/Deployment/web, /namespaces/shop/ConfigMap/a,/Namespace/shop"
    assert read({"config.kubernetes.io/depends-on": value}).directives.depends_on == (
        ObjectKey("apps", "Deployment", "shop", "web"),
        ObjectKey("", "ConfigMap", "shop", "a"),
        ObjectKey("", "Namespace", "", "shop"),
    )


def hook_of(annotations: dict[str, str]) -> Hook:
    hook = read(annotations).directives.hook
    assert hook
    return hook


def test_hooks_of_ours_and_of_argo_cd() -> None:
    ours = hook_of({"gitops.dev/hook": "PreSync,SyncFail", "gitops.dev/hook-delete": "HookFailed"})
    assert ours.phases == (HookPhase.PRE_SYNC, HookPhase.SYNC_FAIL)
    assert ours.delete == {HookDelete.HOOK_FAILED}
    argo = hook_of({f"{ARGO}hook": "PostSync"})
    assert argo.phases == (HookPhase.POST_SYNC,)
    assert argo.delete == {HookDelete.BEFORE_HOOK_CREATION}


def test_a_hook_of_helm_runs_on_its_occasion_only() -> None:
    both = hook_of({"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "-5"})
    assert all(both.runs(HookPhase.PRE_SYNC, one) for one in Occasion)
    assert both.weight == -5
    first = hook_of({"helm.sh/hook": "post-install,pre-delete"})
    assert first.runs(HookPhase.POST_SYNC, Occasion.INSTALL)
    assert not first.runs(HookPhase.POST_SYNC, Occasion.UPGRADE)
    assert first.runs(HookPhase.PRE_DELETE, Occasion.UPGRADE)


def test_the_weight_of_a_helm_hook_is_its_wave() -> None:
    assert read({"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "7"}).directives.wave == 7
