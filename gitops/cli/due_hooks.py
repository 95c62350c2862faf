"""The hooks that a sync would run, as a diff shows them."""

from dataclasses import dataclass

from gitops.api.application import Application
from gitops.controller.hook_reports import result_of
from gitops.core.desired import Desired
from gitops.core.hook_annotations import HookPhase, Occasion
from gitops.core.hooks import HookState, run_id
from gitops.core.model import ObjectKey
from gitops.core.order import stage_of

BEFORE = (HookPhase.PRE_SYNC,)
AFTER = (HookPhase.SYNC, HookPhase.POST_SYNC)


@dataclass(frozen=True, slots=True)
class DueHook:
    """A hook that runs with the next sync; `key` has its name in the repository."""

    phase: HookPhase
    key: ObjectKey


def due_hooks(app: Application, desired: Desired, revision: str, *, deployed: bool) -> tuple[DueHook, ...]:
    """In the order in which they run, without those for a failure and those that succeeded already."""
    if deployed:
        return ()
    first = not (app.status.revision and app.status.revision.applied)
    occasion = Occasion.INSTALL if first else Occasion.UPGRADE
    results = [result_of(one) for one in app.status.hooks]
    run = run_id(desired.contents, revision, results)
    over = {(one.phase, one.base) for one in results if one.run == run and one.state is HookState.SUCCEEDED}
    ordered = sorted(desired.hooks, key=lambda one: (one.wave, stage_of(one.key.group_kind), one.key))
    return tuple(
        DueHook(phase, one.key)
        for phase in (*BEFORE, *AFTER)
        for one in ordered
        if one.hook.runs(phase, occasion) and (phase, one.key) not in over
    )
