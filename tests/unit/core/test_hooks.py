"""Hooks as values: names, runs, attempts, and how their objects tell that they have ended."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from gitops.api.group import APPLYSET_PART_OF_LABEL, HOOK_OF_LABEL, HOOK_RUN_ANNOTATION
from gitops.core.hook_annotations import Hook, HookPhase, Occasion
from gitops.core.hooks import (
    HookResult,
    HookState,
    WantedHook,
    again,
    base_of,
    exit_of,
    hook_body,
    name_of,
    phase_state,
    precedes,
    run_id,
    state_of,
)
from gitops.core.model import GroupKind, Manifest, ObjectKey
from tests.unit.core.support import SHOP, key

JOB = WantedHook(
    key("migrate", "Job", "batch"), "batch/v1", "c1", "hooks.yaml", 0, Hook((HookPhase.PRE_SYNC,))
)


def result(state: HookState, run: str = "r", attempt: int = 1) -> HookResult:
    return HookResult(HookPhase.PRE_SYNC, JOB.key, JOB.key, run, state, attempt)


def test_a_job_gets_another_name_in_each_run_phase_attempt_and_for_each_content() -> None:
    names = {
        name_of(JOB, HookPhase.PRE_SYNC, "r1", 1),
        name_of(JOB, HookPhase.PRE_SYNC, "r2", 1),
        name_of(JOB, HookPhase.POST_SYNC, "r1", 1),
        name_of(JOB, HookPhase.PRE_SYNC, "r1", 2),
        name_of(replace(JOB, content="c2"), HookPhase.PRE_SYNC, "r1", 1),
    }
    assert len(names) == 5
    assert all(name.startswith("migrate-") and len(name) <= 63 for name in names)
    long = replace(JOB, key=key("x" * 63, "Job", "batch"))
    assert len(name_of(long, HookPhase.PRE_SYNC, "r1", 1)) == 63


def test_an_account_that_a_job_names_keeps_its_name() -> None:
    account = replace(JOB, key=key("migrator", "ServiceAccount"))
    assert name_of(account, HookPhase.PRE_SYNC, "r1", 1) == "migrator"
    assert name_of(replace(account, generated=True), HookPhase.PRE_SYNC, "r1", 1) != "migrator"


def test_a_run_goes_on_while_nothing_of_the_application_changes() -> None:
    run = run_id("contents-of-a", "abcdef0123", ())
    assert run_id("contents-of-a", "9999999999", [result(HookState.RUNNING, run)]) == run
    assert run_id("other-contents", "9999999999", [result(HookState.RUNNING, run)]) != run


def test_a_result_of_another_run_counts_for_nothing() -> None:
    results = {(HookPhase.PRE_SYNC, JOB.key): result(HookState.SUCCEEDED, "old")}
    state = phase_state([JOB], HookPhase.PRE_SYNC, "new", Occasion.INSTALL, results)
    assert [one.attempt for one in state.start] == [1]
    results = {(HookPhase.PRE_SYNC, JOB.key): result(HookState.SUCCEEDED, "new")}
    assert phase_state([JOB], HookPhase.PRE_SYNC, "new", Occasion.INSTALL, results).done


def test_another_attempt_is_only_for_what_failed() -> None:
    failed, succeeded = result(HookState.FAILED), result(HookState.SUCCEEDED)
    at = (HookPhase.PRE_SYNC, JOB.key)
    assert again({at: failed})[at] == replace(failed, state=HookState.PENDING, attempt=2)
    assert again({at: succeeded})[at] == succeeded
    state = phase_state([JOB], HookPhase.PRE_SYNC, "r", Occasion.INSTALL, again({at: failed}))
    assert [one.attempt for one in state.start] == [2]


def test_the_object_of_a_hook_is_marked_but_no_member() -> None:
    metadata = orjson.dumps({"generateName": "migrate-", "name": "migrate-x", "labels": {"a": "b"}})
    manifest = Manifest("batch/v1", "Job", "", "migrate-x", metadata, b'"kind":"Job"', "hooks.yaml")
    start = phase_state([JOB], HookPhase.PRE_SYNC, "r", Occasion.INSTALL, {}).start[0]
    made = orjson.loads(hook_body(manifest, start, SHOP))["metadata"]
    assert made["name"] == start.key.name
    assert "generateName" not in made
    assert made["labels"] == {"a": "b", HOOK_OF_LABEL: SHOP.applyset_id}
    assert APPLYSET_PART_OF_LABEL not in made["labels"]
    assert base_of(made["annotations"][HOOK_RUN_ANNOTATION]) == "migrate"
    assert base_of("nonsense") == ""


def pod(phase: str, **status: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "status": {"phase": phase, **status}}


def terminated(code: int) -> list[dict[str, Any]]:
    return [
        {"name": "work", "state": {"terminated": {"exitCode": code, "reason": "Error", "message": "s3cret"}}}
    ]


@pytest.mark.parametrize(
    ("obj", "kind", "state"),
    [
        (pod("Running"), GroupKind("", "Pod"), HookState.RUNNING),
        (pod("Succeeded"), GroupKind("", "Pod"), HookState.SUCCEEDED),
        (pod("Failed", containerStatuses=terminated(3)), GroupKind("", "Pod"), HookState.FAILED),
        (
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {},
                "status": {"conditions": [{"type": "Complete", "status": "True"}]},
            },
            GroupKind("batch", "Job"),
            HookState.SUCCEEDED,
        ),
        (
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {},
                "status": {"conditions": [{"type": "Failed", "status": "True"}]},
            },
            GroupKind("batch", "Job"),
            HookState.FAILED,
        ),
        (
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": {}},
            GroupKind("batch", "Job"),
            HookState.RUNNING,
        ),
        (
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {}},
            GroupKind("", "ServiceAccount"),
            HookState.SUCCEEDED,
        ),
    ],
)
def test_how_far_a_hook_is(obj: dict[str, Any], kind: GroupKind, state: HookState) -> None:
    assert state_of(obj, kind)[0] is state


def test_the_cause_names_container_reason_and_exit_code_and_no_text_of_the_container() -> None:
    failed = pod("Failed", containerStatuses=terminated(3))
    assert exit_of(failed) == "container work: Error, exit code 3"
    assert exit_of(pod("Succeeded", containerStatuses=terminated(0))) == ""
    pulling = [{"name": "work", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]
    assert exit_of(pod("Pending", containerStatuses=pulling)) == "container work: ImagePullBackOff"


def test_keys_of_results_are_those_of_the_repository() -> None:
    assert result(HookState.RUNNING).base == ObjectKey("batch", "Job", "shop", "migrate")


def test_a_hook_with_a_generated_name_follows_the_one_of_an_older_content() -> None:
    one = replace(JOB, key=key("migrate-aaaaaaaa", "Job", "batch"), generated=True)
    other = key("migrate-bbbbbbbb", "Job", "batch")
    assert precedes("migrate-cccccccc", one, {one.key, other})
    assert not precedes("migrate-bbbbbbbb", one, {one.key, other}), "it is another hook of this revision"
    assert not precedes("import-cccccccc", one, {one.key})
    assert not precedes("migrate-cccccccc", replace(one, generated=False), {one.key})
