"""The end of an Application: its members are pruned or released, then its finalizer goes."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from gitops.api.application import Application
from gitops.api.group import CRD_NAME, FINALIZER
from gitops.api.spec import DeletionPolicy
from gitops.controller.applications import Registry, is_approved, lacks_account, owner_of
from gitops.controller.cluster import Cluster
from gitops.controller.events import Events
from gitops.controller.farewell import Farewell
from gitops.controller.gather import each
from gitops.controller.handover import HandOver
from gitops.controller.members import Members
from gitops.controller.memory import Memory
from gitops.controller.passes import Pass
from gitops.controller.report import Reporter
from gitops.core.directives import PruneMode
from gitops.core.handover import HandTo, WaitFor
from gitops.core.hook_annotations import HookPhase
from gitops.core.identity import Owner
from gitops.core.inventory import Absent, Live, Membership, Observed
from gitops.core.model import ObjectKey
from gitops.core.order import CONFIRMED_KINDS, stage_of
from gitops.core.plan import Step, Verb
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.prune import Candidate, PrunePolicy, refusal
from gitops.core.resources import APPLICATIONS
from gitops.core.verdict import judge
from gitops.core.waves import first_to_go
from gitops.kube import objects
from gitops.kube.client import MERGE_PATCH, METADATA, Account, Client
from gitops.kube.release import release
from gitops.observe import logs

log = logs.get("teardown")

_LOOK_AGAIN = 5.0
_SOON = 0.1


@dataclass(frozen=True, slots=True)
class Teardown:
    """Deletes or releases what an Application owns. Level-triggered: each step looks at what is left."""

    client: Client
    cluster: Cluster
    members: Members
    reporter: Reporter
    events: Events
    handover: HandOver
    home: str  # the controller's own namespace

    async def step(
        self, app: Application, client: Client, memory: Memory, farewell: Farewell
    ) -> float | None:
        """Go as far as possible now. Returns seconds until the next step, None when events will tell."""
        if FINALIZER not in app.metadata.finalizers:
            return None
        owner = owner_of(app)
        done = Pass(app, owner)
        kinds = Registry.kinds_of(app)
        served = [found for kind in kinds if (found := self.cluster.catalog.preferred(kind))]
        done.unreadable = await self.members.ensure(served)
        why = await self._why_orphan(app, client.account)
        deletes = not why and app.spec.deletion_policy is DeletionPolicy.PRUNE
        left = self._left(app, owner)
        if deletes and not await farewell.passed(HookPhase.PRE_DELETE, done):
            done.members = {one.key: one for one in left}
            await self.reporter.report(done, memory)
            return _LOOK_AGAIN
        if why or app.spec.deletion_policy is DeletionPolicy.ORPHAN:
            done.problems += await self._release(left, client, owner)
            if why and done.problems and client.account:
                # The account's rights may have gone before us; to let go of objects ours are good enough.
                done.problems = await self._release(self._left(app, owner), self.client, owner)
            if why and (done.problems or done.unreadable):
                # Nothing may wedge a namespace or the removal of our CRD: what can't be released stays.
                done.problems.clear()
                done.unreadable = {}
        else:
            done.problems += await self._prune(app, left, client, memory, done)
        left = self._left(app, owner)
        self.reporter.handed_over(done)
        if why or not (left or done.problems or done.unreadable):
            if deletes and not await farewell.passed(HookPhase.POST_DELETE, done):
                await self.reporter.report(done, memory)
                return _LOOK_AGAIN
            if deletes:
                await farewell.sweep()
            again = await self._let_go(app)
            if why and again is None:
                self.events.warning(app, "Orphaned", f"left its objects in place, as {why}")
            return again
        done.members = {one.key: one for one in left}
        done.problems += [_stuck(one) for one in left if one.deleting and one.finalizers]
        await self.reporter.report(done, memory)
        return _LOOK_AGAIN

    def _left(self, app: Application, owner: Owner) -> list[Observed]:
        """What is ours; marks in a namespace where the Application never was are forged."""
        places = Registry.namespaces_of(app)
        return [
            one
            for one in self.members.of(owner.applyset_id).values()
            if _is_ours(one, owner) and (not one.key.namespace or one.key.namespace in places)
        ]

    async def _why_orphan(self, app: Application, account: Account | None) -> str:
        """Why members must be left alone although the policy says Prune; empty: they need not."""
        namespace = app.metadata.namespace
        checks = [
            (
                f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD_NAME}",
                "our CRD is being deleted",
            ),
            (f"/api/v1/namespaces/{namespace}", f"the namespace {namespace} is being deleted"),
        ]
        for path, why in checks:
            reply = await self.client.request("GET", path, accept=METADATA, label="teardown")
            if reply.ok and reply.json["metadata"].get("deletionTimestamp"):
                return why
        if lacks_account(app, self.home):
            return "it names no service account to delete them as"
        if account:
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account.name}"
            reply = await self.client.request("GET", path, accept=METADATA, label="serviceaccounts")
            if reply.status == 404 and objects.is_absent(reply):
                return f"the service account {account.name} is gone"
        return ""

    async def _prune(
        self, app: Application, left: Iterable[Observed], client: Client, memory: Memory, done: Pass
    ) -> list[Problem]:
        """Delete members, dependents first; hand over what another Application wants.

        What must be confirmed is released instead.
        """
        owner = done.owner
        policy = PrunePolicy(PruneMode.ENABLED, approved=True)
        going = [one for one in left if one.deleting]
        left = [one for one in left if not one.deleting]
        answers = await self.handover.ask(app, memory, [one.key for one in left], "deletion")
        approved = is_approved(app, _attempted(app))
        stages: dict[int, list[Observed]] = {}
        released: list[Observed] = []
        handed: list[Step] = []
        waiting: list[Problem] = []
        for one in left:
            said = answers.get(one.key)
            if isinstance(said, HandTo) and refusal(Candidate(one, owner, ()), policy) is None:
                handed.append(Step(Verb.HAND_OVER, one.key, "", uid=one.uid, heir=said.heir))
            elif _is_kept(one, owner, policy):
                released.append(one)
            elif isinstance(said, WaitFor) and (said.passing or not approved):
                waiting.append(said.problem)
            else:
                going.append(one)
                stages.setdefault(stage_of(one.key.group_kind), []).append(one)
        outcomes = await self.handover.hand_over_all(handed, client, done)
        problems = [one.problem for one in outcomes if one.problem] + waiting
        problems += await self._release(released, client, owner)
        turn = first_to_go(going)
        for stage in sorted(stages, reverse=True):
            due = [one for one in stages[stage] if one.key in turn]
            answered = await each(due, lambda one: self._delete(one, client, owner, policy))
            problems += [problem for problem in answered if problem]
        return problems

    async def _delete(
        self, one: Observed, client: Client, owner: Owner, policy: PrunePolicy
    ) -> Problem | None:
        live = await self._look(one, client)
        if not isinstance(live, Live):
            return live
        if live.observed.deleting or refusal(Candidate(live.observed, owner, ()), policy):
            self.members.wrote(live.observed)
            return None
        resource = self.cluster.catalog.preferred(one.key.group_kind)
        if resource is None:
            return None
        reply = await objects.delete(client, resource, live.observed)
        if reply.ok or reply.status == 404:
            return None
        return judge(reply.status, reply.failure, one.key).problem

    async def _release(self, left: Iterable[Observed], client: Client, owner: Owner) -> list[Problem]:
        async def one(seen: Observed) -> Problem | None:
            live = await self._look(seen, client)
            if not isinstance(live, Live):
                return live
            resource = self.cluster.catalog.preferred(seen.key.group_kind)
            if resource is None or live.observed.membership(owner) is Membership.FOREIGN:
                return None
            reply = await release(client, resource, live, owner)
            if reply.ok:
                self.members.gone(seen.key, seen.uid)
                return None
            return judge(reply.status, reply.failure, seen.key).problem

        return [problem for problem in await each(left, one) if problem]

    async def _look(self, seen: Observed, client: Client) -> Live | Problem | None:
        """The object by a quorum read; None: it is gone."""
        resource = self.cluster.catalog.preferred(seen.key.group_kind)
        if resource is None:
            return None
        look = await objects.look(client, resource, seen.key)
        match look:
            case Live():
                return look
            case Absent():
                self.members.gone(seen.key, seen.uid)
                return None
        return look.problem

    async def _let_go(self, app: Application) -> float | None:
        """Remove the finalizer. Returns seconds until the next try if that failed.

        The resourceVersion may be older than our own last write of the status, whose event asks for no pass.
        """
        metadata = app.metadata
        document = {
            "metadata": {
                "resourceVersion": metadata.resource_version,
                "finalizers": [one for one in metadata.finalizers if one != FINALIZER],
            }
        }
        key = ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, metadata.namespace, metadata.name)
        reply = await self.client.request(
            "PATCH",
            APPLICATIONS.path(key),
            orjson.dumps(document),
            params={"fieldManager": "gitops.dev-controller"},
            content_type=MERGE_PATCH,
            label=APPLICATIONS.plural,
        )
        if reply.ok or reply.status == 404:
            return None
        if reply.status == 409:
            return _SOON
        log.warning("finalizer not removed", status=reply.status, error=reply.failure.get("message"))
        return _LOOK_AGAIN


def _attempted(app: Application) -> str:
    revision = app.status.revision
    return (revision.attempted or "") if revision else ""


def _is_ours(seen: Observed, owner: Owner) -> bool:
    return seen.membership(owner) is not Membership.FOREIGN


def _is_kept(seen: Observed, owner: Owner, policy: PrunePolicy) -> bool:
    """Kinds whose default is Confirm, and whatever a guard protects: released, never deleted."""
    if seen.directives.keep_on_deletion:
        return True
    if seen.directives.prune is PruneMode.ENABLED:
        return refusal(Candidate(seen, owner, ()), policy) is not None
    if seen.key.group_kind in CONFIRMED_KINDS or seen.directives.prune is PruneMode.CONFIRM:
        return True
    return refusal(Candidate(seen, owner, ()), policy) is not None


def _stuck(seen: Observed) -> Problem:
    names = ", ".join(seen.finalizers)
    return Problem(
        Reason.WAITING,
        f"is being deleted and waits for the finalizers {names}",
        Blame.CLUSTER,
        advice="the controller that set a finalizer removes it; if it is gone, remove the finalizer by hand",
        key=seen.key,
    )
