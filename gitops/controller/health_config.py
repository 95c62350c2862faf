"""The ConfigMap `gitops-health`: the operator's health rules for the whole cluster."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from gitops.controller.own_health import CLUSTER_WIDE, OwnHealth
from gitops.core.model import GroupKind
from gitops.core.problem import Blame, GitopsError, Problem, Reason
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.kube.client import Client
from gitops.kube.reflector import Reflector
from gitops.observe import logs

NAME = "gitops-health"

_CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS)
_FIRST_READ = 5.0
_AGAIN = 2.0

log = logs.get("health")


class HealthConfig:
    """Watches the one ConfigMap and hands its rules over; `changed` is told of which kinds."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        own: OwnHealth,
        changed: Callable[[set[GroupKind]], None],
        refused: Callable[[Mapping[str, Any], Problem], None],
    ) -> None:
        self._own = own
        self._changed = changed
        self._refused = refused
        self._reflector = Reflector(
            client, _CONFIG_MAPS, self, fields=f"metadata.name={NAME}", namespace=namespace
        )
        self._object: Mapping[str, Any] = {}
        self._due = asyncio.Event()
        self._failure = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._taken = asyncio.Event()

    async def start(self) -> None:
        """Watch it; returns when its rules count, or can't be had in time."""
        self._tasks = [
            asyncio.create_task(self._reflector.run(), name="watch the ConfigMap gitops-health"),
            asyncio.create_task(self._follow(), name="rules of the ConfigMap gitops-health"),
        ]
        try:
            async with asyncio.timeout(_FIRST_READ):
                await self._reflector.answered.wait()
                if not self._failure:
                    await self._taken.wait()
        except TimeoutError:
            log.warning("rules not read yet", configmap=NAME)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            places, problems = _places(self._object.get("data"))
            try:
                changed = await self._own.adopt(CLUSTER_WIDE, places)
            except GitopsError as error:
                log.warning("rules can't be taken over", configmap=NAME, error=str(error))
                await asyncio.sleep(_AGAIN)
                self._due.set()
                continue
            for problem in (*problems, *self._own.problems(CLUSTER_WIDE)):
                log.warning("rule refused", configmap=NAME, error=str(problem))
                self._refused(self._object, problem)
            self._taken.set()
            if changed:
                log.info("rules changed", configmap=NAME, kinds=sorted(map(str, changed)))
                self._changed(changed)

    # What the reflector tells.

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        self._failure = ""
        self._set(objects[0] if objects else {})

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._set(obj)

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._set({})

    def failed(self, resource: Resource, status: int, message: str) -> None:
        if message != self._failure:
            log.warning("can't be watched", configmap=NAME, status=status, error=message)
        self._failure = message or "unreadable"

    def _set(self, obj: Mapping[str, Any]) -> None:
        if obj.get("data") != self._object.get("data") or not self._taken.is_set():
            self._object = obj
            self._due.set()


def _places(data: object) -> tuple[list[tuple[str, Any]], list[Problem]]:
    """The content of each key; problems of those that are no YAML."""
    places: list[tuple[str, Any]] = []
    problems = []
    if not isinstance(data, Mapping):
        return [], []
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for name, text in sorted(data.items()):
        where = f"ConfigMap {NAME}, {name}"
        try:
            places.append((where, yaml.load(text, Loader=loader)))  # noqa: S506
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            first = str(error).splitlines()[0] if str(error) else "it can't be read"
            problems.append(
                Problem(
                    Reason.INVALID_HEALTH_RULES, f"not valid YAML: {first}", Blame.SPEC, where, "correct it"
                )
            )
    return places, problems
