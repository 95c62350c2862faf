"""`gitops status`: Applications at a glance, trouble first; or one in full."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gitops.cli.look import Screen
from gitops.cli.options import Output
from gitops.cli.overview import overview, row_of
from gitops.cli.watching import show
from gitops.core.model import ObjectKey
from gitops.core.resources import APPLICATIONS
from gitops.kube.client import Access, Client, Reply
from gitops.kube.contexts import context_namespace
from gitops.kube.feed import Feed, Query
from gitops.kube.listing import list_all


async def run(
    name: str | None, *, access: Access, namespace: str | None, output: Output, color: bool, follow: bool
) -> int:
    """Print one Application in full, or a table of all."""
    client = await Client.connect(access)
    try:
        screen = Screen.here(color=color)
        query = _query(name, access, namespace)
        feed = Feed(client)
        view = _View(feed, query, name is not None, screen)
        feed.replace(query, await _read(client, query))
        return await show(feed, view, screen, output, follow=follow)
    finally:
        await client.close()


def _query(name: str | None, access: Access, namespace: str | None) -> Query:
    if name is None:
        return Query(APPLICATIONS, namespace or "")
    home, _, short = name.rpartition("/")
    return Query(
        APPLICATIONS, home or namespace or context_namespace(access), fields=f"metadata.name={short}"
    )


async def _read(client: Client, query: Query) -> list[Mapping[str, Any]]:
    """The Applications. Raises GitopsError when they can't be read, or there is none of the name."""
    from gitops.cli.applications import refusal

    found = await list_all(client, query.resource, query.namespace, fields=query.fields, at_once=True)
    name = query.fields.partition("=")[2]
    key = ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, query.namespace, name or "*")
    if isinstance(found, Reply):
        raise refusal(found, key, client)
    if name and not found:
        raise refusal(Reply(404, b""), key, client)
    return found


@dataclass(frozen=True, slots=True)
class _View:
    """The Applications of one query as they are known now."""

    feed: Feed
    query: Query
    in_full: bool
    screen: Screen

    def queries(self) -> Iterable[Query]:
        return [self.query]

    def _objects(self) -> list[Mapping[str, Any]]:
        return list(self.feed.objects.get(self.query, {}).values())

    def text(self) -> list[str]:
        now = datetime.now(UTC)
        if not self.in_full:
            return overview([row_of(one) for one in self._objects()], self.screen, now)
        from gitops.cli.one_status import in_full

        return [line for one in self._objects() for line in in_full(_parsed(one), self.screen, now)]

    def lines(self) -> Mapping[str, str]:
        rows = sorted((row_of(one) for one in self._objects()), key=lambda row: row.rank)
        return {f"{row.namespace}/{row.name}": row.line for row in rows}

    def data(self) -> Any:
        objects = sorted(self._objects(), key=lambda one: row_of(one).rank)
        return [_data(one) for one in objects]


def _parsed(obj: Mapping[str, Any]) -> Any:
    from gitops.api.application import Application
    from gitops.api.group import API_VERSION, KIND

    return Application.parse({**obj, "apiVersion": API_VERSION, "kind": KIND})


def _data(obj: Mapping[str, Any]) -> dict[str, Any]:
    app = _parsed(obj)
    return {
        "namespace": app.metadata.namespace,
        "name": app.metadata.name,
        "source": app.spec.source.model_dump(mode="json", by_alias=True, exclude_none=True),
        "status": dict(app.status.to_json()),
    }
