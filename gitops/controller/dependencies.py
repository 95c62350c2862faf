"""Who depends on whom, as the watch shows it: an event of one makes those due that wait for it."""

from collections.abc import Callable, Iterable

from gitops.api.application import Application
from gitops.api.spec import Dependency
from gitops.api.status import ConditionType, Status
from gitops.controller.applications import AppKey, Registry, key_of
from gitops.controller.memory import Memory
from gitops.controller.readiness import Readiness
from gitops.core.dependencies import Peer, Standing, faults, may_depend, waits
from gitops.core.problem import GitopsError, Problem, Reason
from gitops.core.revision import parse_repository


def needs_of(app: Application) -> tuple[AppKey, ...]:
    """The Applications that this one depends on."""
    return tuple(_name(app, one) for one in app.spec.depends_on)


def _name(app: Application, one: Dependency) -> AppKey:
    return one.namespace or app.metadata.namespace, one.name


class Dependencies:
    """The graph, and what is known of its nodes. `due` is called for those that have to look again."""

    def __init__(
        self,
        registry: Registry,
        memory_of: Callable[[AppKey], Memory | None],
        due: Callable[[AppKey], None],
        home: str,
        readiness: Readiness,
    ) -> None:
        self._registry = registry
        self._memory_of = memory_of
        self._due = due
        self._home = home
        self._readiness = readiness
        self._needs: dict[AppKey, tuple[AppKey, ...]] = {}
        self._dependents: dict[AppKey, set[AppKey]] = {}
        self._there: set[AppKey] = set()
        self._told: dict[AppKey, tuple[Peer, Application, Status]] = {}

    def noticed(self, key: AppKey) -> None:
        """An Application came, went or changed: who leads to it may be in a circle now, or out of one."""
        app = self._registry.get(key)
        needs = needs_of(app) if app else ()
        before = self._needs.get(key, ())
        if before == needs and (key in self._there) == (app is not None):
            return
        for one in before:
            self._dependents.get(one, set()).discard(key)
        for one in needs:
            self._dependents.setdefault(one, set()).add(key)
        if needs:
            self._needs[key] = needs
        else:
            self._needs.pop(key, None)
        if app:
            self._there.add(key)
        else:
            self._there.discard(key)
            self._told.pop(key, None)
            self._readiness.forget(key)
        for one in self._all_dependents(key):
            self._due(one)

    def _all_dependents(self, key: AppKey) -> Iterable[AppKey]:
        found: set[AppKey] = set()
        left = [key]
        while left:
            new = self._dependents.get(left.pop(), set()) - found
            found |= new
            left += new
        return found - {key}

    def after_pass(self, key: AppKey) -> None:
        """Wake those that depend on it if they would see it otherwise than before."""
        dependents = self._dependents.get(key)
        app = self._registry.get(key)
        if not dependents or app is None:
            return
        # Expressions may read anything of it, others only how it stands.
        now = (Peer(key, _follows(app), self._standing(app)), app, self._status(app))
        before = self._told.get(key)
        self._told[key] = now
        for one in dependents:
            if before is None or before[0] != now[0] or (self._reads(one, key) and before != now):
                self._due(one)

    def _reads(self, dependent: AppKey, key: AppKey) -> bool:
        app = self._registry.get(dependent)
        return app is not None and any(one.ready and _name(app, one) == key for one in app.spec.depends_on)

    def faults(self, app: Application) -> list[Problem]:
        """What is wrong with its dependencies, whatever their state."""
        if not app.spec.depends_on:
            return []
        exists = self._registry.get
        return list(
            faults(
                key_of(app),
                lambda key: self._needs.get(key, ()),
                lambda key: exists(key) is not None,
                home=self._home,
            )
        )

    async def waits(self, app: Application, sha: str) -> list[Problem]:
        """What syncing this commit has to wait for.

        Raises GitopsError for an expression that can't be judged.
        """
        peers = []
        for one in app.spec.depends_on:
            key = _name(app, one)
            peer = self._registry.get(key)
            if peer is None or not may_depend(key_of(app), key, self._home):
                continue
            if one.ready:
                standing = await self._readiness.ask(one.ready, peer, self._status(peer))
                peers.append(Peer(key, ("", ""), standing))
            else:
                peers.append(Peer(key, _follows(peer), self._standing(peer)))
        return list(waits(peers, _follows(app), sha)) if peers else []

    def _status(self, app: Application) -> Status:
        """What we wrote last counts, also before the watch has shown it to us."""
        memory = self._memory_of(key_of(app))
        known = memory.status if memory and memory.uid == app.metadata.uid else None
        return known or app.status

    def _standing(self, app: Application) -> Standing:
        memory = self._memory_of(key_of(app))
        if memory and memory.uid != app.metadata.uid:
            memory = None
        status = self._status(app)
        ready = status.condition(ConditionType.READY)
        if ready is None or status.observed_generation != app.metadata.generation:
            return Standing(False, Reason.PROGRESSING, "its newest spec has not been looked at yet")
        concluded = memory.concluded if memory else ""
        return Standing(ready.status == "True", ready.reason, ready.message, concluded)


def _follows(app: Application) -> tuple[str, str]:
    source = app.spec.source
    try:
        place = parse_repository(source.repository, allow_file=True).place
    except GitopsError:
        place = source.repository
    return place, source.revision or ""
