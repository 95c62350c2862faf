"""One pass over one Application: observe, compare, act, report. Level-triggered; every memory may be lost."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gitops.api.application import Application
from gitops.api.spec import Heal
from gitops.controller.applications import AppKey, Registry, is_approved, owner_of
from gitops.controller.approving import needs_approval, until_approved
from gitops.controller.claim import claim, narrow
from gitops.controller.cluster import Cluster
from gitops.controller.execute import Outcome, Task, carry_out, carry_out_prunes
from gitops.controller.farewell import Farewell
from gitops.controller.gather import dead_releases, drift_of, each, look_at
from gitops.controller.handover import HandOver
from gitops.controller.hook_objects import HookObjects
from gitops.controller.hooks import HookRunner
from gitops.controller.members import Members
from gitops.controller.memory import Memory, Target
from gitops.controller.own_health import OwnHealth
from gitops.controller.passes import Pass
from gitops.controller.progress import Towards, begin_run, is_deployed, result_of, syncing, towards
from gitops.controller.report import Reporter
from gitops.controller.suspicion import calmed, checks, fights, restored, weigh
from gitops.controller.targets import Targets
from gitops.controller.teardown import Teardown
from gitops.core.adoption import AdoptPolicy, Parents
from gitops.core.backoff import FRESH
from gitops.core.conditions import current, failures, obstacles
from gitops.core.directives import ApplyMode, PruneMode
from gitops.core.fingerprint import mark, unmoved
from gitops.core.hooks import failed_problem
from gitops.core.identity import Owner
from gitops.core.ignore import REPLICAS, is_autoscaler
from gitops.core.inventory import Inventory, Live, Membership, Observed
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.plan import (
    Drift,
    Plan,
    Policy,
    Situation,
    Verb,
    Wanted,
    can_be_ours,
    plan,
    problems_of,
    to_ask,
    to_dry_run,
    to_look_at,
)
from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.core.prune import PruneLimit, PrunePolicy
from gitops.core.resources import Resource
from gitops.core.verdict import Turn, judge
from gitops.core.waves import prunable, unsettled
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
    reporter: Reporter
    teardown: Teardown
    hook_objects: HookObjects
    handover: HandOver
    metrics: Metrics
    slots: asyncio.Semaphore  # how many may talk to the API server at once
    home: str  # the controller's own namespace, where no service account is required

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
        if account is None and app.metadata.namespace != self.home:
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
                async with self.slots:
                    await self._sync(done, self.client.as_account(account), memory)
        except GitopsError as error:
            if error.problem.reason is Reason.CHANGED_MEANWHILE:
                return _SOON  # the Application itself: its event is on the way
            done.problems.append(error.problem)
        before = memory.status or app.status
        told = await self.reporter.report(done, memory)
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
            proposed = await self._situation(done, client, memory, target, target.wanted)
            heading = done.towards = until_approved(done, memory, target, proposed) or heading
        situation = await self._observe(done, client, memory, target, heading)
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
        await self._act(done, client, memory, situation, decided)
        await self._run_hooks(done, memory, runner, decided)
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

    async def _run_hooks(self, done: Pass, memory: Memory, runner: HookRunner, decided: Plan) -> None:
        """Start the hooks that are due. Those after a sync wait for its deletions, too."""
        heading = done.towards
        if heading is None or not (heading.gate.start or memory.hook_results):
            return
        began = (memory.status or done.app.status).hooks
        await runner.clean_up((result.phase, result.key, result.state) for result in map(result_of, began))
        if heading.gate.applied and (self._still_leaving(done, decided) or not _all_done(done)):
            return
        if not self._superseded(done.app)():
            done.problems += await runner.start(heading.gate.start)

    def _still_leaving(self, done: Pass, decided: Plan) -> bool:
        """Whether anything is yet to be changed, or what left Git isn't gone."""
        target = done.target
        if decided.acts or target is None:
            return True
        places = done.places
        return any(
            seen.deleting
            and key not in target.wanted
            and (not key.namespace or key.namespace in places)
            and seen.membership(done.owner) is Membership.MEMBER
            for key, seen in self.members.of(done.owner.applyset_id).items()
        )

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

    async def _situation(
        self,
        done: Pass,
        client: Client,
        memory: Memory,
        target: Target,
        wanted: Mapping[ObjectKey, Wanted],
    ) -> Situation:
        """What is true now, without dry runs."""
        owner, catalog = done.owner, self.cluster.catalog
        members = self.members.of(owner.applyset_id)
        self.targets.check(done.app, memory)
        inventory = Inventory(members, unreadable=done.unreadable)
        unseen = to_look_at(wanted, owner, inventory, memory.present)
        looks = await look_at(client, catalog, unseen, wanted)
        memory.present |= {
            key
            for key, look in looks.items()
            if isinstance(look, Live) and wanted[key].directives.apply is ApplyMode.IF_NOT_PRESENT
        }
        return Situation(
            owner=owner,
            wanted=wanted,
            inventory=Inventory(members, looks, done.unreadable),
            parents=Parents(self.registry.applysets(), await dead_releases(client, looks.values())),
            policy=policy_of(done.app, target.commit.sha),
            baseline=memory.baseline,
            unplannable=target.problems,
            desired={*target.wanted, *target.left_alone} if target.left_alone else target.wanted,
            present=memory.present,
            namespaces=frozenset(self.registry.namespaces_of(done.app) | target.namespaces),
            deployed=done.deployed or done.proposal is not None,  # nothing is deployed while that waits
        )

    async def _observe(
        self, done: Pass, client: Client, memory: Memory, target: Target, heading: Towards
    ) -> Situation:
        owner = done.owner
        self._load_baseline(done, memory)
        situation = await self._situation(done, client, memory, target, heading.wanted)
        members = situation.inventory.members
        suspects = memory.suspects(time.monotonic())
        situation = replace(situation, suspects=suspects)
        keys = to_dry_run(situation)
        known = {
            key: drift
            for key in keys
            if (drift := memory.reported.get(key)) and drift.version == members[key].resource_version
        }
        keys = [key for key in keys if key not in known] if known else keys
        due = checks(memory, members, suspects, keys, time.monotonic())
        drifts = await self._dry_run(due.keys, client, memory, heading, owner) if due.keys else {}
        for drift in drifts.values():
            if drift.paths and drift.key in memory.seen_drift:
                self.metrics.drift_detected(owner.namespace, owner.name, drift.key.kind, drift.author)
        drifts = known | weigh(due, memory, drifts, self.metrics, owner, time.monotonic())
        if situation.policy.report:
            memory.keep_reported(drifts)
        done.drifts = drifts
        return replace(situation, drifts=drifts)

    def _load_baseline(self, done: Pass, memory: Memory) -> None:
        """After a start: members in buckets that the fingerprint still fits are as we left them."""
        if memory.baseline_loaded:
            return
        memory.baseline_loaded = True
        members = self.members.of(done.owner.applyset_id)
        marks = {key: mark(seen.digest, seen.content) for key, seen in members.items()}
        for key in unmoved(done.app.status.fingerprint or "", marks):
            if not self._is_scaled_unseen(done, members[key]):
                memory.baseline[key] = members[key].digest

    @staticmethod
    def _is_scaled_unseen(done: Pass, seen: Observed) -> bool:
        """Scaled by something outside Git, which may be gone since: that shows nowhere but in a look."""
        wanted = done.target.wanted.get(seen.key) if seen.scaler and done.target else None
        return wanted is not None and REPLICAS not in wanted.ignored.paths

    async def _dry_run(
        self, keys: list[ObjectKey], client: Client, memory: Memory, target: Towards, owner: Owner
    ) -> dict[ObjectKey, Drift]:
        catalog = self.cluster.catalog
        members = self.members.of(owner.applyset_id)
        digests = {key: members[key].digest for key in keys if key in members}

        async def one(key: ObjectKey) -> Drift:
            wanted = target.wanted[key]
            resource = catalog.at_version(wanted.api_version, key.kind)
            if resource is None:
                return Drift(key)
            return await drift_of(client, resource, target.manifests[key], wanted, owner)

        drifts = {drift.key: drift for drift in await each(keys, one)}
        for key, drift in drifts.items():
            memory.note_scaler(key, drift.scaler)
            if not drift.acts and drift.problem is None and key in digests:
                memory.baseline[key] = digests[key]
                memory.seen_drift.pop(key, None)
        return drifts

    async def _act(
        self, done: Pass, client: Client, memory: Memory, situation: Situation, decided: Plan
    ) -> None:
        heading = done.towards
        assert heading is not None  # noqa: S101
        task = Task(
            client=client,
            catalog=self.cluster.catalog,
            owner=done.owner,
            wanted=heading.wanted,
            manifests=heading.manifests,
            looks=situation.inventory.looks,
            prune=situation.policy.prune,
            force_adoption=situation.policy.adopt is AdoptPolicy.ALWAYS,
            exact=situation.policy.report,
            written=self._written(memory),
        )
        done.plan = decided
        if any(step.acts for step in decided.steps):
            began = time.monotonic()
            done.outcomes = await carry_out(task, decided, self._superseded(done.app))
            self.metrics.phase("apply", time.monotonic() - began)
            await self._create_namespace(done, client)
        for outcome in done.outcomes:
            if outcome.problem:
                done.problems.append(outcome.problem)
            elif outcome.done:
                memory.progress_at = time.monotonic()
                memory.note_retained(outcome)
            if outcome.seen:
                memory.note_scaler(outcome.step.key, outcome.scaler)
            if outcome.replaced:
                done.replaced.append(outcome.step.key)
        done.problems += memory.retained_of(heading.wanted)
        self._count_heals(done, memory)
        await self._prune(done, task, memory, situation, decided)

    def _written(self, memory: Memory) -> Callable[[Observed], None]:
        def written(seen: Observed) -> None:
            memory.wrote(seen)
            self.members.wrote(seen)

        return written

    def _superseded(self, app: Application) -> Callable[[], bool]:
        key = (app.metadata.namespace, app.metadata.name)
        return lambda: self.targets.has_newer(key) or self.registry.moved_on(app)

    def _count_heals(self, done: Pass, memory: Memory) -> None:
        namespace, name = done.owner.namespace, done.owner.name
        again = done.target is not None and done.target.commit.sha == memory.announced
        for outcome in done.outcomes:
            if outcome.done:
                restored(memory, outcome.step, time.monotonic(), again=again)
            if again and outcome.done and outcome.step.verb is Verb.CREATE:
                done.recreated.append(outcome.step.key)
                self.metrics.drift_corrected(namespace, name, outcome.step.key.kind, "")
            seen_at = memory.seen_drift.pop(outcome.step.key, None) if outcome.done else None
            if outcome.done and outcome.step.verb is Verb.HEAL:
                drift = done.drifts[outcome.step.key]
                seconds = time.monotonic() - seen_at if seen_at is not None else None
                done.heals.append((drift, seconds))
                memory.healed(drift, time.monotonic())
                self.metrics.drift_corrected(namespace, name, drift.key.kind, drift.author, seconds)

    async def _create_namespace(self, done: Pass, client: Client) -> None:
        """Make the destination's namespace when a create has just failed for lack of it."""
        namespace = done.app.destination_namespace
        lacking = [
            outcome
            for outcome in done.outcomes
            if outcome.problem
            and outcome.problem.reason is Reason.NAMESPACE_NOT_FOUND
            and outcome.step.key.namespace == namespace
        ]
        if not (lacking and done.app.spec.sync.create_namespace):
            return
        body = b'{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"%s"}}' % namespace.encode()
        reply = await client.request("POST", "/api/v1/namespaces", body, label="namespaces")
        key = ObjectKey("", "Namespace", "", namespace)
        if reply.ok or reply.status == 409:
            problem = Problem(
                Reason.WAITING, "has just been made", Blame.CLUSTER, "sync.createNamespace", key=key
            )
            turn = Turn.AGAIN
        else:
            turn, problem = Turn.LATER, judge(reply.status, reply.failure, key).problem
        done.outcomes = [Outcome(one.step, turn, problem) if one in lacking else one for one in done.outcomes]

    async def _prune(
        self, done: Pass, task: Task, memory: Memory, situation: Situation, decided: Plan
    ) -> None:
        """Delete what left Git, once everything that is desired is there and healthy.

        What another Application wants is handed over before that: it may be what is waited for.
        """
        await self.handover.carry_out(done, task.client, memory, decided)
        acting = [step for step in decided.prunes if step.verb is Verb.DELETE]
        memory.prunes_wait = False
        if not acting or done.target is None:
            return
        members = self.members.of(done.owner.applyset_id)
        done.members = members
        sync = syncing(done.app, done.owner, memory, done.target, members, "")
        unhealthy = any(unsettled(one, members.get(key), sync) for key, one in done.target.wanted.items())
        unfinished = not all(outcome.done for outcome in done.outcomes) or obstacles(current(done.problems))
        if unhealthy or unfinished or done.stale:
            memory.prunes_wait = memory.holding = True
            done.waiting_prunes = len(acting)
            return
        leaving = [
            seen
            for key, seen in members.items()
            if key not in situation.desired and can_be_ours(situation, key)
        ]
        steps = prunable(acting, leaving)
        done.waiting_prunes = len(acting) - len(steps)
        began = time.monotonic()
        desired_uids = frozenset(members[key].uid for key in situation.desired if key in members)
        outcomes = await carry_out_prunes(task, steps, desired_uids)
        self.metrics.phase("prune", time.monotonic() - began)
        for outcome in outcomes:
            if outcome.problem:
                done.problems.append(outcome.problem)
            elif outcome.done:
                done.pruned.append(outcome.step.key)
                memory.progress_at = time.monotonic()
                memory.baseline.pop(outcome.step.key, None)
                if is_autoscaler(outcome.step.key):
                    # Whose replicas it decided about is known only to a look at what was scaled.
                    now = time.monotonic()
                    memory.due_suspects |= {key: now for key, seen in members.items() if seen.scaler}
                self.metrics.pruned(done.owner.namespace, done.owner.name, outcome.step.key.kind)
        done.outcomes += outcomes

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
        if memory.failed_run == done.run and done.run not in memory.told_failed:
            memory.told_failed = {done.run}
            return True
        return any(one.done for one in done.outcomes)


def _all_done(done: Pass) -> bool:
    return all(one.done for one in done.outcomes)


def policy_of(app: Application, sha: str) -> Policy:
    """What an Application allows for one revision; the command plans by the same."""
    sync = app.spec.sync
    return Policy(
        AdoptPolicy(sync.adopt),
        PrunePolicy(
            PruneMode(sync.prune),
            PruneLimit(sync.prune_limit.percent, sync.prune_limit.objects),
            approved=is_approved(app, sha),
        ),
        report=sync.heal is Heal.REPORT,
    )


def _account_required() -> Problem:
    return Problem(
        Reason.SERVICE_ACCOUNT_REQUIRED,
        "an Application outside the controller's namespace needs a service account to act as",
        Blame.SPEC,
        "spec.serviceAccountName",
        "name an account of the Application's namespace, and give it the rights that the objects need",
    )
