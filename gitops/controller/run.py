"""The controller as a whole: its parts, its workers, its start and its end."""

import asyncio
import signal
import socket
import time
from collections.abc import Coroutine, Mapping
from secrets import token_hex
from typing import Any

from gitops.api.group import LEASE_NAME
from gitops.controller.acting import Actor
from gitops.controller.applications import AppKey, Registry, owner_of
from gitops.controller.causes import Causes
from gitops.controller.cluster import Cluster
from gitops.controller.dependencies import Dependencies
from gitops.controller.events import Events
from gitops.controller.handover import HandOver
from gitops.controller.health_config import HealthConfig
from gitops.controller.hook_objects import HookObjects
from gitops.controller.housekeeping import Housekeeping
from gitops.controller.http import Endpoints
from gitops.controller.members import Members
from gitops.controller.memory import Memory
from gitops.controller.observing import Observer
from gitops.controller.own_health import OwnHealth
from gitops.controller.queue import Queue
from gitops.controller.readiness import Readiness
from gitops.controller.recollection import Recollection
from gitops.controller.reconcile import Reconciler
from gitops.controller.references import References
from gitops.controller.rendering import Renders
from gitops.controller.report import Reporter
from gitops.controller.settings import Settings
from gitops.controller.sources import Sources, SourceSettings
from gitops.controller.targets import Targets
from gitops.controller.teardown import Teardown
from gitops.controller.verification import Verification
from gitops.core.health import Health
from gitops.core.identity import applyset_id
from gitops.core.inventory import Observed
from gitops.core.model import GroupKind
from gitops.core.problem import GitopsError, Problem
from gitops.core.resources import APPLICATIONS
from gitops.kube.client import Client
from gitops.kube.lease import Lease
from gitops.kube.reflector import Reflector
from gitops.observe import logs
from gitops.observe.metrics import Metrics
from gitops.render.client import RendererClient
from gitops.render.process import RendererProcess

log = logs.get("controller")

_AT_ONCE = 8  # Applications that talk to the API server; others may wait for Git meanwhile
_SHUTDOWN = 8.0
_LONGEST_PASS = 600.0
_CALM = 0.2  # status churn of many objects becomes one pass
_EAGER = 0.02  # the same where a wave, a hook or a deletion waits for that very health


class Controller:
    """Everything that runs. `run` returns after a SIGTERM or `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.port = 0
        self._home: str | None = settings.namespace  # needs no service account; None: nobody does
        self._queue: Queue[AppKey] = Queue(self.metrics.queue_waited)
        self._memories: dict[AppKey, Memory] = {}
        self._busy: dict[AppKey, float] = {}
        self._stop = asyncio.Event()
        self._ready = "starting"
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Start, work, and stop within 10 s of being told. Raises GitopsError when it can't start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        endpoints = Endpoints(self.metrics, lambda: self._ready, self._hung)
        self.port = await endpoints.start(self.settings.host, self.settings.port)
        log.info("listening", port=self.port)
        try:
            await self._work()
        finally:
            await endpoints.close()

    def stop(self) -> None:
        """End after the requests under way."""
        self._stop.set()

    async def _work(self) -> None:
        client = await Client.connect(self.settings.access, self.metrics.kube_request)
        loop = asyncio.get_running_loop()
        lease = Lease(
            self.settings.access,
            self.settings.namespace,
            LEASE_NAME,
            lambda: self._lost(loop),
            self.settings.identity,
        )
        renderer, process = await self._renderer()
        self._build(client, renderer)
        try:
            if await self._or_stopped(lease.acquire()):
                self.metrics.leader(True)
                await self._start(client)
                await self._stop.wait()
            log.info("stopping")
        finally:
            await self._shut_down(client, process)
            await lease.release()

    def _lost(self, loop: asyncio.AbstractEventLoop) -> None:
        """The lease is gone: stop at once, another controller may begin any moment."""
        self.metrics.leader(False)
        loop.call_soon_threadsafe(self.stop)

    async def _or_stopped(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Wait for `work`; False when we are told to stop before it is done."""
        done = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({done, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if done.done():
            await done
            return True
        done.cancel()
        return False

    def _build(self, client: Client, renderer: RendererClient) -> None:
        settings, metrics = self.settings, self.metrics
        self._registry = self._new_registry()
        self._cluster = Cluster(client, self._cluster_changed)
        self._own_health = OwnHealth(renderer, self._health_judged)
        self._members = Members(client, metrics, self._noticed, self._own_health)
        self._sources = Sources(
            SourceSettings(settings.cache / "mirrors", settings.allow_file, settings.least_interval),
            metrics,
            self._source_changed,
            self._source_confirmed,
        )
        self._hook_objects = HookObjects(client, self._hook_changed)
        self._references = References(client, self._due)
        self._events = Events(client, socket.gethostname())
        self._health_config = HealthConfig(
            client,
            settings.namespace,
            self._own_health,
            self._health_rules_changed,
            self._health_rule_refused,
        )
        self._causes = Causes(client, self._cluster, self._queue.add)
        self._dependencies = Dependencies(
            self._registry, self._memories.get, self._queue.add, settings.namespace, Readiness(renderer)
        )
        self._targets = Targets(
            self._sources,
            self._references,
            Renders(renderer, metrics),
            self._cluster,
            Recollection(self._members, self._cluster),
            self._dependencies,
            metrics,
        )
        self._handover = HandOver(
            client=client,
            cluster=self._cluster,
            members=self._members,
            registry=self._registry,
            targets=self._targets,
            memories=self._memories,
            due=self._due,
            home=self._home,
        )
        self._reconciler = self._new_reconciler(client)

    def _new_reconciler(self, client: Client) -> Reconciler:
        """Who works on one Application, by means of all other parts."""
        reporter = Reporter(client, self._events, self.metrics, self._causes)
        return Reconciler(
            client=client,
            cluster=self._cluster,
            members=self._members,
            own_health=self._own_health,
            registry=self._registry,
            targets=self._targets,
            observer=Observer(self._cluster, self._members, self._registry, self._targets, self.metrics),
            actor=Actor(
                self._cluster, self._members, self._registry, self._targets, self._handover, self.metrics
            ),
            reporter=reporter,
            teardown=Teardown(
                client,
                self._cluster,
                self._members,
                reporter,
                self._events,
                self._handover,
                self.settings.namespace,
            ),
            hook_objects=self._hook_objects,
            handover=self._handover,
            metrics=self.metrics,
            home=self._home,
            slots=asyncio.Semaphore(_AT_ONCE),
        )

    def _new_registry(self) -> Registry:
        return Registry(self._due, self._gone)

    async def _start(self, client: Client) -> None:
        await self._cluster.start()
        self._tasks.append(asyncio.create_task(self._own_health.run(), name="own health rules"))
        await self._or_stopped(self._health_config.start())
        applications = Reflector(client, APPLICATIONS, self._registry)
        self._tasks.append(asyncio.create_task(applications.run(), name="watch Applications"))
        await self._or_stopped(applications.synced.wait())
        self._ready = ""
        log.info("ready", applications=len(self._registry.all()))
        self._tasks.append(asyncio.create_task(self._dispatch(), name="passes"))
        housekeeping = Housekeeping(self._registry, self._memories, self._members, self._sources)
        self._tasks.append(asyncio.create_task(housekeeping.run(), name="housekeeping"))
        if self.settings.verification_period > 0:
            verification = Verification(
                self.settings.verification_period, self._registry, self._memories, self._due
            )
            self._tasks.append(asyncio.create_task(verification.run(), name="verification"))

    async def _renderer(self) -> tuple[RendererClient, RendererProcess | None]:
        if self.settings.renderer_socket:
            return RendererClient(self.settings.renderer_socket), None
        process = RendererProcess(helm=self.settings.helm, kustomize=self.settings.kustomize)
        return await process.start(), process

    async def _shut_down(self, client: Client, process: RendererProcess | None) -> None:
        self._ready = "stopping"
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SHUTDOWN)
        for part in (
            self._causes,
            self._events,
            self._health_config,
            self._members,
            self._hook_objects,
            self._references,
            self._sources,
            self._cluster,
        ):
            await part.close()
        if process:
            await process.stop()
        await client.close()

    async def _dispatch(self) -> None:
        """A task for each key that is due: passes that wait for Git don't keep others from working."""
        async with asyncio.TaskGroup() as passes:
            while True:
                key = await self._queue.get()
                self.metrics.queue_depth(len(self._queue))
                self._busy[key] = time.monotonic()
                passes.create_task(self._one(key))

    async def _one(self, key: AppKey) -> None:
        try:
            with logs.context(application=f"{key[0]}/{key[1]}", reconcile_id=token_hex(4)):
                await self._pass(key)
        finally:
            del self._busy[key]
            self._queue.done(key)

    async def _pass(self, key: AppKey) -> None:
        memory = self._memory(key)
        began = time.monotonic()
        try:
            async with asyncio.timeout(_LONGEST_PASS):
                again = await self._reconciler.reconcile(key, memory)
        except GitopsError as error:
            log.warning("pass failed", error=str(error))
            self._fail(key, memory, began)
        except Exception:
            log.exception("pass failed by a defect of ours")
            self._fail(key, memory, began)
        else:
            self.metrics.reconciled("done" if again is None else "waiting", time.monotonic() - began)
            if again is not None:
                self._queue.add(key, again)
            self._dependencies.after_pass(key)
        self._handover.passed(key)
        if self._registry.get(key) is None:
            self._forget(key)

    def _memory(self, key: AppKey) -> Memory:
        app = self._registry.get(key)
        memory = self._memories.get(key)
        if memory is None or (app and memory.uid != app.metadata.uid):
            memory = self._memories[key] = Memory(uid=app.metadata.uid if app else "")
        return memory

    def _fail(self, key: AppKey, memory: Memory, began: float) -> None:
        memory.backoff = memory.backoff.failed(time.monotonic(), 0.5)
        self.metrics.reconciled("failed", time.monotonic() - began)
        self._queue.add(key, max(memory.backoff.until - time.monotonic(), 0.1))

    def _hung(self) -> str:
        """A pass that is under way for far too long: kubelet restarts us."""
        limit = time.monotonic() - 2 * _LONGEST_PASS
        stuck = [f"{key[0]}/{key[1]}" for key, since in self._busy.items() if since < limit]
        dead = [task.get_name() for task in self._tasks if task.done()] if not self._ready else []
        return ", ".join(stuck + dead)

    # What makes an Application due.

    def _due(self, key: AppKey) -> None:
        self._dependencies.noticed(key)
        self._queue.add(key)

    def _gone(self, key: AppKey) -> None:
        self._dependencies.noticed(key)
        self._queue.add(key)  # a pass finds nothing, and forgets it after whatever is under way

    def _forget(self, key: AppKey) -> None:
        self._memories.pop(key, None)
        self._queue.drop(key)
        self._targets.drop(key)
        self._own_health.forget(applyset_id(*key))
        self._causes.forget(key)
        self.metrics.forget(*key)

    def _source_changed(self, apps: list[AppKey]) -> None:
        for key in apps:
            memory = self._memories.get(key)
            if memory:
                memory.trigger = "revision"
            self._queue.add(key)
            self._handover.moved(key)

    def _source_confirmed(self, apps: list[AppKey]) -> None:
        for key in apps:
            self._handover.confirmed(key)
            memory = self._memories.get(key)
            if memory and memory.settled:
                self.metrics.succeeded(*key, time.time())

    def _cluster_changed(self) -> None:
        for app in self._registry.all():
            memory = self._memories.get((app.metadata.namespace, app.metadata.name))
            if memory and memory.target and memory.target.rendered is not None:
                self._queue.add((app.metadata.namespace, app.metadata.name))

    def _hook_changed(self, set_id: str) -> None:
        key = self._registry.by_set(set_id)
        if key:
            self._queue.add(key)

    def _health_judged(self, seen: Observed, health: Health) -> None:
        self._members.judged(seen, health)

    def _health_rules_changed(self, kinds: set[GroupKind]) -> None:
        self._members.read_again(kinds)

    def _health_rule_refused(self, obj: Mapping[str, Any], problem: Problem) -> None:
        self._events.warning_about(obj, problem.reason, str(problem))

    def _noticed(self, set_id: str, before: Observed | None, after: Observed | None) -> None:
        key = self._registry.by_set(set_id)
        app = self._registry.get(key) if key else None
        memory = self._memories.get(key) if key else None
        if key is None or app is None or memory is None:
            return
        if app.metadata.deletion_timestamp:
            self._queue.add(key, _CALM)
        elif (wait := memory.noticed(owner_of(app), before, after, time.monotonic())) is not None:
            health_only = before is not None and after is not None and before.digest == after.digest
            calm = _EAGER if memory.holding else _CALM
            self._queue.add(key, max(wait, calm if health_only else 0.0))
