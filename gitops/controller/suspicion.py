"""Which objects a pass dry-runs, and what becomes of the answers: fights, and what only the verification saw.

The decisions about fights are in `gitops.core.fights`; here they meet what is remembered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gitops.controller.memory import Memory
from gitops.core.fights import RESTORED, calm, found, problem_of, restores, settled
from gitops.core.identity import Owner
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift, Plan, Step, Wanted
from gitops.core.problem import Problem
from gitops.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Checks:
    """What a pass has to find out by dry runs."""

    keys: list[ObjectKey]
    held: Mapping[ObjectKey, Drift]  # fought over, not to be healed yet: known without a dry run
    unprompted: frozenset[ObjectKey]  # field tracking shows nothing about them
    verified: frozenset[ObjectKey]  # of these, the ones that only the verification asked for


def checks(
    memory: Memory,
    members: Mapping[ObjectKey, Observed],
    asked: frozenset[ObjectKey],
    keys: Iterable[ObjectKey],
    now: float,
) -> Checks:
    """Sort what is to be dry-run.

    `asked` are the suspects; those not among `keys` are dropped: they are gone, or applied anyway.
    """
    tried, held = [], {}
    for key in keys:
        quarrel = memory.quarrels.get(key)
        if quarrel and quarrel.standing and quarrel.holds_back(now):
            held[key] = replace(quarrel.standing, problem=problem_of(key, quarrel))
        else:
            tried.append(key)
    unprompted = frozenset(
        key for key in tried if (seen := members.get(key)) and memory.baseline.get(key) == seen.digest
    )
    verified = frozenset(key for key in unprompted & memory.to_verify if key not in memory.due_suspects)
    memory.drop_suspects(asked)
    memory.checked(tried, now)  # before it is done: what moves meanwhile is a suspicion of its own
    return Checks(tried, held, unprompted, verified)


def weigh(
    done: Checks,
    memory: Memory,
    drifts: Mapping[ObjectKey, Drift],
    metrics: Metrics,
    owner: Owner,
    now: float,
) -> dict[ObjectKey, Drift]:
    """The drifts to plan with.

    A dry run that field tracking gave no reason for and that fails (a webhook is down, or doesn't
    support dry runs) is no problem of the Application: nothing is to be applied.
    """
    weighed = dict(done.held)
    for key, drift in drifts.items():
        if drift.problem and key in done.unprompted:
            continue
        weighed[key] = drift
        if drift.acts:
            # Its digest is as we left it: looked at again until it is healed, should that fail or wait.
            memory.baseline.pop(key, None)
            if key in done.verified:
                metrics.verification_found(key.kind)
        quarrel = memory.quarrels.get(key)
        if quarrel is None or drift.problem:
            continue
        memory.quarrels[key] = after = found(quarrel, drift, now) if drift.acts else settled(quarrel)
        if after.is_fight and not quarrel.is_fight:
            metrics.fight(owner.namespace, owner.name, key.kind, after.opponent)
        if after.standing and after.holds_back(now):
            weighed[key] = replace(drift, problem=problem_of(key, after))
    return weighed


def calmed(
    memory: Memory,
    decided: Plan,
    drifts: Mapping[ObjectKey, Drift],
    metrics: Metrics,
    owner: Owner,
    now: float,
) -> Plan:
    """The plan without what would prolong a fight."""
    if not memory.quarrels:
        return decided
    before, drifted = memory.quarrels, [key for key, drift in drifts.items() if drift.acts]
    decided, memory.quarrels = calm(decided, before, drifted, now)
    for key, quarrel in memory.quarrels.items():
        if quarrel.is_fight and not before[key].is_fight:
            metrics.fight(owner.namespace, owner.name, key.kind, quarrel.opponent)
    return decided


def restored(memory: Memory, step: Step, now: float, *, again: bool) -> None:
    """A step was done: if it restored what somebody had undone, remember it as a heal."""
    if step.verb in RESTORED and (again or step.key in memory.quarrels):
        memory.healed(restores(step), now, step.content)


def fights(memory: Memory, wanted: Mapping[ObjectKey, Wanted], now: float) -> list[Problem]:
    """The fights that go on, those included that may be over soon. Forgets those that are."""
    for key, quarrel in list(memory.quarrels.items()):
        if key not in wanted or quarrel.is_over(now):
            del memory.quarrels[key]
    return [problem_of(key, one) for key, one in memory.quarrels.items() if one.is_fight]
