"""Tell what a pass found: status (only when it changed), Events, metrics, log lines."""

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from gitops.api.application import Application
from gitops.api.status import Status
from gitops.controller.causes import Causes, in_trouble
from gitops.controller.events import Events
from gitops.controller.linting import LintTeller
from gitops.controller.memory import Memory
from gitops.controller.passes import Pass
from gitops.controller.retention import count_steps, end_sync, hold_in
from gitops.controller.status import Counts, count, is_applied, status_of, unique, waits_for
from gitops.core.conditions import Findings, current, failures, is_stalled, obstacles
from gitops.core.health import HealthState
from gitops.core.hold import hold_in_words
from gitops.core.model import ObjectKey
from gitops.core.plan import Verb
from gitops.core.problem import Problem, Reason
from gitops.core.resources import APPLICATIONS
from gitops.git.mirror import CommitInfo
from gitops.kube.client import MERGE_PATCH, Client
from gitops.observe import logs
from gitops.observe.hiding import redactor_of, without
from gitops.observe.metrics import Metrics

log = logs.get("sync")


class Reporter:
    """Writes what a pass found to where people look."""

    def __init__(self, client: Client, events: Events, metrics: Metrics, causes: Causes) -> None:
        self._client = client
        self._causes = causes
        self._events = events
        self._metrics = metrics
        self._lint = LintTeller(events)

    async def report(self, done: Pass, memory: Memory) -> bool:
        """Status, metrics, Events and log, from one set of findings. False: the status wasn't taken."""
        now = datetime.now(UTC)
        hidden = _hidden(memory)
        done.problems = unique(without(hidden, [*done.problems, *done.unreadable.values()]))
        counts = count(done)
        if hidden:
            message = redactor_of(hidden).text(counts.worst.message)
            counts = replace(counts, worst=replace(counts.worst, message=message))
        findings = self._findings(done, counts, memory, now)
        count_steps(done, memory)
        self._ask_why(done, counts, findings, hidden)
        status = status_of(done, findings, counts, memory, now)
        if status.approved is None:
            memory.approved = ""  # an approval is for one deployment
        self._record(done, memory, status, counts)
        self._announce(done, memory, findings)
        told = await self._write(done.app, status, memory)
        if told and is_applied(done, findings, counts):
            end_sync(memory)
        return told

    def _ask_why(self, done: Pass, counts: Counts, findings: Findings, hidden: tuple[str, ...]) -> None:
        """Tell why objects don't work, as far as it is known, and have it found out."""
        if findings.suspended or findings.deleting:
            return
        trouble, reason = in_trouble(counts.unhealthy, deadline_exceeded=findings.deadline_exceeded)
        done.causes = without(hidden, self._causes.of(done.app, trouble, reason))

    def _findings(self, done: Pass, counts: Counts, memory: Memory, now: datetime) -> Findings:
        app = done.app
        settled = (
            done.target is not None
            and not done.stale
            and not done.held_back
            and counts.synced + counts.fought == counts.total
            and not any(one.unserved for one in done.target.wanted.values())
            and all(one.done for one in done.outcomes)
            and (done.towards is None or done.towards.gate.finished)
        )
        done.waits = waits_for(done, counts)
        if memory.progress_at == 0.0:
            memory.progress_at = time.monotonic()
        if done.proposal:
            done.waits = ""  # for somebody, and that has no deadline
        idle = time.monotonic() - memory.progress_at
        findings = Findings(
            problems=tuple(done.problems),
            settled=settled,
            health=counts.worst,
            waits_for=done.waits,
            deadline_exceeded=bool(done.waits) and idle >= app.spec.sync.progress_deadline_seconds,
            suspended=app.spec.suspend,
            deleting=app.metadata.deletion_timestamp is not None,
            revision=done.target.commit.sha[:7] if done.target else "",
            held=hold_in_words(hold_in(done, memory.status or app.status, now), app.spec.source.revision),
        )
        # A fight stops no sync, so it is no reason to run the hooks for one that failed.
        serious = replace(findings, problems=tuple(obstacles(current(done.problems))))
        if done.run and not done.deployed and is_stalled(serious):
            memory.failed_run = done.run
        return findings

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
        for key in done.replaced:
            log.info("replaced", object=str(key))
            self._events.normal(app, "Replaced", f"deleted {key}, which can't be changed, to create it anew")
        if done.pruned:
            names = ", ".join(str(key) for key in done.pruned[:10])
            more = f" and {len(done.pruned) - 10} more" if len(done.pruned) > 10 else ""
            log.info("pruned", objects=[str(key) for key in done.pruned[:100]])
            self._events.normal(app, "Pruned", f"deleted {names}{more}")
        self.handed_over(done)
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

    def handed_over(self, done: Pass) -> None:
        """Say once what was given to whom."""
        for heir in dict.fromkeys(heir for _, heir in done.handed_over):
            keys = [str(key) for key, one in done.handed_over if one == heir]
            more = f" and {len(keys) - 10} more" if len(keys) > 10 else ""
            log.info("handed over", objects=keys[:100], to=str(heir))
            self._events.normal(done.app, "HandedOver", f"gave {', '.join(keys[:10])}{more} to {heir}")
        done.handed_over.clear()

    def _announce_success(self, done: Pass, memory: Memory, findings: Findings) -> None:
        namespace, name = done.owner.namespace, done.owner.name
        memory.settled = findings.settled and not failures(done.problems)
        if done.heals:
            self._metrics.sync(namespace, name, "succeeded", "drift")
        failed = obstacles(done.problems)
        if obstacles(current(done.problems)) and done.outcomes:
            self._metrics.sync(namespace, name, "failed", memory.trigger)
        if not (findings.settled and not failed and done.target):
            return
        if memory.settled:
            self._metrics.succeeded(namespace, name, time.time())
        commit = done.target.commit
        self._note_health(commit, memory, findings)
        if commit.sha == memory.announced:
            return
        # After a restart. Between waves, what was done was done by the passes before.
        found_as_it_was = not memory.announced and not memory.tally
        memory.announced = commit.sha
        if found_as_it_was:
            return
        self._metrics.sync(namespace, name, "succeeded", memory.trigger)
        if not done.held:  # how old the commit of a rollback is says nothing about how fast syncs are
            memory.applied_at = time.monotonic()
            self._note_health(commit, memory, findings)
            age = max(0.0, time.time() - commit.committed_at.timestamp())
            self._metrics.commit_applied(namespace, name, age)
        did = memory.tally + Counter({Verb.HEAL: done.counted(Verb.HEAL)})
        counted = ", ".join(f"{did[verb]} {word}" for verb, word in _WORDS.items() if did[verb])
        message = f"applied revision {commit.sha[:7]}: {counted or 'nothing to change'}"
        log.info("synced", revision=commit.sha, counts=counted)
        self._events.normal(done.app, "Synced", message)
        self._lint.applied(done.app, done.target, memory)

    def _note_health(self, commit: CommitInfo, memory: Memory, findings: Findings) -> None:
        """Measure how long a newly applied commit took to be healthy, once."""
        if memory.applied_at is None or commit.sha != memory.announced:
            return
        if findings.health.state in (HealthState.HEALTHY, HealthState.SUSPENDED):
            self._metrics.phase("wait", time.monotonic() - memory.applied_at)
            self._metrics.commit_healthy(max(0.0, time.time() - commit.committed_at.timestamp()))
            memory.applied_at = None

    def _record(self, done: Pass, memory: Memory, status: Status, counts: Counts) -> None:
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

    async def _write(self, app: Application, status: Status, memory: Memory) -> bool:
        document = status.to_json()
        before = (memory.status or app.status).to_json()
        if document == before:
            return True
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
        return reply.ok or reply.status == 404


_WORDS = {
    Verb.CREATE: "created",
    Verb.UPDATE: "updated",
    Verb.ADOPT: "adopted",
    Verb.REPAIR: "repaired",
    Verb.HEAL: "healed",
    Verb.DELETE: "pruned",
    Verb.HAND_OVER: "handed over",
}


def _hidden(memory: Memory) -> tuple[str, ...]:
    """The values of Secrets that went into what is applied: the API server may quote them."""
    targets = [memory.target, *memory.past] if memory.target else memory.past
    return tuple(dict.fromkeys(value for one in targets for value in one.hidden))


def _is_fleeting(problem: Problem) -> bool:
    return problem.reason in (Reason.CHANGED_MEANWHILE, Reason.WAITING, Reason.DEPENDENCY_NOT_READY)
