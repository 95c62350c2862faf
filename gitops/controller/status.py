"""The status of an Application, computed from a pass: counts, what is waited for, conditions, problems."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gitops.api.group import ANSWER_WANTED
from gitops.api.spec import Heal
from gitops.api.status import (
    LONGEST_READ,
    MOST_READS,
    Condition,
    ConditionType,
    ObjectReference,
    Objects,
    ProblemReport,
    RenderReads,
    Revision,
    Status,
)
from gitops.controller.hook_reports import report_of
from gitops.controller.memory import Memory
from gitops.controller.passes import Pass
from gitops.controller.rendering import RenderMemory
from gitops.controller.retention import history_in, hold_in
from gitops.core.conditions import NOTICES, Findings, failures, is_passing, judge, obstacles
from gitops.core.directives import ApplyMode
from gitops.core.fingerprint import fingerprint, mark
from gitops.core.health import HEALTHY, Health, HealthState
from gitops.core.inventory import Membership, Observed
from gitops.core.model import ObjectKey
from gitops.core.problem import Problem, Reason
from gitops.git.mirror import CommitInfo
from gitops.observe.metrics import ObjectState
from gitops.observe.reasons import EXPLANATIONS

_MOST_PROBLEMS = 20
_NAMED_BLOCKERS = 3
_SEVERITY = list(HealthState)


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of objects, and the worst of their healths."""

    total: int
    synced: int
    healthy: int
    drifted: int
    current: int  # there as the revision says, but for drift that stays
    fought: int  # applied, and not synced because of a fight
    worst: Health
    states: Mapping[ObjectState, int]
    unhealthy: Mapping[ObjectKey, Health]


def unique(problems: list[Problem]) -> list[Problem]:
    """Each problem once; those that need somebody first, then the passing ones, then notices."""
    once = list(dict.fromkeys(problems))
    return sorted(once, key=lambda one: (one.reason in NOTICES, is_passing(one)))


def count(done: Pass) -> Counts:
    """Count the desired objects by state; the worst health names the objects that block."""
    wanted = done.target.wanted if done.target else {}
    members = done.members
    synced = healthy = drifted = current = missing = degraded = progressing = fought = 0
    reported = {one.key for one in done.problems if one.reason is Reason.DRIFTED}
    worst, blockers = HEALTHY, []
    failed = {problem.key for problem in failures(done.problems)}
    fights = failed - {problem.key for problem in obstacles(done.problems)}
    healed = {drift.key for drift, _ in done.heals}
    for key, one in wanted.items():
        seen = members.get(key)
        only_once = one.directives.apply is ApplyMode.IF_NOT_PRESENT
        if only_once and key in done.present and seen is None:
            synced += 1
            current += 1
            health = HEALTHY
        elif seen is None or seen.membership(done.owner) is not Membership.MEMBER:
            missing += 1
            drifted += key in reported
            health = Health(HealthState.MISSING, "is not there")
        else:
            drift = done.drifts.get(key)
            is_drifted = key in reported or (drift is not None and drift.acts and key not in healed)
            drifted += is_drifted
            is_current = seen.content == one.content or only_once
            current += is_current and (key not in failed or key in fights)
            synced += is_current and not is_drifted and key not in failed
            fought += is_current and key in fights
            health = HEALTHY if one.directives.ignore_health else seen.health
        healthy += health.state in (HealthState.HEALTHY, HealthState.SUSPENDED)
        degraded += health.state is HealthState.DEGRADED
        progressing += health.state is HealthState.PROGRESSING
        if health.state not in (HealthState.HEALTHY, HealthState.SUSPENDED):
            blockers.append((health, key))
            if _SEVERITY.index(health.state) > _SEVERITY.index(worst.state):
                worst = Health(health.state, f"{key}: {health.message}")
    if len(blockers) > 1:
        names = "; ".join(f"{key}: {health.message}" for health, key in blockers[:_NAMED_BLOCKERS])
        more = f"; and {len(blockers) - _NAMED_BLOCKERS} more" if len(blockers) > _NAMED_BLOCKERS else ""
        worst = Health(worst.state, names + more)
    states: dict[ObjectState, int] = {
        "synced": synced,
        "drifted": drifted,
        "missing": missing,
        "degraded": degraded,
        "progressing": progressing,
    }
    unhealthy = {key: health for health, key in blockers}
    return Counts(len(wanted), synced, healthy, drifted, current, fought, worst, states, unhealthy)


def waits_for(done: Pass, counts: Counts) -> str:
    """What the Application waits for, in words; empty when for nothing."""
    if done.app.metadata.deletion_timestamp:
        return done.waits or f"{len(done.members)} objects are left"
    if done.target is None:
        return ""
    heading = done.towards
    if heading and heading.gate.waits:
        return heading.gate.waits
    unserved = [one.key for one in done.target.wanted.values() if one.unserved]
    if unserved:
        return f"waits until the definition of {unserved[0].group_kind} is served"
    places = done.places
    deleting = [
        seen
        for key, seen in done.members.items()
        if seen.deleting
        and key not in done.target.wanted
        and (not key.namespace or key.namespace in places)
        and seen.membership(done.owner) is not Membership.FOREIGN
    ]
    if deleting:
        first = deleting[0]
        blocks = f", blocked by the finalizers {', '.join(first.finalizers)}" if first.finalizers else ""
        return f"waits until {len(deleting)} objects are gone: {first.key}{blocks}"
    if counts.worst.state not in (HealthState.HEALTHY, HealthState.SUSPENDED):
        prunes = f"; then {done.waiting_prunes} objects are pruned" if done.waiting_prunes else ""
        unhealthy = counts.total - counts.healthy
        return f"{unhealthy} of {counts.total} objects are not healthy: {counts.worst.message}{prunes}"
    return f"{done.waiting_prunes} objects wait to be pruned" if done.waiting_prunes else ""


def is_applied(done: Pass, findings: Findings, counts: Counts) -> bool:
    """Whether the target counts as applied. Drift that is only reported keeps nothing from it."""
    if findings.settled and not obstacles(done.problems):
        return True
    return done.app.spec.sync.heal is Heal.REPORT and _is_current(done, counts)


def status_of(done: Pass, findings: Findings, counts: Counts, memory: Memory, now: datetime) -> Status:
    """The status to write; after a pass that is not clean, fingerprint and applied revision stay.

    A fight lets the revision count as applied: a restart with a broken newer commit must not fall
    back behind it.
    """
    # What we wrote last counts, also before the watch has shown it to us.
    app, before = done.app, memory.status or done.app.status
    generation = app.metadata.generation
    conditions = []
    for one in judge(findings):
        known = before.condition(ConditionType(one.type))
        since = known.last_transition_time if known and known.status == one.status else now
        conditions.append(
            Condition(
                type=one.type,
                status=one.status,
                observed_generation=generation,
                last_transition_time=since,
                reason=one.reason,
                message=one.message,
            )
        )
    applied = is_applied(done, findings, counts)
    clean = applied and findings.settled and not failures(done.problems)
    if app.spec.suspend:
        return before.model_copy(update={"conditions": tuple(conditions), "observed_generation": generation})
    return Status(
        observed_generation=generation,
        handled_reconcile_at=_answered(memory.reconcile_at, before),
        conditions=tuple(conditions),
        revision=_revision(done, before.revision, memory, applied=applied, now=now),
        hold=hold_in(done, before, now),
        history=history_in(done, before, memory, now, applied=applied),
        objects=Objects(
            total=counts.total, synced=counts.synced, healthy=counts.healthy, drifted=counts.drifted
        ),
        problems=tuple(_reports([*done.problems, *done.causes], before, now)),
        # Written only after a clean sync, and from the digests in the replies to our own writes:
        # a foreign edit must never become the baseline.
        fingerprint=_fingerprint(done, memory) if clean else before.fingerprint,
        render_key=done.target.render.key if applied and done.target else before.render_key,
        contents=done.target.contents if applied and done.target else before.contents,
        approved=None if applied and not done.proposal else memory.approved or before.approved,
        notes=_notes(done, memory),
        hooks=tuple(report_of(one) for one in memory.hook_results.values())
        if memory.hooks_loaded
        else before.hooks,
        render_reads=reads_of(done.target.render) if applied and done.target else before.render_reads,
    )


def _answered(asked: str | None, before: Status) -> str | None:
    return asked if asked and asked.endswith(ANSWER_WANTED) else before.handled_reconcile_at


def _fingerprint(done: Pass, memory: Memory) -> str:
    wanted = done.target.wanted if done.target else {}

    def content(key: ObjectKey, seen: Observed) -> str:
        one = wanted.get(key)
        return one.content if one and one.directives.apply is ApplyMode.ALWAYS else seen.content

    return fingerprint(
        {
            key: mark(memory.baseline[key], content(key, seen))
            for key, seen in done.members.items()
            if key in memory.baseline
        }
    )


def reads_of(render: RenderMemory) -> RenderReads | None:
    """None where it is too much for a status: then a restart renders once."""
    paths = tuple(sorted(render.reads))
    if len(paths) > MOST_READS or any(len(path) > LONGEST_READ for path in paths):
        return None
    return RenderReads(renderer=render.used, paths=paths)


def _is_current(done: Pass, counts: Counts) -> bool:
    return (
        done.target is not None
        and not done.stale
        and not done.proposal
        and not done.held_back
        and not done.waiting_prunes
        and not obstacles(done.problems)
        and counts.current == counts.total
        and all(one.done for one in done.outcomes)
        and (done.towards is None or done.towards.gate.finished)
    )


def _notes(done: Pass, memory: Memory) -> tuple[str, ...]:
    scaled = tuple(
        f"{key}: its replicas are left to {scaler}" for key, scaler in sorted(memory.scalers.items())
    )
    return ((done.target.notes if done.target else ()) + scaled)[:_MOST_PROBLEMS]


def _revision(
    done: Pass, before: Revision | None, memory: Memory, *, applied: bool, now: datetime
) -> Revision | None:
    attempted = memory.attempted or (before.attempted if before else None)
    if done.target is None or not applied:
        if before is None:
            return Revision(attempted=attempted) if attempted else None
        return before.model_copy(update={"attempted": attempted})
    commit: CommitInfo = done.target.commit
    if before and before.applied == commit.sha:
        return before.model_copy(update={"attempted": commit.sha})
    return Revision(
        attempted=commit.sha, applied=commit.sha, committed_at=commit.committed_at, applied_at=now
    )


def _reports(problems: list[Problem], before: Status, now: datetime) -> list[ProblemReport]:
    known = {(one.reason, one.object, one.message): one.since for one in before.problems}
    reports = []
    for problem in problems[:_MOST_PROBLEMS]:
        key = problem.key
        named = (
            ObjectReference(group=key.group, kind=key.kind, namespace=key.namespace, name=key.name)
            if key
            else None
        )
        report = ProblemReport(
            object=named,
            reason=problem.reason,
            message=problem.message,
            where=problem.where,
            advice=problem.advice or EXPLANATIONS[problem.reason].advice,
        )
        since = known.get((report.reason, report.object, report.message)) or now
        reports.append(report.model_copy(update={"since": since}))
    return reports
