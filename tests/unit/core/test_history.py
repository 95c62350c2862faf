"""The history: what is kept of syncs, where a rollback goes, and what a hold means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.api.group import HOLD_ANNOTATION
from gitops.api.status import HISTORY_LIMIT, SyncRecord
from gitops.core.history import named, previous, pruned, recorded
from gitops.core.hold import hold_of
from gitops.core.problem import GitopsError, Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sha(letter: str) -> str:
    return (letter * 40)[:40]


def ran(letter: str, result: str = "Succeeded", minutes: int = 0) -> SyncRecord:
    reason = None if result == "Succeeded" else "InvalidField"
    at = NOW + timedelta(minutes=minutes)
    return SyncRecord.model_validate({"revision": sha(letter), "at": at, "result": result, "reason": reason})


def history(letters: str) -> tuple[SyncRecord, ...]:
    """Newest first; a capital letter is a sync that failed."""
    return tuple(ran(one.lower(), "Succeeded" if one.islower() else "Failed") for one in letters)


def letters(records: tuple[SyncRecord, ...]) -> str:
    return "".join(
        one.revision[0] if one.result == "Succeeded" else one.revision[0].upper() for one in records
    )


def test_the_newest_comes_first_and_the_oldest_goes() -> None:
    kept: tuple[SyncRecord, ...] = ()
    for letter in "0123456789ab":
        kept = recorded(kept, ran(letter))
    assert letters(kept) == "ba98765432"
    assert len(kept) == HISTORY_LIMIT


def test_a_commit_that_fails_again_is_told_once_with_its_first_time() -> None:
    once = recorded(history("a"), ran("b", "Failed", minutes=1))
    assert recorded(once, ran("b", "Failed", minutes=9)) == once


def test_a_commit_that_succeeds_at_last_has_not_failed() -> None:
    assert letters(recorded(history("Ba"), ran("b"))) == "ba"


def test_an_earlier_failure_of_the_commit_stays() -> None:
    assert letters(recorded(history("aBa"), ran("b"))) == "baBa"


def test_late_pruning_counts_for_the_sync_that_it_belongs_to() -> None:
    assert pruned(history("ba"), sha("b"), 3)[0].pruned == 3
    assert pruned(history("ba"), sha("a"), 3) == history("ba")
    assert pruned((), sha("a"), 3) == ()


@pytest.mark.parametrize(
    ("past", "current", "goes_to"),
    [
        ("cba", "c", "b"),
        ("Cba", "c", "b"),  # the newest commit fails: back to the last one that didn't
        ("ba", "c", "b"),  # and the same when it isn't even recorded
        ("bcba", "b", "a"),  # held at b after a rollback from c: further back, not forward to c
        ("cbcba", "c", "b"),
        ("cBa", "c", "a"),
        ("c", "c", None),
        ("CBA", "c", None),
        ("", "", None),
    ],
)
def test_a_rollback_goes_back_to_the_last_success_before(
    past: str, current: str, goes_to: str | None
) -> None:
    found = previous(history(past), sha(current) if current else "")
    assert (found.revision[0] if found else None) == goes_to


@given(st.text("abcABC", max_size=8), st.sampled_from("abc"))
def test_a_rollback_never_stays_and_never_goes_to_a_failure(past: str, current: str) -> None:
    found = previous(history(past), sha(current))
    assert found is None or (found.result == "Succeeded" and found.revision != sha(current))


def test_a_commit_of_the_history_is_named_by_its_first_digits() -> None:
    assert named(history("ba"), "bbbb") == sha("b")
    assert named(history("ba"), sha("A")) == sha("a")


def test_any_other_commit_is_named_in_full() -> None:
    assert named(history("ba"), sha("f")) == sha("f")
    for text in ("ffff", "b", "main"):
        with pytest.raises(GitopsError) as raised:
            named(history("ba"), text)
        assert raised.value.problem.reason is Reason.REVISION_NOT_FOUND
        assert "full SHA" in raised.value.problem.advice


def test_a_hold_is_a_full_sha_or_refused() -> None:
    assert hold_of({}) == ""
    assert hold_of({HOLD_ANNOTATION: ""}) == ""
    assert hold_of({HOLD_ANNOTATION: sha("A")}) == sha("a")
    for text in ("main", "abc1234", "a" * 41):
        with pytest.raises(GitopsError) as raised:
            hold_of({HOLD_ANNOTATION: text})
        assert "gitops.dev/hold" in raised.value.problem.where
