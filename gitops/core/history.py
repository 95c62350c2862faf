"""The last syncs of an Application: what is remembered of them, and which one a rollback goes to."""

from collections.abc import Sequence

from gitops.api.status import HISTORY_LIMIT, SyncRecord
from gitops.core.problem import Blame, Reason, fail
from gitops.core.revision import valid_sha

_SHORTEST = 4  # digits of a commit that people may give


def recorded(history: Sequence[SyncRecord], record: SyncRecord) -> tuple[SyncRecord, ...]:
    """The history with one more sync. A try of the same commit that failed becomes its success, or stays."""
    before = tuple(history)
    newest = before[0] if before else None
    if newest and newest.revision == record.revision and newest.result == "Failed":
        if record.result == "Failed":
            return before
        before = before[1:]
    return (record, *before)[:HISTORY_LIMIT]


def pruned(history: Sequence[SyncRecord], revision: str, count: int) -> tuple[SyncRecord, ...]:
    """The history after `count` objects were pruned: the last thing that a sync does, often much later."""
    before = tuple(history)
    if not count or not before or before[0].revision != revision:
        return before
    return (before[0].model_copy(update={"pruned": before[0].pruned + count}), *before[1:])


def previous(history: Sequence[SyncRecord], current: str) -> SyncRecord | None:
    """Where a rollback without a target goes: the last success before the commit `current` was first there.

    Its first time counts, so that a second rollback goes further back instead of forward again.
    """
    first = max((index for index, one in enumerate(history) if one.revision == current), default=-1)
    before = history[first + 1 :]
    return next((one for one in before if one.result == "Succeeded" and one.revision != current), None)


def named(history: Sequence[SyncRecord], text: str) -> str:
    """The full SHA that a person means: one of the history by its first digits, or any full one.

    Raises:
        GitopsError: REVISION_NOT_FOUND.
    """
    wanted = text.strip().lower()
    if valid_sha(wanted):
        return wanted
    found = {one.revision for one in history if one.revision.startswith(wanted)}
    if len(found) == 1 and len(wanted) >= _SHORTEST:
        return found.pop()
    if len(found) > 1:
        message = f"{text!r} means several commits of the history"
    else:
        message = f"{text!r} is no commit of the history"
    raise fail(
        Reason.REVISION_NOT_FOUND,
        message,
        Blame.SPEC,
        advice="give the full SHA; any commit of the repository can be rolled back to by it",
    )
