"""A plan in a file: what it keeps, and how it tells that the world has moved."""

from dataclasses import replace
from pathlib import Path

import pytest

from gitops.cli.saved_plan import SavedPlan, SavedStep, load, moved, save
from gitops.core.problem import GitopsError

PLAN = SavedPlan(
    "shop/shop",
    "uid",
    "a" * 40,
    "digest",
    "2 to create",
    (SavedStep("create", "ConfigMap shop/a", "1"), SavedStep("update", "Service shop/b", "2")),
)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    save(PLAN, tmp_path / "plan.json")
    assert load(tmp_path / "plan.json") == PLAN


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "gitops.dev/plan/v1"}', "kind: Plan"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(GitopsError, match="no saved plan"):
        load(tmp_path / "plan.json")
    with pytest.raises(GitopsError, match=r"can.t be read"):
        load(tmp_path / "none.json")


def test_a_newer_commit_that_leads_to_the_same_has_moved_nothing() -> None:
    assert moved(PLAN, replace(PLAN, revision="b" * 40)) == []


def test_what_has_moved_is_said() -> None:
    steps = (SavedStep("create", "ConfigMap shop/a", "other"), SavedStep("delete", "Service shop/b", ""))
    now = replace(PLAN, revision="b" * 40, digest="new", steps=steps)
    assert moved(PLAN, now) == [
        "the revision was aaaaaaa and is bbbbbbb",
        "no longer to do: update Service shop/b",
        "new: delete Service shop/b",
        "other content: create ConfigMap shop/a",
    ]


def test_an_application_of_the_same_name_is_another_one() -> None:
    assert "another one" in moved(PLAN, replace(PLAN, uid="made anew"))[0]
