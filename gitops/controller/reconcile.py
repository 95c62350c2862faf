"""One pass over one Application: observe, compare, act, report. Level-triggered; every memory may be lost."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gitops.api.application import Application
from gitops.controller.acting import Actor
from gitops.controller.applications import AppKey, Registry, lacks_account, owner_of
from gitops.controller.approving import needs_approval, until_approved
from gitops.controller.claim import claim, narrow
from gitops.controller.cluster import Cluster
from gitops.controller.farewell import Farewell
from gitops.controller.handover import HandOver
from gitops.controller.hook_objects import HookObjects
from gitops.controller.hooks import HookRunner
from gitops.controller.members import Members
from gitops.controller.memory import Memory, Target
from gitops.controller.observing import Observer
from gitops.controller.own_health import OwnHealth
from gitops.controller.passes import Pass, Witness
from gitops.controller.progress import Towards, begin_run, is_deployed, syncing, towards
from gitops.controller.report import Reporter
from gitops.controller.suspicion import calmed, fights
from gitops.controller.targets import Targets
from gitops.controller.teardown import Teardown
from gitops.core.backoff import FRESH
from gitops.core.conditions import current, failures
from gitops.core.hooks import failed_problem
from gitops.core.ignore import is_autoscaler
from gitops.core.model import GroupKind
from gitops.core.plan import (
    Plan,
    plan,
    problems_of,
    to_ask,
)
from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.core.resources import Resource
from gitops.core.verdict import Turn
from gitops.kube.client import Account, Client
from gitops.observe import logs
from gitops.observe.metrics import Metrics

log = logs.get("reconcile")

# Objects whose definition isn't served yet: the watch on definitions tells; this is only a safety net.
_DEFINITION_WAIT = 10.0
_SOON = 0.1
_UNTOLD = 2.0  # a status that the server didn't take is written by the next pass


@dataclass(frozen=True, slots=True)
class Reconciler:
    """The parts that a pass uses; it keeps nothing itself."""

    client: Client
    cluster: Cluster
    members: Members
    own_health: OwnHealth
    registry: Registry
    targets: Targets
    observer: Observer
    actor: Actor
    reporter: Reporter
    teardown: Teardown
    hook_objects: HookObjects
    handover: HandOver
    metrics: Metrics
    slots: asyncio.Semaphore  # how many may talk to the API server at once
    home: str | None  # the namespace in which no service account is required; None: nowhere it is
    within: Callable[[Target], Target] = lambda target: target  # what of a target is to be synced
    witness: Witness = field(default_factory=Witness)

    async def reconcile(self, key: AppKey, memory: Memory) -> float | None:
        """Do what is to be done now. Returns seconds until the next pass, None: when something happens."""
        app = self.registry.get(key)
        if app is None:
            return None
        account = self._account(app)
        if app.metadata.deletion_timestamp:
            return await self._delete(app, account, memory)
        done = Pass(app, owner_of(app))
        if app.spec.suspend:
            return await self._suspended(done, memory)
        if lacks_account(app, self.home):
            done.problems.append(_account_required())
            return None if await self.reporter.report(done, memory) else _UNTOLD
        await self._health_rules(done)
        try:
            memory.resolving = True
            done.target = await self.targets.resolve(app, account, memory, done)
            memory.resolving = False
            memory.resolved_generation = app.metadata.generation
            memory.stale = done.stale or done.held_back
            if done.target:
                done.target = self.within(done.target)
                async with self.slots:
                    await self._sync(done, self.client.as_account(account), memory)
        except GitopsError as error:
            if error.problem.reason is Reason.CHANGED_MEANWHILE:
                return _SOON  # the Application itself: its event is on the way
            done.problems.append(error.problem)
        before = memory.status or app.status
        told = await self.reporter.report(done, memory)
        self.witness.passed(done)
        if told and done.target and not done.stale and not done.held_back and done.concludes:
            memory.concluded = memory.rendered_sha
        again = self._next(done, memory)
        if done.plan and (put_off := memory.wakes_in(time.monotonic())) is not None:
            again = put_off if again is None else min(again, put_off)
        if memory.status and (memory.status.hooks, memory.status.approved) != (before.hooks, before.approved):
            again = 0.0  # what is recorded may be deleted now, or carried out
        return again if told else min(again or _UNTOLD, _UNTOLD)

    async def _health_rules(self, done: Pass) -> None:
        set_id = done.owner.applyset_id
        rules = [one.written() for one in done.app.spec.health]
        changed, problems = await self.own_health.take_over(set_id, rules)
        done.problems += problems
        self.members.read_again(changed & {key.group_kind for key in self.members.of(set_id)})

    def _account(self, app: Application) -> Account | None:
        name = app.spec.service_account_name
        return Account(app.metadata.namespace, name) if name else None

    async def _delete(self, app: Application, account: Account | None, memory: Memory) -> float | None:
        client = self.client.as_account(account)
        target = await self.targets.last_of(app, account, memory)
        runner = (
            HookRunner(client, self.cluster.catalog, self.hook_objects, owner_of(app), memory, target)
            if target
            else None
        )
        recorded = (memory.status or app.status).hooks
        again = await self.teardown.step(app, client, memory, Farewell(app, memory, runner))
        return 0.0 if memory.status and memory.status.hooks != recorded else again

    async def _suspended(self, done: Pass, memory: Memory) -> float | None:
        done.target = memory.target
        done.members = self.members.of(done.owner.applyset_id)
        return None if await self.reporter.report(done, memory) else _UNTOLD

    async def _sync(self, done: Pass, client: Client, memory: Memory) -> None:
        """The pass proper, towards a target that is there."""
        target = done.target
        assert target is not None  # noqa: S101 (for the type checker; the caller has just looked)
        kinds = self._kinds(done.app, target)
        done.unreadable = await self.members.ensure(kinds.values())
        await claim(self.client, done.app, done.owner, set(kinds), set(target.namespaces))
        runner, heading = await self._towards(done, client, memory, target)
        memory.unapproved = False
        if needs_approval(done, memory, target):
            proposed = await self.observer.situation(done, client, memory, target, target.wanted)
            heading = done.towards = until_approved(done, memory, target, proposed) or heading
        situation = await self.observer.observe(done, client, memory, target, heading)
        began = time.monotonic()
        decided = plan(situation)
        asked = to_ask(decided)
        if asked and not done.stale:
            answers = await self.handover.ask(done.app, memory, asked, target.commit.sha)
            decided = plan(replace(situation, answers=answers))
        self.handover.tell_former_owners(situation, decided)
        decided = calmed(memory, decided, situation.drifts, self.metrics, done.owner, time.monotonic())
        if done.proposal:  # what would leave leaves only with an approval
            decided = Plan(decided.steps, (), situation.unplannable)
        self.metrics.phase("plan", time.monotonic() - began)
        done.problems += target.problems
        done.problems += problems_of(decided)
        done.problems += fights(memory, heading.wanted, time.monotonic())
        await self.actor.act(done, client, memory, situation, decided)
        await self.actor.run_hooks(done, memory, runner, decided)
        done.members = self.members.of(done.owner.applyset_id)
        await self._narrow(done, target)

    async def _towards(
        self, done: Pass, client: Client, memory: Memory, target: Target
    ) -> tuple[HookRunner, Towards]:
        """How far the sync is: what to work towards in this pass."""
        runner = HookRunner(client, self.cluster.catalog, self.hook_objects, done.owner, memory, target)
        run = done.run = begin_run(done.app, memory, target)
        done.present = memory.present
        done.deployed = is_deployed(memory.status or done.app.status, target)
        if not done.deployed and target.hooks and not await runner.take_in():
            raise fail(
                Reason.UNREADABLE,
                "the objects of hooks can't be watched now",
                Blame.CLUSTER,
                advice="it is tried again",
            )
        if done.deployed:
            memory.past.clear()
        elif not target.order.plain or needs_approval(done, memory, target):
            await self.targets.applied_before(done.app, self._account(done.app), memory)
        members = self.members.of(done.owner.applyset_id)
        sync = syncing(done.app, done.owner, memory, target, members, run)
        done.towards = towards(sync, target, memory, deployed=done.deployed)
        done.problems += [failed_problem(one) for one in done.towards.gate.failed]
        return runner, done.towards

    async def _narrow(self, done: Pass, target: Target) -> None:
        """Take kinds and namespaces out of the ApplySet's lists of which no object is left."""
        kinds, places = self.registry.kinds_of(done.app), self.registry.namespaces_of(done.app)
        here = target.namespaces | {done.owner.namespace}
        if done.unreadable or not all(one.done for one in done.outcomes):
            return
        if kinds > target.kinds or places > here:
            used = target.kinds | {key.group_kind for key in done.members}
            inhabited = here | {key.namespace for key in done.members if key.namespace in places}
            if kinds > used or places > inhabited:
                await narrow(self.client, done.app, done.owner, set(used), set(inhabited))

    def _kinds(self, app: Application, target: Target) -> dict[GroupKind, Resource]:
        """The served types that the Application has, had or wants objects of."""
        names = self.registry.kinds_of(app) | target.kinds
        catalog = self.cluster.catalog
        return {kind: found for kind in names if (found := catalog.preferred(kind))}

    def _next(self, done: Pass, memory: Memory) -> float | None:
        """When to look again if nothing happens before."""
        now = time.monotonic()
        if any(outcome.turn is Turn.AGAIN for outcome in done.outcomes):
            return _SOON
        if done.target and (self._sync_goes_on(done, memory) or any(map(is_autoscaler, done.pruned))):
            return 0.0
        if done.target and any(one.unserved for one in done.target.wanted.values()) and not done.stale:
            return _DEFINITION_WAIT
        if failures(current(done.problems)):
            memory.backoff = memory.backoff.failed(now, random.random(), longest=120.0)  # noqa: S311
            return max(memory.backoff.until - now, 0.1)
        memory.backoff = FRESH
        if done.waits:
            left = memory.progress_at + done.app.spec.sync.progress_deadline_seconds - now
            return max(left, 1.0) if left > 0 else None
        return None

    @staticmethod
    def _sync_goes_on(done: Pass, memory: Memory) -> bool:
        """Whether this pass itself may have opened the way for the next wave, hook or deletion."""
        heading = done.towards
        if heading is None or (heading.gate.finished and not done.waiting_prunes):
            return False
        if memory.failed_run == done.run and done.run != memory.told_failed:
            memory.told_failed = done.run
            return True
        return any(one.done for one in done.outcomes)


def _account_required() -> Problem:
    return Problem(
        Reason.SERVICE_ACCOUNT_REQUIRED,
        "an Application outside the controller's namespace needs a service account to act as",
        Blame.SPEC,
        "spec.serviceAccountName",
        "name an account of the Application's namespace, and give it the rights that the objects need",
    )
