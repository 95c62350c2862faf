"""Why an Application itself gets no further."""

from typing import Any

import pytest

from gitops.api.application import Application
from gitops.core.model import ObjectKey
from gitops.core.why.applications import causes_of_application
from gitops.core.why.model import Depth

CONDITION = {
    "type": "Ready",
    "status": "False",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "reason": "X",
    "message": "y",
}
WEB = {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}


def application(*problems: Any, spec: Any = None, **status: Any) -> Application:
    source = {"repository": "https://git.example/shop.git", "path": "app", "revision": "main"}
    return Application.parse(
        {
            "apiVersion": "gitops.dev/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop", "namespace": "team"},
            "spec": {"source": source, "destination": {"namespace": "shop"}, **(spec or {})},
            "status": {"conditions": [CONDITION], "problems": [*problems], **status},
        }
    )


def problem(reason: str, message: str, **more: Any) -> dict[str, Any]:
    return {"reason": reason, "message": message, **more}


def test_an_application_without_problems_has_no_causes() -> None:
    assert causes_of_application(application()) == ()


def test_a_missing_right_names_verb_resource_and_account() -> None:
    said = (
        'deployments.apps "web" is forbidden: User "system:serviceaccount:team:deployer" cannot patch '
        'resource "deployments" in API group "apps" in the namespace "shop"'
    )
    [cause] = causes_of_application(application(problem("Forbidden", said, object=WEB)))
    assert (cause.id, cause.depth) == ("forbidden", Depth.ROOT)
    assert cause.key == ObjectKey("apps", "Deployment", "shop", "web")
    assert "may not patch deployments.apps in the namespace shop" in cause.sentence
    assert "auth can-i patch deployments.apps" in cause.evidence[0].command
    assert "get, list, create, patch and delete" in cause.advice[1], (
        "one right after the other would be missed"
    )


def test_an_immutable_field_is_named() -> None:
    said = (
        'Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: '
        "field is immutable"
    )
    [cause] = causes_of_application(
        application(problem("ImmutableField", said, object=WEB, advice="set it back"))
    )
    assert cause.id == "immutable-field"
    assert cause.sentence == (
        "can't be updated, because spec.selector can't be changed in an object that exists"
    )
    assert cause.advice == ("set it back",)


def test_a_conflict_names_manager_and_field() -> None:
    said = 'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas'
    [cause] = causes_of_application(application(problem("FieldConflict", said, object=WEB)))
    assert "because the manager kubectl-edit holds .spec.replicas with another value" in cause.sentence
    assert "--show-managed-fields" in cause.evidence[0].command


def test_a_failed_hook_leads_to_the_object_of_its_run() -> None:
    job = {"group": "batch", "kind": "Job", "namespace": "shop", "name": "migrate"}
    report = {
        "phase": "PreSync",
        "object": job,
        "name": "migrate-abc",
        "run": "abc",
        "attempt": 2,
        "state": "Failed",
    }
    said = "the PreSync hook failed: container migrate ended with exit code 3"
    [cause] = causes_of_application(application(problem("HookFailed", said, object=job), hooks=[report]))
    assert cause.sentence == f"{said}; the sync doesn't go on"
    assert cause.evidence[0].text.endswith("Job migrate-abc, after 2 attempts")
    assert "kubectl logs job.batch/migrate-abc -n shop" in cause.evidence[1].command


def test_a_dependency_leads_to_the_other_application() -> None:
    said = "commit 1234567 waits for the Application team/db, which is not ready (Degraded: x)"
    [cause] = causes_of_application(application(problem("DependencyNotReady", said, where="spec.dependsOn")))
    assert cause.evidence[0].command == "gitops why db -n team"


def test_credentials_name_the_secret_and_never_read_it() -> None:
    spec = {
        "source": {
            "repository": "https://git.example/shop.git",
            "credentials": {"secretName": "git"},
        }
    }
    [cause] = causes_of_application(application(problem("AuthenticationFailed", "refused"), spec=spec))
    assert cause.evidence[0].command == "kubectl describe secret/git -n team"


@pytest.mark.parametrize(
    ("reason", "identity", "command"),
    [
        ("RevisionNotFound", "revision-not-found", "git ls-remote https://git.example/shop.git"),
        ("PathNotFound", "path-not-found", "gitops render https://git.example/shop.git@main --path app"),
        ("PruneRefused", "prune-refused", "gitops plan shop -n team"),
        ("ApprovalRequired", "approval-required", "gitops plan shop -n team"),
        ("OwnedByAnother", "owned-by-another", "gitops status shop -n team"),
        ("SomethingNew", "something-new", "gitops status shop -n team"),
    ],
)
def test_each_reason_has_a_command_to_look(reason: str, identity: str, command: str) -> None:
    [cause] = causes_of_application(application(problem(reason, "what is wrong")))
    assert (cause.id, cause.evidence[0].command, cause.depth) == (identity, command, Depth.ROOT)


def test_an_error_of_rendering_says_file_and_line_first() -> None:
    [cause] = causes_of_application(
        application(problem("InvalidManifest", "not valid YAML", where="app/a.yaml:3"))
    )
    assert cause.sentence == "app/a.yaml:3: not valid YAML"


def test_what_blocks_comes_before_what_is_only_noticed() -> None:
    found = causes_of_application(
        application(
            problem("PruneUnconfirmed", "3 objects are kept"),
            problem("Drifted", "somebody changed it", object=WEB),
            problem("RevisionNotFound", "no branch main"),
            problem("Degraded", "what the controller found in the objects"),
        )
    )
    assert [one.id for one in found] == ["revision-not-found", "drifted", "prune-unconfirmed"]


def test_what_a_sync_waits_for_is_the_last_thing_to_say() -> None:
    waits = {**CONDITION, "type": "Reconciling", "status": "True", "message": "waits for the PreSync hook x"}
    [cause] = causes_of_application(application(conditions=[CONDITION, waits]))
    assert (cause.id, cause.depth) == ("application-waiting", Depth.EFFECT)
    assert cause.sentence == "gets no further: waits for the PreSync hook x"


def test_a_suspended_and_an_unseen_application_say_so() -> None:
    [cause] = causes_of_application(application(spec={"suspend": True}))
    assert (cause.id, cause.advice) == ("application-suspended", ("gitops resume shop -n team",))
    [cause] = causes_of_application(application(conditions=[]))
    assert cause.id == "application-unseen"
