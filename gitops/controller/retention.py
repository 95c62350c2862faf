"""What the status keeps of the past, and of a hold: pure functions of a pass and the status before it."""

from datetime import datetime

from gitops.api.status import Hold, Status, SyncRecord
from gitops.controller.memory import Memory
from gitops.controller.passes import Pass
from gitops.core.conditions import current, is_passing, obstacles
from gitops.core.history import pruned, recorded
from gitops.core.plan import Verb
from gitops.core.problem import Reason


def hold_in(done: Pass, before: Status, now: datetime) -> Hold | None:
    """The hold as the status tells of it; its age outlives restarts."""
    if not done.held:
        return None
    known = before.hold
    same = known if known and known.revision == done.held else None
    newest = done.newest or (same.newest if same else None)
    return Hold(revision=done.held, since=same.since if same else now, newest=newest)


def history_in(
    done: Pass, before: Status, memory: Memory, now: datetime, *, applied: bool
) -> tuple[SyncRecord, ...]:
    """The history after this pass; the same one if it ended no sync."""
    commit = done.target.commit.sha if done.target else ""
    last = before.revision.applied if before.revision else None
    trigger = memory.cause or ("rollback" if done.held else memory.trigger)
    if applied and commit and (last != commit or (memory.cause and memory.tally)):
        tally = memory.tally
        record = SyncRecord(
            revision=commit,
            at=now,
            result="Succeeded",
            trigger=trigger,
            created=tally[Verb.CREATE],
            updated=tally[Verb.UPDATE] + tally[Verb.ADOPT] + tally[Verb.REPAIR],
            pruned=tally[Verb.DELETE],
        )
        return recorded(before.history, record)
    failure = _failure(done)
    if failure and not done.held_back and memory.attempted not in ("", last):
        record = SyncRecord(
            revision=memory.attempted, at=now, result="Failed", reason=failure, trigger=trigger
        )
        return recorded(before.history, record)
    return before.history if memory.cause else pruned(before.history, commit, len(done.pruned))


def count_steps(done: Pass, memory: Memory) -> None:
    """Add what this pass did to the sync under way, if one is: what is done after it is healing."""
    if memory.cause:
        memory.tally.update(
            one.step.verb for one in done.outcomes if one.done and one.step.verb is not Verb.HEAL
        )


def end_sync(memory: Memory) -> None:
    """The sync is in the status that was written."""
    memory.cause = ""
    memory.tally.clear()


def _failure(done: Pass) -> Reason | None:
    """Why this commit can't be synced until somebody acts; a commit that isn't there was never tried."""
    lasting = [one.reason for one in obstacles(current(done.problems)) if not is_passing(one)]
    return next((reason for reason in lasting if reason is not Reason.REVISION_NOT_FOUND), None)
