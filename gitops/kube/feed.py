"""What several lists say together: read once, or followed by watches for as long as somebody looks."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gitops.core.model import ObjectKey
from gitops.core.resources import Resource
from gitops.kube.client import JSON, METADATA_LIST, Client, Reply
from gitops.kube.listing import list_all

_SETTLES = 0.2  # seconds: what a sync changes comes in bursts


@dataclass(frozen=True, slots=True)
class Query:
    """One list: a type, where (empty: everywhere), and which objects."""

    resource: Resource
    namespace: str = ""
    selector: str = ""
    fields: str = ""
    metadata_only: bool = False


class Feed:
    """Objects by query and uid. A query that can't be read now is in `failures`, with why."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.objects: dict[Query, dict[str, Mapping[str, Any]]] = {}
        self.failures: dict[Query, str] = {}
        self._changed = asyncio.Event()
        self._tasks: dict[Query, asyncio.Task[None]] = {}

    async def read(self, queries: Iterable[Query]) -> None:
        """Ask each once, all at the same time."""
        asked = list(queries)
        answers = await asyncio.gather(*(self._ask(one) for one in asked))
        for query, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Reply):
                self.fail(query, _why(answer, query))
            else:
                self.replace(query, answer)

    async def _ask(self, query: Query) -> list[Mapping[str, Any]] | Reply:
        return await list_all(
            self._client,
            query.resource,
            query.namespace,
            selector=query.selector,
            fields=query.fields,
            accept=METADATA_LIST if query.metadata_only else JSON,
        )

    def follow(self, queries: Iterable[Query]) -> None:
        """Watch exactly these from now on; those that are watched already go on."""
        # Only who watches pays for the import of the log.
        from gitops.kube.reflector import Reflector

        wanted = set(queries)
        for query in [query for query in self._tasks if query not in wanted]:
            self._tasks.pop(query).cancel()
            self.objects.pop(query, None)
            self.failures.pop(query, None)
        for query in wanted - self._tasks.keys():
            reflector = Reflector(
                self._client,
                query.resource,
                _Told(self, query),
                selector=query.selector,
                fields=query.fields,
                namespace=query.namespace,
                metadata_only=query.metadata_only,
            )
            self._tasks[query] = asyncio.create_task(reflector.run())

    async def settled(self) -> None:
        """Wait until something changed, and a moment for what comes with it."""
        await self._changed.wait()
        await asyncio.sleep(_SETTLES)
        self._changed.clear()

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    # What the lists and watches tell.

    def replace(self, query: Query, objects: list[Mapping[str, Any]]) -> None:
        self.failures.pop(query, None)
        self.objects[query] = {obj["metadata"]["uid"]: obj for obj in objects}
        self._changed.set()

    def put(self, query: Query, obj: Mapping[str, Any]) -> None:
        self.objects.setdefault(query, {})[obj["metadata"]["uid"]] = obj
        self._changed.set()

    def drop(self, query: Query, obj: Mapping[str, Any]) -> None:
        self.objects.get(query, {}).pop(obj["metadata"]["uid"], None)
        self._changed.set()

    def fail(self, query: Query, why: str) -> None:
        self.failures[query] = why
        self._changed.set()


@dataclass(frozen=True, slots=True)
class _Told:
    """The reflector's sink: passes on what it is told, with the query that it is about."""

    feed: Feed
    query: Query

    def replaced(self, _: Resource, objects: list[Mapping[str, Any]]) -> None:
        self.feed.replace(self.query, objects)

    def changed(self, _: Resource, obj: Mapping[str, Any]) -> None:
        self.feed.put(self.query, obj)

    def deleted(self, _: Resource, obj: Mapping[str, Any]) -> None:
        self.feed.drop(self.query, obj)

    def failed(self, _: Resource, status: int, message: str) -> None:
        self.feed.fail(self.query, message or f"status {status}")


def _why(reply: Reply, query: Query) -> str:
    from gitops.kube.objects import unreadable  # with it comes all that is known of health

    key = ObjectKey(query.resource.group, query.resource.kind, query.namespace, "*")
    return unreadable(reply, key).message
