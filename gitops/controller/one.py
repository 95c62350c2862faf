"""One Application brought up to date by a command: the controller's own parts, for as long as it takes.

Others are only looked at, never written: what they want of the same objects, and how far they are.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitops.api.application import Application
from gitops.api.group import LEASE_NAME
from gitops.api.spec import Deploy, Prune
from gitops.api.status import ConditionType, Status
from gitops.controller.applications import AppKey, Registry, owner_of
from gitops.controller.dependencies import needs_of
from gitops.controller.memory import Memory, Target
from gitops.controller.passes import Pass, Witness
from gitops.controller.queue import Queue
from gitops.controller.report import Reporter
from gitops.controller.run import Controller
from gitops.controller.settings import Settings
from gitops.core.conditions import Findings
from gitops.core.identity import applyset_id
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Wanted
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import Resource
from gitops.core.waves import order_of
from gitops.kube.client import Account, Client
from gitops.render.client import RendererClient

_QUIET = 0.7  # seconds without a pass: what failed had its SyncFail hooks and its quick second try
_MOST_FAILURES = 3
_START = 30.0  # longer than a lease that nobody renews any more holds


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants otherwise than the Application says, this one time."""

    prune: Prune | None = None
    approved_only: bool = False  # deploy only what the approval names, as if sync.deploy were Manual
    only: Callable[[ObjectKey], bool] | None = None  # these objects and nothing else

    def applied_to(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The spec as this run takes it."""
        sync = dict(spec.get("sync") or {})
        if self.only:
            sync["prune"] = Prune.DISABLED
        elif self.prune:
            sync["prune"] = self.prune
        if self.approved_only:
            sync["deploy"] = Deploy.MANUAL
        return {**spec, "sync": sync}

    def within(self, target: Target) -> Target:
        """What of a target is to be synced: hooks belong to the whole."""
        if self.only is None:
            return target
        chosen = {key: one for key, one in target.wanted.items() if self.only(key)}
        if not chosen:
            raise fail(
                Reason.INVALID_OBJECT,
                f"the revision {target.commit.sha[:7]} has no such object",
                Blame.SPEC,
                where="--only",
                advice="name it as KIND/NAME; `gitops plan` lists the objects",
            )
        for key, one in chosen.items():
            needed = tuple(other for other in one.directives.depends_on if other in chosen)
            chosen[key] = replace(one, directives=replace(one.directives, depends_on=needed))
        return replace(
            target,
            wanted=chosen,
            hooks=(),
            left_alone=target.left_alone | (target.wanted.keys() - chosen.keys()),
            order=order_of(chosen, ()),
            contents=f"part of {target.contents}",  # never to be taken for the whole
        )


class _Queue(Queue[AppKey]):
    """Lets in the Application, and those that are to be looked at."""

    def __init__(self, key: AppKey) -> None:
        super().__init__()
        self.let_in = {key}

    def add(self, key: AppKey, delay: float = 0.0) -> None:
        if key in self.let_in:
            super().add(key, delay)

    def is_due(self, key: AppKey) -> bool:
        """Whether another pass is to come at once, or under way."""
        return key in self._ready or key in self._again or key in self._working


class _Registry(Registry):
    """All Applications, the one with its wish applied."""

    def __init__(
        self, key: AppKey, wish: Wish, due: Callable[[AppKey], None], gone: Callable[[AppKey], None]
    ) -> None:
        super().__init__(due, gone)
        self._key, self._wish = key, wish
        self.refused = ""

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        if (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]) == self._key:
            obj = {**obj, "spec": self._wish.applied_to(obj.get("spec") or {})}
        super().changed(resource, obj)

    def failed(self, resource: Resource, status: int, message: str) -> None:
        self.refused = message


class _PartialReporter(Reporter):
    """After a part was synced, the status says nothing new: of the whole nothing is known."""

    async def _write(self, app: Application, status: Status, memory: Memory) -> bool:
        memory.status = status
        return True

    def _announce_success(self, done: Pass, memory: Memory, findings: Findings) -> None:
        pass


class One(Controller):
    """The controller's machinery for one Application, till `judge` says that it is over.

    `judge` is asked after each pass: True when all is well, False when it fails, None when it goes on.
    """

    def __init__(
        self,
        settings: Settings,
        key: AppKey,
        wish: Wish,
        witness: Witness,
        judge: Callable[[Application], bool | None],
    ) -> None:
        super().__init__(replace(settings, verification_period=0.0))
        self._home = None  # whoever runs this acts as themselves where no account is named
        self._key, self._wish, self._witness, self._judge = key, wish, witness, judge
        self._queue = self._entrance = _Queue(key)
        self._passed = asyncio.Event()
        self._started = False
        self._reported = False  # a pass has told the status, be it that it stays as it was
        self._broke = False
        self._unheard: set[AppKey] = set()  # others that are still to be looked at: nothing has failed before
        self._fault: GitopsError | None = None

    async def run(self) -> None:
        """Work till it is over or `stop` is called. Raises GitopsError when it can't begin or go on."""
        watchdog = asyncio.create_task(self._watch_start())
        try:
            await self._work()
        finally:
            watchdog.cancel()
        if self._fault:
            raise self._fault

    @property
    def application(self) -> Application | None:
        """The Application with the status that the last pass wrote; None if no pass came to an end."""
        app, memory = self._registry.get(self._key), self._memories.get(self._key)
        if app is None or memory is None or not self._reported:
            return None
        return app.model_copy(update={"status": memory.status or app.status})

    def _end(self, fault: GitopsError | None = None) -> None:
        self._fault = self._fault or fault
        self.stop()

    async def _watch_start(self) -> None:
        await asyncio.sleep(_START)
        if self._started:
            return
        refused = self._registry.refused if isinstance(self._registry, _Registry) else ""
        if refused:
            what = f"Applications can't be listed and watched: {refused}"
            advice = "without a controller you need that right in all namespaces"
        else:
            what = f"the Lease {self.settings.namespace}/{LEASE_NAME} can't be had"
            advice = "you need the right to create and update it; or somebody else holds it: try again"
        self._end(fail(Reason.FORBIDDEN, what, Blame.CLUSTER, advice=advice))

    def _lost(self, loop: asyncio.AbstractEventLoop) -> None:
        gone = fail(
            Reason.API_UNAVAILABLE,
            "the lease could not be renewed, so the work was stopped",
            Blame.CLUSTER,
            advice="run it again to go on",
        )
        loop.call_soon_threadsafe(self._end, gone)

    def _new_registry(self) -> Registry:
        return _Registry(self._key, self._wish, self._due, self._gone)

    def _build(self, client: Client, renderer: RendererClient) -> None:
        super()._build(client, renderer)
        reporter = self._reconciler.reporter
        if self._wish.only:
            reporter = _PartialReporter(client, self._events, self.metrics, self._causes)
        self._reconciler = replace(
            self._reconciler,
            reporter=reporter,
            actor=replace(self._reconciler.actor, witness=self._witness),
            witness=self._witness,
            within=self._within,
        )

    def _within(self, target: Target) -> Target:
        try:
            return self._wish.within(target)
        except GitopsError as error:
            self._end(error)
            raise

    async def _start(self, client: Client) -> None:
        await super()._start(client)
        self._started = True
        self._tasks.append(asyncio.create_task(self._till_over(), name="end"))

    async def _till_over(self) -> None:
        while True:
            await self._passed.wait()
            self._passed.clear()
            app = self.application
            verdict = self._judge(app) if app else None
            if verdict is None or self._entrance.is_due(self._key):
                continue  # of several deletions, say, the next are due
            if verdict is False and (self._unheard or await self._goes_on(app)):
                continue
            self._end()
            return

    async def _goes_on(self, app: Application | None) -> bool:
        """Whether something is still to come of what has failed: another pass, or a hook under way."""
        if app and any(one.state in ("Running", "Pending") for one in app.status.hooks):
            return True
        try:
            async with asyncio.timeout(_QUIET):
                await self._passed.wait()
        except TimeoutError:
            return False
        return True

    async def _pass(self, key: AppKey) -> None:
        if key != self._key:
            try:
                await self._look(key)
            finally:
                if key in self._unheard:
                    self._unheard.discard(key)
                    self._passed.set()
            return
        app = self._registry.get(key)
        if app is None or app.metadata.deletion_timestamp:
            gone = fail(Reason.DELETING, f"the Application {key[0]}/{key[1]} is being deleted", Blame.CLUSTER)
            self._end(gone)
            return
        for other in needs_of(app):
            self._let_in(other)
        self._broke = False
        await super()._pass(key)
        for other in self._handover.awaited_by(key):
            self._let_in(other)
        if not self._broke:
            self._reported = True
            self._passed.set()

    def _let_in(self, key: AppKey) -> None:
        if key not in self._entrance.let_in:
            self._entrance.let_in.add(key)
            self._unheard.add(key)
            self._queue.add(key)

    async def _look(self, key: AppKey) -> None:
        """What another Application wants by its newest revision, without doing anything about it."""
        app = self._registry.get(key)
        if app is None or app.metadata.deletion_timestamp or app.spec.suspend:
            self._handover.passed(key)
            return
        memory, done = self._memory(key), Pass(app, owner_of(app))
        name = app.spec.service_account_name
        account = Account(app.metadata.namespace, name) if name else None
        try:
            memory.resolving = True
            target = await self._targets.resolve(app, account, memory, done)
            memory.resolving = False
            memory.resolved_generation = app.metadata.generation
            memory.stale = done.stale or done.held_back
        except GitopsError:
            return  # it counts as one that has not been looked at
        ready = app.status.condition(ConditionType.READY)
        if (
            target
            and not memory.stale
            and done.concludes
            and ready
            and app.status.contents == target.contents
        ):
            memory.concluded = memory.rendered_sha  # its status is about this very content
        self._dependencies.after_pass(key)
        self._handover.passed(key)

    def _fail(self, key: AppKey, memory: Memory, began: float) -> None:
        super()._fail(key, memory, began)
        self._broke = True
        if memory.backoff.attempts >= _MOST_FAILURES:
            broken = fail(Reason.INTERNAL_ERROR, "it failed again and again", Blame.OURSELVES)
            self._end(broken)

    def standing(self) -> tuple[Mapping[ObjectKey, Wanted], Mapping[ObjectKey, Observed]]:
        """What is wanted, and what is there of it; also after the end."""
        memory = self._memories.get(self._key)
        if memory is None or memory.target is None:
            return {}, {}
        target = self._wish.within(memory.target)
        return target.wanted, self._members.of(applyset_id(*self._key))
