"""Carry out a plan: one request per object, concurrently within a stage, every failure kept."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gitops.controller.coowned import Settled, settle
from gitops.controller.sharing import let_go
from gitops.core.desired import body_of
from gitops.core.fields import merge_managers
from gitops.core.identity import Owner
from gitops.core.ignore import without
from gitops.core.inventory import Absent, Live, Look, Membership, Observed, Unreadable
from gitops.core.model import Manifest, ObjectKey
from gitops.core.plan import Plan, Step, Verb, Wanted
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.prune import Candidate, PrunePolicy, refusal
from gitops.core.resources import Catalog, Resource
from gitops.core.verdict import Turn, Verdict, judge, only_immutable
from gitops.kube import objects
from gitops.kube.client import Client, Reply

CONCURRENCY = 16


class Manifests(Protocol):
    """Manifests by key, wherever they are kept."""

    def __getitem__(self, key: ObjectKey, /) -> Manifest: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. `seen` is the object after it; None when it failed or is gone."""

    step: Step
    turn: Turn | None = None  # None: done
    problem: Problem | None = None
    seen: Observed | None = None
    retained: tuple[Problem, ...] = ()  # what left Git and stays all the same
    scaler: str = ""  # who scales the object, where the repository doesn't say so
    replaced: bool = False  # deleted, to be created anew

    @property
    def done(self) -> bool:
        return self.turn is None


@dataclass(frozen=True, slots=True)
class Task:
    """All that carrying out a plan for one Application needs."""

    client: Client  # as the Application's account
    catalog: Catalog
    owner: Owner
    wanted: Mapping[ObjectKey, Wanted]
    manifests: Manifests
    looks: Mapping[ObjectKey, Look]
    prune: PrunePolicy
    force_adoption: bool
    exact: bool  # write only onto what was compared
    written: Callable[[Observed], None]  # told of each object as soon as its write is answered
    ended: Callable[["Outcome"], None] = lambda _outcome: None  # told of each step as soon as it is over


async def carry_out(task: Task, plan: Plan, superseded: Callable[[], bool]) -> list[Outcome]:
    """Apply all stages in order. A bad object fails itself, not the others; a newer revision stops all."""
    outcomes: list[Outcome] = []
    for stage in plan.stages():
        if superseded():
            break
        outcomes += await _all(stage, task, _apply_step)
    return outcomes


async def carry_out_prunes(task: Task, steps: Iterable[Step], desired_uids: frozenset[str]) -> list[Outcome]:
    """Delete, dependents first: a stage begins when the deletions of the one before are answered."""
    outcomes: list[Outcome] = []
    stages: dict[int, list[Step]] = {}
    for step in steps:
        if step.acts:
            stages.setdefault(step.stage, []).append(step)
    for stage in sorted(stages, reverse=True):
        outcomes += await _all(stages[stage], task, lambda task, step: _delete_step(task, step, desired_uids))
    return outcomes


async def _all(
    steps: Iterable[Step], task: Task, work: Callable[[Task, Step], Awaitable[Outcome]]
) -> list[Outcome]:
    queue = iter(list(steps))
    outcomes: list[Outcome] = []

    async def worker() -> None:
        for step in queue:  # shared by all workers: each takes the next one
            outcome = await work(task, step)
            task.ended(outcome)
            outcomes.append(outcome)

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return outcomes


def _refused(task: Task, step: Step, reply: Reply) -> Outcome:
    origin = task.wanted[step.key].origin if step.key in task.wanted else ""
    verdict = judge(reply.status, reply.failure, step.key, origin)
    return Outcome(step, verdict.turn, verdict.problem)


async def _apply_step(task: Task, step: Step) -> Outcome:
    wanted = task.wanted[step.key]
    resource = task.catalog.at_version(wanted.api_version, step.key.kind)
    if resource is None:
        problem = Problem(
            Reason.WAITING,
            "waits for its CustomResourceDefinition",
            Blame.CLUSTER,
            wanted.origin,
            "it comes with this sync",
            step.key,
        )
        return Outcome(step, Turn.LATER, problem)
    version = step.resource_version if task.exact and step.verb is Verb.HEAL else ""
    force = step.verb in (Verb.UPDATE, Verb.HEAL, Verb.REPAIR)
    retained: tuple[Problem, ...] = ()
    manifest, scaler = task.manifests[step.key], ""
    if step.shared:
        settled = await _settled(task, resource, step, wanted)
        if isinstance(settled, Outcome):
            return settled
        version, retained = settled.version, settled.retained
    elif step.take or step.verb in (Verb.ADOPT, Verb.REPAIR):
        version = step.resource_version
        merged = await _take_over(task, resource, step)
        if isinstance(merged, Outcome):
            return merged
        version = merged or version
        force = force or task.force_adoption
    if step.partial and step.uid:
        free = await let_go(task.client, resource, wanted, task.owner, step.uid)
        if isinstance(free, Verdict):
            return Outcome(step, free.turn, free.problem)
        manifest, scaler = without(manifest, free.shared.paths), free.shared.scaler
        version = version and str(free.live["metadata"]["resourceVersion"])
    body = body_of(manifest, wanted, task.owner, uid=step.uid, version=version)
    reply = await objects.apply(
        task.client, resource, step.key, body, task.owner.manager, force=force and bool(step.uid)
    )
    if not reply.ok:
        return await _refused_apply(task, resource, step, reply)
    live = reply.json
    if step.partial and not step.uid:
        free = await let_go(task.client, resource, wanted, task.owner, live["metadata"]["uid"], live)
        if isinstance(free, Verdict):
            return Outcome(step, free.turn, free.problem)  # not remembered: the next pass looks at it
        live = free.live
    seen = objects.remember(live, step.key.group_kind, step.key)
    task.written(seen)
    if step.verb is Verb.CREATE and reply.status == 200:
        return Outcome(step, Turn.AGAIN, _joined(step), seen)
    return Outcome(step, seen=seen, retained=retained, scaler=scaler)


async def _settled(task: Task, resource: Resource, step: Step, wanted: Wanted) -> Settled | Outcome:
    """What others own beside us is sorted out. What is left to them doesn't leave Git: it goes first."""
    manifest = task.manifests[step.key]
    if step.partial:
        free = await let_go(task.client, resource, wanted, task.owner, step.uid)
        if isinstance(free, Verdict):
            return Outcome(step, free.turn, free.problem)
        manifest = without(manifest, free.shared.paths)
    settled = await settle(task.client, resource, step, manifest, wanted, task.owner)
    if settled.problem:
        return Outcome(step, Turn.LATER, settled.problem)
    if settled.refused:
        return await _refused_apply(task, resource, step, settled.refused)
    return settled


async def _refused_apply(task: Task, resource: Resource, step: Step, reply: Reply) -> Outcome:
    """An apply that was refused. Where the object says so, one that can't be changed is replaced."""
    refused = _refused(task, step, reply)
    wanted = task.wanted[step.key]
    allowed = wanted.directives.force and step.verb in (Verb.UPDATE, Verb.HEAL)
    if not (allowed and only_immutable(reply.status, reply.failure, step.key)):
        return refused
    look = await objects.look(task.client, resource, step.key)
    match look:
        case Absent():
            return Outcome(step, Turn.AGAIN, _replaced(step))
        case Unreadable(problem):
            return Outcome(step, Turn.LATER, problem)
    seen = look.observed
    if seen.uid != step.uid or seen.membership(task.owner) is not Membership.MEMBER:
        return Outcome(step, Turn.AGAIN, _joined(step))
    if any(uid != task.owner.uid for uid in seen.owners):
        return refused  # another owner's to delete
    if not seen.deleting:
        gone = await objects.delete(task.client, resource, seen)
        if not gone.ok and gone.status != 404:
            return _refused(task, step, gone)
    # That it is absent is what the next pass sees, whoever makes it: a crash here loses nothing.
    return Outcome(step, Turn.AGAIN, _replaced(step), replaced=True)


def _replaced(step: Step) -> Problem:
    return Problem(
        Reason.WAITING,
        "a field of it can't be changed: it was deleted, and is created anew when it is gone",
        Blame.CLUSTER,
        key=step.key,
    )


def _joined(step: Step) -> Problem:
    """A create that found an object: it appeared in between, and someone else may own fields of it."""
    return Problem(
        Reason.CHANGED_MEANWHILE, "appeared between the look and the write", Blame.CLUSTER, key=step.key
    )


async def _take_over(task: Task, resource: Resource, step: Step) -> str | Outcome:
    """Merge the entries of former managers into ours; the new resourceVersion, or empty without need."""
    look = task.looks.get(step.key) or await objects.look(task.client, resource, step.key)
    if not isinstance(look, Live):
        return ""
    entries = look.metadata.get("managedFields") or []
    merged = merge_managers(entries, step.take, task.owner.manager, resource.api_version)
    if merged is None:
        return ""
    operations = [{"op": "replace", "path": "/metadata/managedFields", "value": merged}]
    reply = await objects.patch(
        task.client,
        resource,
        step.key,
        operations,
        task.owner.manager,
        resource_version=look.observed.resource_version,
    )
    if not reply.ok:
        return _refused(task, step, reply)
    return str(reply.json["metadata"]["resourceVersion"])


async def _delete_step(task: Task, step: Step, desired_uids: frozenset[str]) -> Outcome:
    resource = task.catalog.preferred(step.key.group_kind)
    if resource is None:
        problem = Problem(Reason.UNKNOWN_KIND, "its kind is not served now", Blame.CLUSTER, key=step.key)
        return Outcome(step, Turn.LATER, problem)
    look = await objects.look(task.client, resource, step.key)
    match look:
        case Absent():
            return Outcome(step)
        case Unreadable(problem):
            return Outcome(step, Turn.LATER, problem)
    # The watch may lag: what is deleted is judged by this quorum read, not by memory.
    seen = look.observed
    refused = refusal(Candidate(seen, task.owner, desired_uids), task.prune)
    if seen.uid != step.uid or refused:
        task.written(seen)
        problem = refused.problem if refused else _joined(step)
        return Outcome(step, Turn.AGAIN, problem, seen)
    reply = await objects.delete(task.client, resource, seen)
    if not reply.ok and reply.status != 404:
        return _refused(task, step, reply)
    return Outcome(step)
