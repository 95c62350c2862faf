"""Why an Application's objects don't work, in a sentence for its status: asked in the background, rarely."""

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gitops.api.application import Application
from gitops.api.status import ProblemReport
from gitops.controller.applications import AppKey
from gitops.controller.cluster import Cluster
from gitops.core.conditions import DIAGNOSED
from gitops.core.health import Health, HealthState
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.why.diagnose import diagnose
from gitops.core.why.model import Cause, Depth
from gitops.kube.client import Account, Client
from gitops.kube.why import gather
from gitops.observe import logs

_PAUSE = 30.0  # seconds between two diagnoses of one Application
_AT_ONCE = 2  # of all Applications
_LONGEST = 20.0  # seconds for one
_MOST = 3  # objects that are asked about, and causes that are told

log = logs.get("causes")


Marks: TypeAlias = frozenset[tuple[ObjectKey, Health]]


@dataclass(slots=True)
class _Case:
    """What is known of one Application's trouble; times are those of the monotonic clock."""

    now: Marks = frozenset()  # the trouble as the last pass saw it
    asked: Marks = frozenset()  # the trouble that was asked about last
    found: tuple[Problem, ...] = ()
    began: float = -math.inf
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class Causes:
    """Diagnoses by Application. A new one is made when other objects are in trouble, or with other words.

    It reads as the Application's own account, so that nobody is told of what they may not see, and
    no logs. `due` is called for an Application whose causes have changed.
    """

    client: Client
    cluster: Cluster
    due: Callable[[AppKey], None]
    _cases: dict[AppKey, _Case] = field(default_factory=dict)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    def of(
        self, app: Application, trouble: Mapping[ObjectKey, Health], reason: Reason
    ) -> tuple[Problem, ...]:
        """What is known of these troubles now; asks in the background if they are others than before."""
        key = (app.metadata.namespace, app.metadata.name)
        case = self._cases.get(key)
        if case is None:
            # After a start, what was found before it holds until we know better.
            case = self._cases[key] = _Case(found=tuple(map(_told, _reported(app))))
        case.now = frozenset(trouble.items())
        if not trouble:  # what is broken again after this is asked about again
            case.asked, case.found = case.now, ()
        elif case.now != case.asked and case.task is None:
            wait = case.began + _PAUSE - time.monotonic()
            if wait <= 0:
                case.asked, case.began = case.now, time.monotonic()
                case.task = asyncio.create_task(self._ask(app, case, tuple(trouble), reason))
            elif case.timer is None:
                case.timer = asyncio.get_running_loop().call_later(wait, self._again, key, case)
        return case.found

    def forget(self, key: AppKey) -> None:
        """The Application is gone."""
        case = self._cases.pop(key, None)
        if case and case.timer:
            case.timer.cancel()
        if case and case.task:
            case.task.cancel()

    async def close(self) -> None:
        tasks = [case.task for case in self._cases.values() if case.task]
        for key in list(self._cases):
            self.forget(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _again(self, key: AppKey, case: _Case) -> None:
        case.timer = None
        self.due(key)

    async def _ask(self, app: Application, case: _Case, keys: Collection[ObjectKey], reason: Reason) -> None:
        key = (app.metadata.namespace, app.metadata.name)
        name = app.spec.service_account_name
        client = self.client.as_account(Account(app.metadata.namespace, name) if name else None)
        before, asked = case.found, case.asked
        try:
            async with self._slots, asyncio.timeout(_LONGEST):
                subjects = sorted(keys)[:_MOST]
                world = await gather(client, self.cluster.catalog, subjects, logs=False)
                found = problems_of(diagnose(subjects, world), reason)
            was_read = any(key in world.objects for key in subjects)
            if was_read and case.asked == asked:  # else it has healed meanwhile
                case.found = found
        except Exception as error:  # noqa: BLE001 (whatever it is, the Application is none the worse)
            log.warning("no cause found", application=f"{key[0]}/{key[1]}", error=str(error))
        finally:
            case.task = None
        if case.found != before or case.now != case.asked:
            self.due(key)


def problems_of(causes: Sequence[Cause], reason: Reason) -> tuple[Problem, ...]:
    """The roots as a status tells them: one sentence for each kind of cause, without what was logged."""
    deepest = max((cause.depth for cause in causes), default=Depth.EFFECT)
    first: dict[str, Cause] = {}
    for cause in causes:
        if cause.depth == deepest:
            first.setdefault(cause.id, cause)
    return tuple(
        Problem(
            reason,
            cause.sentence,
            Blame.REPOSITORY,
            advice=cause.advice[0] if cause.advice else "",
            key=cause.key,
        )
        for cause in list(first.values())[:_MOST]
    )


def in_trouble(
    unhealthy: Mapping[ObjectKey, Health], *, deadline_exceeded: bool
) -> tuple[Mapping[ObjectKey, Health], Reason]:
    """The objects to ask about, and as what it is told: those that are broken, else those that are late."""
    broken = {key: one for key, one in unhealthy.items() if one.state is HealthState.DEGRADED}
    if broken:
        return broken, Reason.DEGRADED
    late = {key: one for key, one in unhealthy.items() if one.state is HealthState.PROGRESSING}
    return (late if deadline_exceeded else {}), Reason.PROGRESS_DEADLINE_EXCEEDED


def _reported(app: Application) -> list[ProblemReport]:
    return [one for one in app.status.problems if one.reason in DIAGNOSED]


def _told(report: ProblemReport) -> Problem:
    about = report.object
    key = ObjectKey(about.group, about.kind, about.namespace, about.name) if about else None
    return Problem(Reason(report.reason), report.message, Blame.REPOSITORY, advice=report.advice, key=key)
