"""Before an object is pruned, all other Applications are heard; what one of them wants is handed over."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gitops.api.application import Application
from gitops.api.group import FINALIZER
from gitops.controller.applications import AppKey, Registry, key_of, lacks_account, owner_of
from gitops.controller.cluster import Cluster
from gitops.controller.execute import Outcome
from gitops.controller.gather import each
from gitops.controller.members import Members
from gitops.controller.memory import Memory
from gitops.controller.passes import Pass
from gitops.controller.targets import Targets
from gitops.core.desired import body_of
from gitops.core.fields import without_traces
from gitops.core.handover import Answer, Claimant, Heard, Right, Stand, answer, hear, may_write, transfer
from gitops.core.identity import Owner
from gitops.core.inventory import Absent, Live, Membership, Observed, Unreadable
from gitops.core.model import Manifest, ObjectKey
from gitops.core.plan import Plan, Situation, Step, Verb, Wanted
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.resources import APPLICATIONS, Resource
from gitops.core.verdict import Turn, judge
from gitops.kube import objects
from gitops.kube.client import Account, Client
from gitops.kube.rights import rules_in

_Signature: TypeAlias = tuple[object, ...]
_Rules: TypeAlias = dict[tuple[Owner, str], list[dict[str, Any]] | None]


@dataclass(frozen=True, slots=True)
class HandOver:
    """Hears the other Applications from what their last passes left; keeps only who waits for whom."""

    client: Client
    cluster: Cluster
    members: Members
    registry: Registry
    targets: Targets
    memories: Mapping[AppKey, Memory]
    due: Callable[[AppKey], None]
    home: str | None  # the namespace in which no service account is required; None: nowhere it is
    _waiting: dict[AppKey, dict[AppKey, _Signature | None]] = field(default_factory=lambda: defaultdict(dict))

    async def ask(
        self, app: Application, memory: Memory, keys: Iterable[ObjectKey], about: str
    ) -> dict[ObjectKey, Answer]:
        """What the others say of objects that this Application would prune.

        `about` is the revision that they left, or another word for why they go: since it was first
        asked about, Git must have been asked by everybody whose word counts.
        """
        if memory.asking[0] != about:
            memory.asking = (about, time.monotonic())
        me = key_of(app)
        listed = list(keys)
        others = self._others(app, listed, memory.asking[1]) + self._children(app, memory)
        heard = {key: found for key in listed if not (found := hear(key, others)).nobody}
        answers = {}
        rules: _Rules = {}
        decisions = await each(heard, lambda key: self._decide(key, heard[key], rules))
        for key, decided in zip(heard, decisions, strict=True):
            if decided:
                answers[key] = decided
                self._wait_for(me, heard[key])
        return answers

    def _others(self, asker: Application, keys: list[ObjectKey], since: float) -> list[Claimant]:
        """Everybody whose word may count for one of these objects."""
        places = {key.namespace for key in keys if key.namespace}
        clustered = {key.group_kind for key in keys if not key.namespace}
        found = []
        for other in self.registry.all():
            if key_of(other) == key_of(asker):
                continue
            memory = self.memories.get(key_of(other))
            if memory and memory.uid != other.metadata.uid:
                memory = None
            target = memory.target if memory else None
            namespaces = {other.destination_namespace, *self.registry.namespaces_of(other)}
            kinds = self.registry.kinds_of(other)
            if target:
                namespaces |= target.namespaces
                kinds |= target.kinds
            near = other.spec.source.repository == asker.spec.source.repository
            here = bool(places & namespaces or (clustered and (not kinds or clustered & kinds)))
            # Whoever is far away isn't even asked to look at its repository.
            if not (near or here):
                continue
            stand = self._stand(other, memory, key_of(asker), since)
            if here or stand is Stand.PENDING:
                wanted: Collection[ObjectKey] = target.wanted if target else ()
                if target and target.left_alone:
                    wanted = {*wanted, *target.left_alone}
                found.append(Claimant(owner_of(other), stand, wanted, namespaces, kinds, near))
        return found

    def _children(self, app: Application, memory: Memory) -> list[Claimant]:
        """Applications that this one is about to make, or has made just now: one folder becomes two."""
        if memory.target is None or app.metadata.deletion_timestamp:
            return []
        return [
            Claimant(Owner(key.namespace, key.name, ""), Stand.PENDING, (), (), (), near=True)
            for key in memory.target.wanted
            if key.group_kind == APPLICATIONS.group_kind
            and self.registry.get((key.namespace, key.name)) is None
        ]

    def _stand(self, other: Application, memory: Memory | None, asker: AppKey, since: float) -> Stand:
        if other.metadata.deletion_timestamp or lacks_account(other, self.home):
            return Stand.SILENT
        if other.spec.suspend:
            return Stand.SUSPENDED
        if memory is None or memory.resolving or memory.resolved_generation != other.metadata.generation:
            return Stand.PENDING
        if memory.held and memory.target and not memory.stale:
            return Stand.SETTLED  # whatever Git says since
        current = self.targets.is_current(key_of(other), asker, since)
        if current is False and not (memory.stale and memory.target is None):
            return Stand.PENDING
        if memory.stale or memory.target is None or current is None:
            return Stand.BROKEN
        return Stand.SETTLED

    def _wait_for(self, me: AppKey, heard: Heard) -> None:
        """Come back when one of those that were heard has another answer."""
        for one in (*heard.claims, *heard.pending, *heard.doubtful):
            other = (one.owner.namespace, one.owner.name)
            # Whoever is about to answer has done so after its next pass or poll, whatever that finds.
            self._waiting[other][me] = None if one.stand is Stand.PENDING else self._signature(other)

    def awaited_by(self, me: AppKey) -> list[AppKey]:
        """Whose next look at Git this Application waits for."""
        return [other for other, waiting in self._waiting.items() if waiting.get(me, ()) is None]

    def _signature(self, key: AppKey) -> _Signature:
        """What an Application's answer depends on."""
        app, memory = self.registry.get(key), self.memories.get(key)
        if app is None or memory is None:
            return ()
        return (
            app.metadata.generation,
            app.metadata.deletion_timestamp,
            app.metadata.finalizers,
            frozenset(self.registry.kinds_of(app)),
            frozenset(self.registry.namespaces_of(app)),
            memory.resolved_generation,
            memory.stale,
            memory.attempted,
            id(memory.target),
        )

    def passed(self, key: AppKey) -> None:
        """A pass over this Application is over: whoever waits for its answer is due if that changed."""
        self._wake(key, self._signature(key))

    def confirmed(self, key: AppKey) -> None:
        """Git was asked, and has nothing new for this Application."""
        self._wake(key, None)

    def moved(self, key: AppKey) -> None:
        """Git has something new for this Application, or answers again, or no more."""
        for other in self._waiting.pop(key, {}):
            self.due(other)

    def _wake(self, key: AppKey, now: _Signature | None) -> None:
        waiting = self._waiting.pop(key, {})
        for other, before in waiting.items():
            if before is None or (now is not None and before != now):
                self.due(other)
            else:
                self._waiting[key][other] = before

    def tell_former_owners(self, situation: Situation, decided: Plan) -> None:
        """What another Application owns and no longer wants is handed over at once, not at its next poll."""
        for step in decided.steps:
            look = situation.inventory.looks.get(step.key)
            if not isinstance(look, Live) or not step.problem:
                continue
            other = self.registry.by_set(look.observed.part_of)
            memory = self.memories.get(other) if other else None
            if other and memory and memory.target and step.key not in memory.target.wanted:
                self.due(other)

    async def _decide(self, key: ObjectKey, heard: Heard, rules: "_Rules") -> Answer | None:
        rights: dict[Owner, Right] = {}
        words: dict[Owner, str] = {}
        for one in heard.claims:
            rights[one.owner], words[one.owner] = await self._try(key, one)
            if rights[one.owner] is Right.GRANTED:
                break
        for one in heard.doubtful:
            rights[one.owner] = await self._right_of(key, one.owner, rules)
        return answer(key, heard, rights, words)

    def _client_of(self, owner: Owner) -> Client:
        app = self.registry.get((owner.namespace, owner.name))
        name = app.spec.service_account_name if app else None
        return self.client.as_account(Account(owner.namespace, name) if name else None)

    async def _try(self, key: ObjectKey, one: Claimant) -> tuple[Right, str]:
        """Whether the claimant's own account may write what its repository says, by a dry run.

        Without this, a tenant could get hold of an object by naming it in a repository.
        """
        place = (one.owner.namespace, one.owner.name)
        app, memory = self.registry.get(place), self.memories.get(place)
        target = memory.target if memory else None
        wanted = target.wanted.get(key) if target else None
        if target and key in target.left_alone:
            return Right.UNCLEAR, "its repository has it, and says to leave it alone"
        if app is None or target is None or wanted is None:
            return Right.UNCLEAR, "it has just changed"
        listed = key.group_kind in self.registry.kinds_of(app)
        placed = not key.namespace or key.namespace in self.registry.namespaces_of(app)
        if FINALIZER not in app.metadata.finalizers or not listed or not placed:
            return Right.UNCLEAR, "it is not marked as its parent yet"  # else its end would forget it
        resource = self.cluster.catalog.at_version(wanted.api_version, key.kind)
        if resource is None:
            return Right.UNCLEAR, f"{wanted.api_version} is not served"
        client = self._client_of(one.owner)
        return await try_to_write(client, resource, key, target.manifests[key], wanted, one.owner)

    async def _right_of(self, key: ObjectKey, owner: Owner, rules: "_Rules") -> Right:
        """Whether an Application that can't say what it wants may write here; not known counts as yes."""
        client = self._client_of(owner)
        resource = self.cluster.catalog.preferred(key.group_kind)
        if client.account is None or resource is None:
            return Right.UNCLEAR
        place = (owner, key.namespace or "default")
        if place not in rules:
            rules[place] = await rules_in(client, place[1])
        known = rules[place]
        if known is None or may_write(known, resource.group, resource.plural, key.name):
            return Right.UNCLEAR
        return Right.DENIED

    async def hand_over(self, step: Step, client: Client, owner: Owner) -> Outcome:
        """Make the heir the owner, in one patch as the account of the former one.

        The heir is due by the event of it; its next pass applies what its own repository says.
        """
        heir = step.heir
        resource = self.cluster.catalog.preferred(step.key.group_kind)
        if heir is None or resource is None:
            problem = Problem(Reason.UNKNOWN_KIND, "its kind is not served now", Blame.CLUSTER, key=step.key)
            return Outcome(step, Turn.LATER, problem)
        look = await objects.look(client, resource, step.key)
        match look:
            case Absent():
                return Outcome(step)
            case Unreadable(problem):
                return Outcome(step, Turn.LATER, problem)
        seen = look.observed
        if seen.uid != step.uid or seen.deleting or seen.membership(owner) is not Membership.MEMBER:
            self.members.wrote(seen)
            problem = Problem(
                Reason.CHANGED_MEANWHILE, "changed before it was handed over", Blame.CLUSTER, key=step.key
            )
            return Outcome(step, Turn.AGAIN, problem)
        reply = await objects.patch(
            client,
            resource,
            step.key,
            transfer(look, owner, heir),
            heir.manager,
            resource_version=seen.resource_version,
        )
        if not reply.ok:
            verdict = judge(reply.status, reply.failure, step.key)
            return Outcome(step, verdict.turn, verdict.problem)
        self.members.wrote(await self._without_trace(step.key, resource, client, heir, reply.json))
        self.due((heir.namespace, heir.name))
        return Outcome(step)

    @staticmethod
    async def _without_trace(
        key: ObjectKey, resource: Resource, client: Client, heir: Owner, handed_over: dict[str, Any]
    ) -> Observed:
        """Take out what the server recorded of the patch. Without it, the heir's first apply does."""
        seen = objects.remember(handed_over, key.group_kind, key)
        entries = without_traces(handed_over["metadata"].get("managedFields") or (), heir.manager)
        operations = [{"op": "replace", "path": "/metadata/managedFields", "value": entries}]
        reply = await objects.patch(
            client, resource, key, operations, heir.manager, resource_version=seen.resource_version
        )
        return objects.remember(reply.json, key.group_kind, key) if reply.ok else seen

    async def hand_over_all(self, steps: Iterable[Step], client: Client, done: Pass) -> list[Outcome]:
        """All of them, at most sixteen at a time; the pass is told who got what."""
        outcomes = await each(steps, lambda step: self.hand_over(step, client, done.owner))
        done.handed_over += [(one.step.key, one.step.heir) for one in outcomes if one.done and one.step.heir]
        return outcomes

    async def carry_out(self, done: Pass, client: Client, memory: Memory, decided: Plan) -> None:
        """The hand-overs of a plan."""
        steps = [step for step in decided.prunes if step.verb is Verb.HAND_OVER]
        for outcome in await self.hand_over_all(steps, client, done):
            done.outcomes.append(outcome)
            if outcome.problem:
                done.problems.append(outcome.problem)
            else:
                memory.baseline.pop(outcome.step.key, None)


async def try_to_write(
    client: Client, resource: Resource, key: ObjectKey, manifest: Manifest, wanted: Wanted, heir: Owner
) -> tuple[Right, str]:
    """Dry-run the apply that a hand-over ends with; `client` speaks as the heir's own account."""
    look = await objects.look(client, resource, key)
    match look:
        case Absent():
            return Right.UNCLEAR, "it is gone"
        case Unreadable(problem):
            forbidden = problem.reason is Reason.FORBIDDEN
            return (Right.DENIED if forbidden else Right.UNCLEAR), problem.message
    body = body_of(manifest, wanted, heir, uid=look.observed.uid)
    reply = await objects.apply(client, resource, key, body, heir.manager, force=True, dry_run=True)
    if reply.ok:
        return Right.GRANTED, ""
    problem = judge(reply.status, reply.failure, key).problem
    return (Right.DENIED if problem.reason is Reason.FORBIDDEN else Right.UNCLEAR), problem.message
