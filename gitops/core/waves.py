"""Which objects a sync may deploy now: waves one after the other, `depends-on`, hooks between them.

Only what is new is held back. Healing isn't: an object whose turn has not come heals to what was applied
before. All is derived from what is true now, so that a crash between two requests changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gitops.core.directives import ApplyMode
from gitops.core.health import HealthState
from gitops.core.hook_annotations import HookPhase, Occasion
from gitops.core.hooks import (
    HookResult,
    HookStart,
    PhaseState,
    Results,
    WantedHook,
    phase_state,
    words_of,
)
from gitops.core.identity import Owner
from gitops.core.inventory import Membership, Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Step, Wanted
from gitops.core.problem import Blame, Problem, Reason

GOOD = frozenset({HealthState.HEALTHY, HealthState.SUSPENDED})


@dataclass(frozen=True, slots=True)
class Order:
    """What a render says about order. `plain`: nothing; all objects go out at once, by stages."""

    plain: bool = True
    waves: tuple[int, ...] = (0,)
    blocked: Mapping[ObjectKey, Problem] = field(default_factory=dict)


PLAIN_ORDER = Order()


def order_of(wanted: Mapping[ObjectKey, Wanted], hooks: Collection[WantedHook]) -> Order:
    """The order of a render, cycles and missing dependencies found."""
    ordered = [one for one in wanted.values() if one.directives.wave or one.directives.depends_on]
    if not ordered and not hooks:
        return PLAIN_ORDER
    waves = {one.directives.wave for one in wanted.values()}
    waves |= {one.wave for one in hooks if HookPhase.SYNC in one.hook.phases}
    blocked: dict[ObjectKey, Problem] = {}
    for one in ordered:
        if problem := _missing(one, wanted) or _too_late(one, wanted):
            blocked[one.key] = problem
    for cycle in _cycles(wanted):
        text = " → ".join(str(key) for key in (*cycle, cycle[0]))
        for key in cycle:
            blocked[key] = Problem(
                Reason.DEPENDENCY_CYCLE,
                f"depends on itself: {text}",
                Blame.REPOSITORY,
                wanted[key].origin,
                "remove one of the config.kubernetes.io/depends-on annotations",
                key,
            )
    return Order(False, tuple(sorted(waves)), blocked)


def _missing(one: Wanted, wanted: Mapping[ObjectKey, Wanted]) -> Problem | None:
    for needed in one.directives.depends_on:
        if needed not in wanted:
            return Problem(
                Reason.DEPENDENCY_NOT_FOUND,
                f"depends on {needed}, which this revision doesn't have",
                Blame.REPOSITORY,
                one.origin,
                "correct the annotation config.kubernetes.io/depends-on, or add the object",
                one.key,
            )
    return None


def _too_late(one: Wanted, wanted: Mapping[ObjectKey, Wanted]) -> Problem | None:
    for needed in one.directives.depends_on:
        if wanted[needed].directives.wave > one.directives.wave:
            return Problem(
                Reason.DEPENDENCY_CYCLE,
                f"of wave {one.directives.wave} depends on {needed} of wave "
                f"{wanted[needed].directives.wave}, which waits for it",
                Blame.REPOSITORY,
                one.origin,
                "give the dependency the same wave or an earlier one",
                one.key,
            )
    return None


def _cycles(wanted: Mapping[ObjectKey, Wanted]) -> Iterable[tuple[ObjectKey, ...]]:
    """Each cycle of depends-on once, in the order of its edges."""
    settled: set[ObjectKey] = set()
    for start in wanted:
        trail: list[ObjectKey] = []
        at: dict[ObjectKey, int] = {}
        stack = [(start, iter(wanted[start].directives.depends_on))]
        if start in settled or not wanted[start].directives.depends_on:
            continue
        trail.append(start)
        at[start] = 0
        while stack:
            key, needs = stack[-1]
            needed = next(needs, None)
            if needed is None:
                stack.pop()
                trail.pop()
                del at[key]
                settled.add(key)
            elif needed in at:
                yield tuple(trail[at[needed] :])
            elif needed in wanted and needed not in settled:
                at[needed] = len(trail)
                trail.append(needed)
                stack.append((needed, iter(wanted[needed].directives.depends_on)))


@dataclass(frozen=True, slots=True)
class Gate:
    """How far a sync may go now.

    `held` are desired objects whose turn has not come; `start` the hooks that are due; `waits` says in
    words what comes first of what is waited for. `applied`: every wave is there and healthy.
    """

    held: frozenset[ObjectKey] = frozenset()
    start: tuple[HookStart, ...] = ()
    failed: tuple[HookResult, ...] = ()
    waits: str = ""
    applied: bool = True
    finished: bool = True  # the hooks after it as well


OPEN = Gate()


@dataclass(frozen=True, slots=True)
class Syncing:
    """A sync under way: what it wants, and how far its hooks are."""

    owner: Owner
    wanted: Mapping[ObjectKey, Wanted]
    order: Order
    hooks: tuple[WantedHook, ...]
    members: Mapping[ObjectKey, Observed]
    present: Collection[ObjectKey]  # not ours, but there: all that IfNotPresent asks
    run: str
    occasion: Occasion
    results: Results
    failing: bool = False  # nothing goes on: the hooks for a failure are due


def gate(sync: Syncing) -> Gate:
    """How far the sync may go now, from what is true."""
    if sync.order.plain:
        return OPEN
    before = _phase(sync, HookPhase.PRE_SYNC)
    if not before.done:
        waits = words_of(before, HookPhase.PRE_SYNC)
        return _with_failure(
            sync, Gate(frozenset(sync.wanted), before.start, before.failed, waits, False, False)
        )
    for number, wave in enumerate(sync.order.waves, start=1):
        found = _wave(sync, number, wave)
        if found:
            return _with_failure(sync, found)
    after = _phase(sync, HookPhase.POST_SYNC)
    if after.done:
        return OPEN
    waits = words_of(after, HookPhase.POST_SYNC)
    return _with_failure(sync, Gate(frozenset(), after.start, after.failed, waits, True, False))


def _phase(sync: Syncing, phase: HookPhase) -> PhaseState:
    return phase_state(sync.hooks, phase, sync.run, sync.occasion, sync.results)


def _wave(sync: Syncing, number: int, wave: int) -> Gate | None:
    """The gate at this wave; None when everything of it is there and healthy."""
    pending = {
        key: why
        for key, one in sync.wanted.items()
        if one.directives.wave == wave and (why := unsettled(one, sync.members.get(key), sync))
    }
    hooks = [one for one in sync.hooks if one.wave == wave]
    during = phase_state(hooks, HookPhase.SYNC, sync.run, sync.occasion, sync.results)
    if not pending and during.done:
        return None
    later = {key for key, one in sync.wanted.items() if one.directives.wave > wave}
    held = later | {
        key
        for key in pending
        if key in sync.order.blocked
        or any(_lacks(sync, needed) for needed in sync.wanted[key].directives.depends_on)
    }
    if during.done:
        first = next((key for key in pending if key not in held), next(iter(pending)))
        waits = f"{first}: {pending[first]}"
    else:
        waits = words_of(during, HookPhase.SYNC)
    if len(sync.order.waves) > 1:
        waits = f"wave {wave} ({number} of {len(sync.order.waves)}): {waits}"
    return Gate(frozenset(held), during.start, during.failed, waits, False, False)


def _lacks(sync: Syncing, needed: ObjectKey) -> bool:
    one = sync.wanted.get(needed)
    return one is None or bool(unsettled(one, sync.members.get(needed), sync))


def unsettled(one: Wanted, seen: Observed | None, sync: Syncing) -> str:
    """Why an object keeps the next wave waiting, in words; empty when it doesn't."""
    if one.directives.apply is ApplyMode.IF_NOT_PRESENT and (seen is not None or one.key in sync.present):
        return ""
    if seen is None or seen.membership(sync.owner) is not Membership.MEMBER:
        return "is not there yet"
    if seen.deleting:
        return "is being deleted"
    if seen.content != one.content:
        return "is not applied yet"
    if one.directives.ignore_health or seen.health.state in GOOD:
        return ""
    return f"{seen.health.state}: {seen.health.message}" if seen.health.message else seen.health.state


def _with_failure(sync: Syncing, found: Gate) -> Gate:
    """A sync that can't go on runs the hooks for that, besides what it does already."""
    if not (found.failed or sync.failing):
        return found
    failing = _phase(sync, HookPhase.SYNC_FAIL)
    return Gate(
        found.held,
        (*found.start, *failing.start),
        (*found.failed, *failing.failed),
        found.waits,
        found.applied,
        found.finished,
    )


def effective(
    sync: Syncing, held: Collection[ObjectKey], before: Sequence[Mapping[ObjectKey, Wanted]]
) -> tuple[dict[ObjectKey, Wanted], dict[ObjectKey, int]]:
    """What to bring the cluster to now: `held` objects to a render applied `before`, or not at all.

    A live object belongs to the render whose content digest it carries; one that is gone to the newest
    that had it. Also says which of the renders before each of these is taken from.
    """
    now = dict(sync.wanted)
    earlier: dict[ObjectKey, int] = {}
    for key in held:
        seen = sync.members.get(key)
        if seen is not None and seen.content == sync.wanted[key].content:
            continue  # it is the same in both, or its turn had come: it is healed
        for number, last in enumerate(before):
            one = last.get(key)
            if one is not None and (seen is None or seen.content == one.content):
                now[key] = one
                earlier[key] = number
                break
        else:
            del now[key]
    return now, earlier


def prunable(steps: Iterable[Step], leaving: Iterable[Observed]) -> list[Step]:
    """The deletions whose turn it is; `leaving` is all that left Git and isn't gone yet."""
    acting = {step.key for step in steps if step.acts}
    going = [one for one in leaving if one.deleting or one.key in acting]
    first = first_to_go(going)
    known = {one.key for one in going}
    return [step for step in steps if step.acts and (step.key in first or step.key not in known)]


def first_to_go(going: Collection[Observed]) -> set[ObjectKey]:
    """Of objects that are to be deleted: those of the last wave that none of the others depends on.

    What is being deleted already counts till it is gone. A circle of dependencies holds nothing up.
    """
    last = max((one.directives.wave for one in going), default=0)
    needed = {key for one in going for key in one.directives.depends_on if key != one.key}
    wave = {one.key for one in going if one.directives.wave == last}
    return (wave - needed) or wave
