"""What is known of the target cluster: served resources and version, refreshed when CRDs change."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from gitops.controller.rendering import Target
from gitops.core.problem import GitopsError
from gitops.core.resources import NEEDED_VERBS, Catalog, Resource
from gitops.kube.client import Client
from gitops.kube.discovery import discover
from gitops.kube.reflector import Reflector
from gitops.observe import logs

_DEFINITIONS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
    verbs=NEEDED_VERBS,
)
# A CRD's conditions come in several events, and discovery lags behind Established by up to seconds.
_PAUSES = (0.1, 0.5, 2.0)

log = logs.get("cluster")


class Cluster:
    """The catalog of the cluster. `changed` is called when other resources are served than before."""

    def __init__(self, client: Client, changed: Callable[[], None]) -> None:
        self._client = client
        self._changed = changed
        self._due = asyncio.Event()
        self._lock = asyncio.Lock()
        self._read_at = 0.0
        self._versions: dict[str, str] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.catalog = Catalog(())
        self.target: Target | None = None

    async def start(self) -> None:
        """Read what is served, and follow it. Raises GitopsError APIUnavailable."""
        await self._read()
        reflector = Reflector(self._client, _DEFINITIONS, self, metadata_only=True)
        self._tasks = [
            asyncio.create_task(reflector.run(), name="watch CustomResourceDefinitions"),
            asyncio.create_task(self._follow(), name="discovery"),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def refresh(self, not_older_than: float = 2.0) -> None:
        """Read again unless that was done within the last seconds: for kinds that are not known."""
        async with self._lock:
            if time.monotonic() - self._read_at > not_older_than:
                await self._read()

    async def _read(self) -> None:
        catalog = await discover(self._client)
        version = (await self._client.request("GET", "/version", label="version")).json
        self._read_at = time.monotonic()
        before = self.catalog.api_versions()
        self.catalog = catalog
        self.target = Target(str(version.get("gitVersion", "")), catalog.api_versions())
        if before and before != catalog.api_versions():
            self._changed()

    async def _follow(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            for pause in _PAUSES:
                await asyncio.sleep(pause)
                before = self.catalog.api_versions()
                try:
                    async with self._lock:
                        await self._read()
                except GitopsError as error:
                    log.warning("discovery failed", error=str(error))
                    continue
                if before != self.catalog.api_versions():
                    break

    # What the reflector of CustomResourceDefinitions tells. Metadata is enough: a status that
    # becomes Established is a new resourceVersion too.

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        versions = dict(_version(obj) for obj in objects)
        if self._versions is not None and versions != self._versions:
            self._due.set()
        self._versions = versions

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._due.set()

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._due.set()

    def failed(self, resource: Resource, status: int, message: str) -> None:
        log.warning("can't watch CustomResourceDefinitions", status=status, error=message)


def _version(obj: Mapping[str, Any]) -> tuple[str, str]:
    return obj["metadata"]["name"], obj["metadata"]["resourceVersion"]
