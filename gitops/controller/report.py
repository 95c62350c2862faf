"""Tell what a pass found: status (only when it changed), Events, metrics, log lines."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from gitops.api.application import Application
from gitops.api.status import (
    Condition,
    ConditionType,
    ObjectReference,
    Objects,
    ProblemReport,
    Revision,
    Status,
)
from gitops.controller.applications import APPLICATIONS
from gitops.controller.events import Events
from gitops.controller.execute import Outcome
from gitops.controller.memory import Memory, Target
from gitops.core.conditions import NOTICES, Findings, failures, is_passing, judge
from gitops.core.fingerprint import fingerprint
from gitops.core.health import HEALTHY, Health, HealthState
from gitops.core.identity import Owner
from gitops.core.inventory import Membership, Observed
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.plan import Drift, Plan, Verb
from gitops.core.problem import Problem, Reason
from gitops.git.mirror import CommitInfo
from gitops.kube.client import MERGE_PATCH, Client
from gitops.observe import logs
from gitops.observe.metrics import Metrics, ObjectState
from gitops.observe.reasons import EXPLANATIONS

log = logs.get("sync")

_MOST_PROBLEMS = 20
_NAMED_BLOCKERS = 3
_SEVERITY = list(HealthState)


@dataclass(slots=True)
class Pass:
    """What one pass collects on its way."""

    app: Application
    owner: Owner
    target: Target | None = None
    problems: list[Problem] = field(default_factory=list)
    stale: bool = False  # the target is not the newest revision, which can't be had or rendered
    unreadable: Mapping[GroupKind, Problem] = field(default_factory=dict)
    drifts: Mapping[ObjectKey, Drift] = field(default_factory=dict)
    plan: Plan | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    heals: list[tuple[Drift, float | None]] = field(default_factory=list)
    pruned: list[ObjectKey] = field(default_factory=list)
    recreated: list[ObjectKey] = field(default_factory=list)
    members: Mapping[ObjectKey, Observed] = field(default_factory=dict)
    waiting_prunes: int = 0
    waits: str = ""

    def counted(self, verb: Verb) -> int:
        """How many steps of this verb were done."""
        return sum(1 for one in self.outcomes if one.done and one.step.verb is verb)


@dataclass(frozen=True, slots=True)
class _Counts:
    total: int
    synced: int
    healthy: int
    drifted: int
    worst: Health
    states: Mapping[ObjectState, int]


class Reporter:
    """Writes what a pass found to where people look."""

    def __init__(self, client: Client, events: Events, metrics: Metrics) -> None:
        self._client = client
        self._events = events
        self._metrics = metrics

    async def report(self, done: Pass, memory: Memory) -> None:
        """Status, metrics, Events and log, from one set of findings."""
        now = datetime.now(UTC)
        done.problems = _unique(done.problems + list(done.unreadable.values()))
        counts = _count(done)
        findings = self._findings(done, counts, memory)
        status = _status(done, findings, counts, memory, now)
        self._record(done, memory, status, counts)
        self._announce(done, memory, findings)
        await self._write(done.app, status, memory)

    def _findings(self, done: Pass, counts: _Counts, memory: Memory) -> Findings:
        app = done.app
        settled = (
            done.target is not None
            and not done.stale
            and counts.synced == counts.total
            and not any(one.unserved for one in done.target.wanted.values())
            and all(one.done for one in done.outcomes)
        )
        done.waits = _waits_for(done, counts, settled=settled)
        if memory.progress_at == 0.0:
            memory.progress_at = time.monotonic()
        idle = time.monotonic() - memory.progress_at
        return Findings(
            problems=tuple(done.problems),
            settled=settled,
            health=counts.worst,
            waits_for=done.waits,
            deadline_exceeded=bool(done.waits) and idle >= app.spec.sync.progress_deadline_seconds,
            suspended=app.spec.suspend,
            deleting=app.metadata.deletion_timestamp is not None,
            revision=done.target.commit.sha[:7] if done.target else "",
        )

    def _announce(self, done: Pass, memory: Memory, findings: Findings) -> None:
        app = done.app
        for drift, _ in done.heals:
            what = ", ".join(drift.paths[:5]) or "ownership"
            since = f" at {drift.at}" if drift.at else ""
            message = f"healed {drift.key}: {what}, changed by {drift.author}{since}"
            log.info("healed", object=str(drift.key), paths=list(drift.paths[:20]), by=drift.author)
            self._events.normal(app, "DriftHealed", message)
        for key in done.recreated:
            log.info("created again", object=str(key))
            self._events.normal(app, "DriftHealed", f"created {key} again: somebody had deleted it")
        if done.pruned:
            names = ", ".join(str(key) for key in done.pruned[:10])
            more = f" and {len(done.pruned) - 10} more" if len(done.pruned) > 10 else ""
            log.info("pruned", objects=[str(key) for key in done.pruned[:100]])
            self._events.normal(app, "Pruned", f"deleted {names}{more}")
        shown: set[tuple[str, ...]] = {
            (problem.reason, str(problem.key), problem.message) for problem in done.problems
        }
        for problem in done.problems:
            mark = (problem.reason, str(problem.key), problem.message)
            if mark in memory.events_sent:
                continue
            if not _is_fleeting(problem):
                log.warning("problem", reason=problem.reason, problem=str(problem))
            if problem.reason is Reason.PRUNE_REFUSED:
                self._metrics.prune_refused(done.owner.namespace, done.owner.name, problem.reason)
            if not _is_fleeting(problem):
                self._events.warning(app, problem.reason, str(problem))
        memory.events_sent = shown
        for warning in done.target.warnings if done.target else ():
            if ("warning", warning) not in memory.warned:
                memory.warned.add(("warning", warning))
                log.warning("not honoured", warning=warning)
                self._events.warning(app, "NotHonoured", warning)
        self._announce_success(done, memory, findings)

    def _announce_success(self, done: Pass, memory: Memory, findings: Findings) -> None:
        namespace, name = done.owner.namespace, done.owner.name
        memory.settled = findings.settled and not failures(done.problems)
        if done.heals:
            self._metrics.sync(namespace, name, "succeeded", "drift")
        acted = [one for one in done.outcomes if one.step.verb is not Verb.HEAL]
        failed = failures(done.problems)
        if failed and done.outcomes:
            self._metrics.sync(namespace, name, "failed", memory.trigger)
        if not (findings.settled and not failed and done.target):
            return
        self._metrics.succeeded(namespace, name, time.time())
        commit = done.target.commit
        self._note_health(commit, memory, findings)
        if commit.sha == memory.announced:
            return
        found_as_it_was = not memory.announced and not acted  # after a restart
        memory.announced = commit.sha
        if found_as_it_was:
            return
        memory.applied_at = time.monotonic()
        self._note_health(commit, memory, findings)
        self._metrics.sync(namespace, name, "succeeded", memory.trigger)
        self._metrics.commit_applied(namespace, name, max(0.0, time.time() - commit.committed_at.timestamp()))
        counted = ", ".join(
            f"{count} {word}" for verb, word in _WORDS.items() if (count := done.counted(verb))
        )
        message = f"applied revision {commit.sha[:7]}: {counted or 'nothing to change'}"
        log.info("synced", revision=commit.sha, counts=counted)
        self._events.normal(done.app, "Synced", message)

    def _note_health(self, commit: CommitInfo, memory: Memory, findings: Findings) -> None:
        """Measure how long a newly applied commit took to be healthy, once."""
        if memory.applied_at is None or commit.sha != memory.announced:
            return
        if findings.health.state in (HealthState.HEALTHY, HealthState.SUSPENDED):
            self._metrics.phase("wait", time.monotonic() - memory.applied_at)
            self._metrics.commit_healthy(max(0.0, time.time() - commit.committed_at.timestamp()))
            memory.applied_at = None

    def _record(self, done: Pass, memory: Memory, status: Status, counts: _Counts) -> None:
        namespace, name = done.owner.namespace, done.owner.name
        reasons = {condition.type: condition.reason for condition in status.conditions}
        self._metrics.application(
            namespace,
            name,
            sync=reasons.get("Synced", "Unknown"),
            health=reasons.get("Healthy", "Unknown"),
            suspended=done.app.spec.suspend,
        )
        self._metrics.conditions(namespace, name, {one.type: one.status for one in status.conditions})
        self._metrics.objects(namespace, name, counts.states)

    async def _write(self, app: Application, status: Status, memory: Memory) -> None:
        document = status.to_json()
        before = (memory.status or app.status).to_json()
        if document == before:
            return
        # A merge patch keeps what it doesn't name: what is no longer there is said as null.
        patch = {"status": {**{name: None for name in before if name not in document}, **document}}
        key = ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, app.metadata.namespace, app.metadata.name)
        reply = await self._client.request(
            "PATCH",
            f"{APPLICATIONS.path(key)}/status",
            orjson.dumps(patch),
            params={"fieldManager": "gitops.dev-controller"},
            content_type=MERGE_PATCH,
            label="applications/status",
        )
        if reply.ok:
            memory.status = status
        elif reply.status != 404:
            log.warning("status not written", status=reply.status, error=reply.failure.get("message"))


_WORDS = {
    Verb.CREATE: "created",
    Verb.UPDATE: "updated",
    Verb.ADOPT: "adopted",
    Verb.REPAIR: "repaired",
    Verb.HEAL: "healed",
    Verb.DELETE: "pruned",
}


def _is_fleeting(problem: Problem) -> bool:
    return problem.reason in (Reason.CHANGED_MEANWHILE, Reason.WAITING)


def _unique(problems: list[Problem]) -> list[Problem]:
    """Each problem once; those that need somebody first, then the passing ones, then notices."""
    once = list(dict.fromkeys(problems))
    return sorted(once, key=lambda one: (one.reason in NOTICES, is_passing(one)))


def _count(done: Pass) -> _Counts:
    wanted = done.target.wanted if done.target else {}
    members = done.members
    synced = healthy = drifted = missing = degraded = progressing = 0
    worst, blockers = HEALTHY, []
    failed = {problem.key for problem in failures(done.problems)}
    healed = {drift.key for drift, _ in done.heals}
    for key, one in wanted.items():
        seen = members.get(key)
        if seen is None or seen.membership(done.owner) is not Membership.MEMBER:
            missing += 1
            health = Health(HealthState.MISSING, "is not there")
        else:
            drift = done.drifts.get(key)
            is_drifted = drift is not None and drift.acts and key not in healed
            drifted += is_drifted
            synced += seen.content == one.content and not is_drifted and key not in failed
            health = seen.health
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
    return _Counts(len(wanted), synced, healthy, drifted, worst, states)


def _waits_for(done: Pass, counts: _Counts, *, settled: bool) -> str:
    if done.app.metadata.deletion_timestamp:
        return f"{len(done.members)} objects are left"
    if done.target is None:
        return ""
    unserved = [one.key for one in done.target.wanted.values() if one.unserved]
    if unserved:
        return f"waits until the definition of {unserved[0].group_kind} is served"
    deleting = [
        seen
        for key, seen in done.members.items()
        if seen.deleting
        and key not in done.target.wanted
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
    return "" if settled or not done.waiting_prunes else f"{done.waiting_prunes} objects wait to be pruned"


def _status(done: Pass, findings: Findings, counts: _Counts, memory: Memory, now: datetime) -> Status:
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
    clean = findings.settled and not failures(done.problems) and not counts.drifted
    if app.spec.suspend:
        return before.model_copy(update={"conditions": tuple(conditions), "observed_generation": generation})
    return Status(
        observed_generation=generation,
        conditions=tuple(conditions),
        revision=_revision(done, before.revision, memory, clean=clean, now=now),
        objects=Objects(
            total=counts.total, synced=counts.synced, healthy=counts.healthy, drifted=counts.drifted
        ),
        problems=tuple(_reports(done.problems, before, now)),
        # Written only after a clean sync, and from the digests in the replies to our own writes:
        # a foreign edit must never become the baseline.
        fingerprint=fingerprint({key: memory.baseline[key] for key in done.members if key in memory.baseline})
        if clean
        else before.fingerprint,
        render_key=done.target.render.key if clean and done.target else before.render_key,
    )


def _revision(
    done: Pass, before: Revision | None, memory: Memory, *, clean: bool, now: datetime
) -> Revision | None:
    attempted = memory.attempted or (before.attempted if before else None)
    if done.target is None or not clean:
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
