"""Fights: two writers that undo each other. Found from our own heals; healed less and less often.

All times are seconds of any one clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType

from gitops.core.backoff import FRESH, Backoff
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift, Plan, Step, Verb
from gitops.core.problem import Blame, Problem, Reason

WINDOW = 600.0
HEALS = 5  # of one field within the window: healed again, it would be a fight
_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 600.0
_LEAST_QUIET = 10.0
_OWNERSHIP = "the ownership of its fields"  # values agree, and only whose they are differs
# What steps restore that no dry run is made for: writes of something that was written before.
RESTORED = {
    Verb.CREATE: "the whole object",
    Verb.UPDATE: "the annotation gitops.dev/applied",
    Verb.ADOPT: "the annotation gitops.dev/applied",  # without it, it is nobody's
    Verb.REPAIR: "the label or the field manager of its Application",
}
_NAMED = 3
_NOBODY = MappingProxyType[str, tuple[float, ...]]({})


@dataclass(frozen=True, slots=True)
class Quarrel:
    """The heals of one object in the last minutes, and the fight that they may have become."""

    heals: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: _NOBODY)  # field → when
    fields: tuple[str, ...] = ()  # that are fought over; none: it is no fight
    opponent: str = ""
    backoff: Backoff = FRESH
    touched: float = 0.0  # the last heal, or the last time that one was found undone
    lasted: float = 0.0  # the longest that a heal held before it was undone
    standing: Drift | None = None  # found, and not healed yet
    content: str = ""  # that a step of `RESTORED` brought back; another one is a new revision's

    @property
    def is_fight(self) -> bool:
        return bool(self.fields)

    def holds_back(self, now: float) -> bool:
        """Whether the object isn't to be healed yet."""
        return self.is_fight and now < self.backoff.until

    def is_over(self, now: float) -> bool:
        """Whether the other writer has stopped, or never made it a fight."""
        if not self.is_fight:
            return all(now - max(times) >= WINDOW for times in self.heals.values())
        return self.standing is None and now >= self.touched + self._quiet

    def wakes(self) -> float | None:
        """When a fight has to be looked at again; None if there is none."""
        if not self.is_fight:
            return None
        return self.backoff.until if self.standing else self.touched + self._quiet

    @property
    def _quiet(self) -> float:
        # One that writes every two minutes has not stopped because it was silent for ten seconds.
        return max(_LEAST_QUIET, 2 * self.lasted)


def healed(quarrel: Quarrel, drift: Drift, now: float, content: str = "") -> Quarrel:
    """After a heal of ours; in a fight each pause is twice the one before."""
    heals = {name: recent for name, times in quarrel.heals.items() if (recent := _recent(times, now))}
    for name in _fields(drift):
        heals[name] = (*heals.get(name, ()), now)[-HEALS:]
    backoff = quarrel.backoff
    if quarrel.is_fight:
        backoff = _pause(backoff, now)
    return replace(quarrel, heals=heals, backoff=backoff, touched=now, standing=None, content=content)


def restores(step: Step) -> Drift:
    """What a step that restores says as drift; who undid it is in no field."""
    return Drift(step.key, (RESTORED[step.verb],))


def calm(
    plan: Plan, quarrels: Mapping[ObjectKey, Quarrel], drifted: Iterable[ObjectKey], now: float
) -> tuple[Plan, dict[ObjectKey, Quarrel]]:
    """The plan without the steps that would prolong a fight, and the quarrels as it leaves them.

    Whoever deletes an object, or takes its marks off, as often as it is restored is in a fight too.
    A new revision is applied all the same.
    """
    after = dict(quarrels)
    steps = list(plan.steps)
    found_again = set(drifted)
    for index, step in enumerate(steps):
        quarrel = after.get(step.key)
        if quarrel is None or step.verb not in RESTORED or step.content != quarrel.content:
            continue
        found_again.add(step.key)
        if quarrel.standing is None:
            quarrel = after[step.key] = found(quarrel, restores(step), now)
        if quarrel.holds_back(now):
            problem = problem_of(step.key, quarrel)
            steps[index] = replace(step, verb=Verb.REFUSE, why=problem.message, problem=problem)
    for key in after.keys() - found_again:
        after[key] = settled(after[key])
    return replace(plan, steps=tuple(steps)), after


def found(quarrel: Quarrel, drift: Drift, now: float) -> Quarrel:
    """After a dry run found drift in an object that was healed before."""
    often = {name for name in _fields(drift) if len(_recent(quarrel.heals.get(name, ()), now)) >= HEALS}
    fields = tuple(sorted({*quarrel.fields, *often}))
    opponent = quarrel.opponent
    if opponent in ("", "unknown"):
        opponent = drift.author
    lasted, backoff = quarrel.lasted, quarrel.backoff
    if fields and not quarrel.standing:
        lasted = max(lasted, now - quarrel.touched)
    if fields and not quarrel.is_fight:
        backoff = _pause(FRESH, now)
        # Each heal came as soon as the one before it was undone.
        lasted = max(lasted, *(_longest(quarrel.heals[name]) for name in often))
    return replace(
        quarrel,
        fields=fields,
        opponent=opponent,
        backoff=backoff,
        lasted=lasted,
        touched=now,
        standing=drift,
    )


def settled(quarrel: Quarrel) -> Quarrel:
    """After the object was written for another reason, or found to be right again."""
    return replace(quarrel, standing=None)


def problem_of(key: ObjectKey, quarrel: Quarrel) -> Problem:
    """What a fight is reported as: the same words as long as it is the same fight."""
    named = ", ".join(quarrel.fields[:_NAMED])
    more = f" and {len(quarrel.fields) - _NAMED} more" if len(quarrel.fields) > _NAMED else ""
    known = quarrel.opponent not in ("", "unknown")
    who = quarrel.opponent if known else "somebody whom field tracking doesn't name"
    keep = f"keep {who} from writing it" if known else "look for a controller or webhook that writes it"
    return Problem(
        Reason.FIGHTING,
        f"{named}{more}: undone by {who} after each heal, so it is healed less and less often",
        Blame.CLUSTER,
        advice=f"leave the field out of the repository, or {keep}",
        key=key,
    )


def _fields(drift: Drift) -> tuple[str, ...]:
    return drift.paths or (_OWNERSHIP,)


def _recent(times: tuple[float, ...], now: float) -> tuple[float, ...]:
    return tuple(at for at in times if now - at < WINDOW)


def _longest(times: tuple[float, ...]) -> float:
    return max(after - before for before, after in pairwise(times))


def _pause(backoff: Backoff, now: float) -> Backoff:
    return backoff.failed(now, 1.0, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
