"""When a sync is over and with which code, how far it is, and which calls contradict themselves."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gitops.api.application import Application
from gitops.api.group import API_VERSION, KIND
from gitops.cli.application_file import is_application_file, read_application
from gitops.cli.options import Output
from gitops.cli.sync import Options, run
from gitops.cli.sync_end import Watch, end_of
from gitops.cli.sync_progress import Row, where
from gitops.controller.one import Wish
from gitops.core.problem import GitopsError
from gitops.kube.client import Access

NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
SPEC = {"source": {"repository": "https://git.example.com/shop.git"}}


def app(conditions: Mapping[str, tuple[str, str]], *problems: str, **status: Any) -> Application:
    listed = [
        {"type": name, "status": value, "reason": reason, "message": f"{name}!", "lastTransitionTime": NOW}
        for name, (value, reason) in conditions.items()
    ]
    return Application.parse(
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": "shop", "namespace": "shop", "generation": 2},
            "spec": SPEC,
            "status": {
                "observedGeneration": 2,
                "conditions": listed,
                "problems": [{"reason": one, "message": one} for one in problems],
                **status,
            },
        }
    )


READY = {"Ready": ("True", "Succeeded"), "Synced": ("True", "Synced")}
UNHEALTHY = {"Ready": ("False", "Progressing"), "Synced": ("True", "Synced")}


def stalled(reason: str) -> dict[str, tuple[str, str]]:
    return {"Ready": ("False", reason), "Synced": ("False", reason), "Stalled": ("True", reason)}


def code(found: Application, **watch: Any) -> int | None:
    ended = end_of(found, Watch(**{"wait": True, **watch}))
    return ended.code if ended else None


def test_it_is_over_when_all_is_synced_and_healthy() -> None:
    assert code(app(READY)) == 0


def test_health_is_waited_for_unless_not_asked_for() -> None:
    assert code(app(UNHEALTHY)) is None
    assert code(app(UNHEALTHY), wait=False) == 0


def test_a_status_from_before_the_request_says_nothing() -> None:
    assert code(app(READY, handledReconcileAt="before"), token="now") is None
    assert code(app(READY, handledReconcileAt="now"), token="now") == 0
    assert code(app(READY, observedGeneration=1)) is None


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("OwnedByAnother", 5),
        ("PruneRefused", 5),
        ("InvalidManifest", 3),
        ("HookFailed", 3),
        ("PathNotFound", 2),
        ("Forbidden", 4),
        ("ProgressDeadlineExceeded", 4),
    ],
)
def test_the_code_says_whose_turn_it_is(reason: str, expected: int) -> None:
    assert code(app(stalled(reason))) == expected


def test_a_guard_comes_before_the_content() -> None:
    assert code(app(stalled("InvalidField"), "InvalidField", "OwnedByAnother")) == 5


@pytest.mark.parametrize("reason", ["ApprovalRequired", "Suspended"])
def test_what_waits_for_a_person_is_not_waited_for(reason: str) -> None:
    assert code(app({"Ready": ("False", reason), "Synced": ("False", reason)})) == 5


def test_what_waits_for_another_application_is_waited_for_only_where_somebody_moves_it_on() -> None:
    waiting = app({"Ready": ("False", "x"), "Synced": ("False", "DependencyNotReady")})
    assert code(waiting) is None
    assert code(waiting, alone=True) == 5


def test_a_repository_that_does_not_answer_ends_it_at_once() -> None:
    assert code(app({"Ready": ("False", "x"), "Synced": ("False", "RepositoryUnreachable")})) == 4


def test_how_far_it_is_in_words() -> None:
    assert where(()) == "nothing was applied"
    assert where((Row(0, 1, 0, 2),)) == "1 of 2 objects applied"
    assert where((Row(0, 3, 2, 3), Row(1, 0, 0, 4))) == "3 of 7 objects applied, wave 1 of 2"
    assert where((Row(0, 3, 3, 3), Row(1, 1, 1, 4))) == "4 of 7 objects applied, wave 2 of 2"


@pytest.mark.parametrize(
    "options",
    [
        Options(plan=Path("plan.json"), only=("ConfigMap/a",)),
        Options(plan=Path("none.json")),
        Options(only=("ConfigMap",)),
        Options(only=("ConfigMap/a",), prune=True),
        Options(prune=False, allow_prune="abcdef1"),
        Options(allow_prune="abc"),
        Options(),
    ],
    ids=str,
)
def test_a_call_that_contradicts_itself_is_refused_before_anything_is_done(
    options: Options, tmp_path: Path
) -> None:
    nowhere = Access(tmp_path / "none")
    target = None if options == Options() else "shop"
    with pytest.raises(GitopsError) as raised:
        asyncio.run(
            run(target, access=nowhere, namespace="", options=options, output=Output.TEXT, color=False)
        )
    assert raised.value.problem.blame == "spec"


def test_a_wish_changes_the_spec_for_one_run() -> None:
    assert Wish().applied_to(SPEC) == {**SPEC, "sync": {}}
    assert Wish(approved_only=True).applied_to({"sync": {"prune": "Confirm"}}) == {
        "sync": {"prune": "Confirm", "deploy": "Manual"}
    }
    only = Wish(only=lambda key: key.name == "a", prune=None)
    assert only.applied_to(SPEC)["sync"] == {"prune": "Disabled"}


def test_a_file_holds_one_application_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "application.yaml"
    text = f"apiVersion: {API_VERSION}\nkind: {KIND}\nmetadata: {{name: shop}}\nspec: {SPEC}\n"
    file.write_text(text)
    assert is_application_file(file)
    assert not is_application_file(tmp_path)
    assert not is_application_file(Path("shop.yaml"))  # may be an Application's name
    assert read_application(file, "home").metadata.namespace == "home"
    for wrong in (f"{text}---\n{text}", "kind: ConfigMap\n", "a: [", text.replace("source", "sauce")):
        file.write_text(wrong)
        with pytest.raises(GitopsError) as raised:
            read_application(file, "home")
        assert raised.value.problem.where == str(file)
