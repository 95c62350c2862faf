"""Conditions by the Kubernetes API conventions and by the habits of operators."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from gitops.core.health.reading import Condition, by_type, is_false, is_true, words
from gitops.core.health.states import HEALTHY, Health, HealthState, degraded, progressing, suspended
from gitops.core.health.words import is_permanent, passes, squeezed
from gitops.core.reading import at, items, text

# Conditions that sum up all others, the most telling first.
_SUMMARIES = (
    "Ready",
    "Available",
    "Healthy",
    "Succeeded",
    "Successful",
    "Established",
    "Complete",
    "Completed",
    "Finished",
    "Deployed",
    "Installed",
    "Active",
    "Online",
    "Operational",
    "Running",
)
# False means not yet, unless the reason says more.
_FINISHED = frozenset(
    {"Complete", "Completed", "Finished", "Initialized", "Provisioned", "Scheduled", "Running"}
)
# False is bad even where a summary is fine: the newest spec is not what runs.
_ALSO = """
    Synced Reconciled ReconcileSuccess ReconcileSuccessful Accepted Programmed ResolvedRefs Valid Validated
    Applied Synchronized Initialized Provisioned Configured Resolved Enforced Compliant Scheduled
    ResourcesReady SpecAccepted ConfigurationValid UpToDate Attached
"""
_ALSO_NEEDED = frozenset(_ALSO.split())
_BAD = re.compile(
    r"^(stalled|degraded|unhealthy|invalid|blocked|misconfigured|crashed|aborted|timedout|rejected|lost|broken)$"
    r"|(failed|failure|failing|error|errors|errored|exceeded|conflict|conflicted|crashloop|unschedulable"
    r"|unreachable|notfound|degraded|unhealthy)$|^(failed|failure|error|missing)"
)
_PASSING = """
    reconciling progressing creating provisioning updating upgrading deploying initializing pending inprogress
    restarting deleting terminating synchronizing syncing migrating installing scalingup scalingdown notready
    rollingupdate configuring starting stopping releasing issuing unavailable unready
"""
_GOING_ON = frozenset(_PASSING.split())
_HALTED = re.compile(r"(paused|suspended)$|^(suspend|hibernated|stopped|disabled)$")
_GOOD_END = re.compile(r"(ready|available|healthy|succeeded|valid|synced|success|successful|online)$")
_GOOD_NEGATED = re.compile(
    r"(not|un|in)(ready|available|healthy|succeeded|valid|synced|successful|online)$|^not"
)
_ROLLED_OUT = re.compile(r"available$|complete[d]?$|succeeded$|done$|success$|finished$|uptodate$|ready$")


def by_conditions(conditions: Mapping[str, Condition], generation: int) -> Health | None:
    """What the conditions of an object say together; None: nothing that we understand."""
    if not conditions:
        return None
    summary = next((name for name in _SUMMARIES if name in conditions), None)
    fine = summary is not None and is_true(conditions[summary])
    if found := _bad(conditions) or halted(conditions):
        return found
    if summary and is_false(conditions[summary]) and is_permanent(text(conditions[summary].get("reason"))):
        return degraded(_said(summary, conditions[summary]))
    if found := _going_on(conditions, fine):
        return found
    for name in _needed(conditions, summary):
        found = _unless_met(name, conditions[name], generation)
        if found.state is not HealthState.HEALTHY:
            return found
    judged = summary is not None or any(_kind(name) == "good" for name in conditions)
    return HEALTHY if judged else None


def _needed(conditions: Mapping[str, Condition], summary: str | None) -> Iterator[str]:
    """The conditions that have to be True: those that say why not come after the summary, if there is one."""
    if summary is not None:
        # A detail that failed says more than the summary of it.
        if not is_true(conditions[summary]):
            for name, condition in conditions.items():
                if (
                    name != summary
                    and is_false(condition)
                    and _kind(name) == "good"
                    and not _passes(condition)
                ):
                    yield name
        yield summary
    for name in conditions:
        if name in _ALSO_NEEDED or (summary is None and _kind(name) == "good"):
            yield name


def _unless_met(name: str, condition: Condition, generation: int) -> Health:
    said = _said(name, condition)
    seen = condition.get("observedGeneration")
    if isinstance(seen, int) and not isinstance(seen, bool) and seen < generation:
        return progressing(f"{name} has not been judged yet for the newest generation")
    if is_true(condition):
        # Operators made with Ansible: Running while they are at it, Successful afterwards.
        at_it = name == "Running" and condition.get("reason") == "Running"
        return progressing(said) if at_it else HEALTHY
    if not is_false(condition):
        return progressing(said)
    if squeezed(text(condition.get("reason"))).endswith(("paused", "suspended")):
        return suspended(said)
    if _passes(condition) or (name in _FINISHED and not _fails(condition)):
        return progressing(said)
    return degraded(said)


def _passes(condition: Condition) -> bool:
    # Cluster API and Knative say how grave a condition is that isn't met.
    if text(condition.get("severity")).lower() == "info":
        return True
    return passes(text(condition.get("reason")), text(condition.get("message")))


def _fails(condition: Condition) -> bool:
    return bool(_BAD.search(squeezed(text(condition.get("reason")))))


def _bad(conditions: Mapping[str, Condition]) -> Health | None:
    for name, condition in conditions.items():
        if is_true(condition) and _kind(name) == "bad":
            return degraded(_said(name, condition))
    return None


def halted(conditions: Mapping[str, Condition]) -> Health | None:
    """Suspended, where a condition says so."""
    for name, condition in conditions.items():
        if is_true(condition) and _kind(name) == "halted":
            return suspended(_said(name, condition))
    return None


def _going_on(conditions: Mapping[str, Condition], fine: bool) -> Health | None:
    for name, condition in conditions.items():
        if not is_true(condition) or _kind(name) != "going on":
            continue
        # A Deployment's Progressing stays True once it has rolled out.
        if _ROLLED_OUT.search(squeezed(text(condition.get("reason")))):
            continue
        if not (fine and name not in ("Reconciling", "Progressing")):
            # Whoever tries again has failed.
            found = degraded if is_permanent(text(condition.get("reason"))) else progressing
            return found(_said(name, condition))
    return None


@lru_cache(maxsize=4096)
def _kind(name: str) -> str:
    """What True means for a condition of this type: good, bad, going on, halted, or nothing known."""
    plain = squeezed(name)
    if _BAD.search(plain) and not plain.startswith(("no", "non", "without")):
        return "bad"
    if plain in _GOING_ON:
        return "going on"
    if _HALTED.search(plain):
        return "halted"
    if (
        name in _SUMMARIES
        or name in _ALSO_NEEDED
        or (_GOOD_END.search(plain) and not _GOOD_NEGATED.search(plain))
    ):
        return "good"
    return ""


def _said(name: str, condition: Condition) -> str:
    said = words(condition)
    return said if name in said else f"{name}: {said}"


def of_parents(status: Mapping[str, Any], generation: int) -> Health | None:
    """Gateway API: a route or a policy is judged by each of its parents; None: none of them minds."""
    for field, naming in (("parents", "parentRef"), ("ancestors", "ancestorRef")):
        listed = status.get(field)
        if not isinstance(listed, list):
            continue
        if not listed and field == "parents":
            return progressing("no parent has accepted it yet")
        for one in items(status, field):
            found = by_type(one.get("conditions"))
            name = text(at(one, (naming, "name")))
            for kind, condition in found.items():
                if kind in _ALSO_NEEDED or _kind(kind) == "good":
                    health = _unless_met(kind, condition, generation)
                    if health.state is not HealthState.HEALTHY:
                        return Health(health.state, f"parent {name}: {health.message}")
            if bad := _bad(found):
                return Health(bad.state, f"parent {name}: {bad.message}")
    return None
