"""Act: carry out what was planned, start the hooks that are due, then delete what left Git."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gitops.api.application import Application
from gitops.controller.applications import Registry
from gitops.controller.cluster import Cluster
from gitops.controller.execute import Outcome, Task, carry_out, carry_out_prunes
from gitops.controller.handover import HandOver
from gitops.controller.hook_reports import result_of
from gitops.controller.hooks import HookRunner
from gitops.controller.members import Members
from gitops.controller.memory import Memory
from gitops.controller.passes import Pass, Witness
from gitops.controller.progress import syncing
from gitops.controller.suspicion import restored
from gitops.controller.targets import Targets
from gitops.core.adoption import AdoptPolicy
from gitops.core.conditions import current, obstacles
from gitops.core.ignore import is_autoscaler
from gitops.core.inventory import Membership, Observed
from gitops.core.leaving import can_be_ours
from gitops.core.model import ObjectKey
from gitops.core.plan import Plan, Situation, Verb
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.verdict import Turn, judge
from gitops.core.waves import prunable, unsettled
from gitops.kube.client import Client
from gitops.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Actor:
    """Changes the cluster; `client` is the Application's account each time."""

    cluster: Cluster
    members: Members
    registry: Registry
    targets: Targets
    handover: HandOver
    metrics: Metrics
    witness: Witness = field(default_factory=Witness)

    async def act(
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
            ended=self.witness.stepped,
        )
        done.plan = decided
        if any(step.acts for step in decided.steps):
            began = time.monotonic()
            done.outcomes = await carry_out(task, decided, self.superseded(done.app))
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

    def superseded(self, app: Application) -> Callable[[], bool]:
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
            if key not in situation.desired and can_be_ours(key, situation.namespaces)
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

    async def run_hooks(self, done: Pass, memory: Memory, runner: HookRunner, decided: Plan) -> None:
        """Start the hooks that are due. Those after a sync wait for its deletions, too."""
        heading = done.towards
        if heading is None or not (heading.gate.start or memory.hook_results):
            return
        began = (memory.status or done.app.status).hooks
        await runner.clean_up((result.phase, result.key, result.state) for result in map(result_of, began))
        if heading.gate.applied and (self._still_leaving(done, decided) or not _all_done(done)):
            return
        if not self.superseded(done.app)():
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


def _all_done(done: Pass) -> bool:
    return all(one.done for one in done.outcomes)
