"""`gitops events`: what happened to an Application, its objects and what they own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gitops.api.rules import Duration, seconds
from gitops.cli.look import Column, Line, Screen, age, plain, table
from gitops.cli.options import Output
from gitops.cli.tree import TreeView
from gitops.cli.watching import show
from gitops.core.happenings import Happening, happenings
from gitops.core.problem import Blame, Reason, fail
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.core.tree import Node
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace
from gitops.kube.discovery import discover
from gitops.kube.feed import Feed, Query

_EVENTS = Resource("", "v1", "Event", "events", namespaced=True, verbs=NEEDED_VERBS)
_OF_CLUSTER_SCOPED = "default"  # where Events about objects without a namespace are kept
_BESIDE = 140  # columns from which on a message has room beside the rest
_STYLES = {"Warning": "yellow", "Normal": ""}


async def run(
    name: str,
    *,
    access: Access,
    namespace: str | None,
    output: Output,
    color: bool,
    follow: bool,
    since: float | None,
) -> int:
    """Print the Events; `since` in seconds."""
    from gitops.cli.naming import resolve

    client = await Client.connect(access)
    try:
        catalog = await discover(client)
        key = await resolve(client, catalog, name, namespace or context_namespace(access))
        feed = Feed(client)
        screen = Screen.here(color=color)
        tree = TreeView(feed, key, catalog, screen)
        view = _View(feed, tree, screen, datetime.now(UTC) - timedelta(seconds=since) if since else None)
        return await show(feed, view, screen, output, follow=follow, appends=True)
    finally:
        await client.close()


def seconds_of(text: str) -> float:
    """A duration as the API takes them. Raises GitopsError."""
    try:
        return seconds(TypeAdapter[str](Duration).validate_python(text))
    except ValidationError:
        message = f"--since {text!r} is no duration"
        raise fail(
            Reason.INVALID_OBJECT, message, Blame.SPEC, advice="give one like 90s, 10m or 1h30m"
        ) from None


@dataclass(frozen=True, slots=True)
class _View:
    """The Events as they are known now."""

    feed: Feed
    tree: TreeView
    screen: Screen
    since: datetime | None

    def queries(self) -> Iterable[Query]:
        yield from self.tree.queries()
        for namespace in sorted(_namespaces(self.tree.node())):
            yield Query(_EVENTS, namespace)

    def _found(self) -> tuple[Happening, ...]:
        nodes = list(_all(self.tree.node()))
        events = [
            event
            for query, found in self.feed.objects.items()
            if query.resource == _EVENTS
            for event in found.values()
        ]
        return happenings(events, {node.uid for node in nodes}, {node.key for node in nodes}, self.since)

    def text(self) -> list[str]:
        from gitops.cli.tree_look import notes

        lines = listed(self._found(), self.screen, datetime.now(UTC))
        return [*lines, *notes(self.tree.unreadable(), 0, self.screen)]

    def lines(self) -> Mapping[str, str]:
        return {
            f"{one.key} {one.type} {one.reason} {one.message}": _one_line(one, self.screen)
            for one in self._found()
        }

    def data(self) -> Any:
        return {"events": [_data(one) for one in self._found()], "unreadable": self.tree.unreadable()}


def _all(node: Node) -> Iterable[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _namespaces(root: Node) -> set[str]:
    return {node.key.namespace or _OF_CLUSTER_SCOPED for node in _all(root)}


def listed(found: Sequence[Happening], screen: Screen, now: datetime) -> list[str]:
    """The Events as a table, newest last."""
    if not found:
        return ["no Events"]
    beside = screen.width is None or screen.width >= _BESIDE
    columns = [Column("LAST"), Column("TYPE"), Column("REASON"), Column("OBJECT")]
    lines = []
    for one in found:
        cells = (age(one.last, now), one.type, one.reason, f"{one.key.kind} {_place(one)}")
        style = _STYLES.get(one.type, "")
        said = _said(one, now)
        if beside:
            lines.append(Line((*cells, said), ("", style, style, "", "")))
        else:
            lines.append(Line(cells, ("", style, style, ""), said))
    if not beside:
        return table(columns, lines, screen, most_below=8)
    return table([*columns, Column("MESSAGE")], lines, Screen(screen.color, screen.unicode))


def _place(one: Happening) -> str:
    return f"{one.key.namespace}/{one.key.name}" if one.key.namespace else one.key.name


def _said(one: Happening, now: datetime) -> str:
    often = f" ({one.count} times in {age(one.first, now)})" if one.count > 1 else ""
    return plain(one.message) + often


def _one_line(one: Happening, screen: Screen) -> str:
    """For a list that grows: with the time, since ages would be wrong a moment later."""
    often = f" ({one.count} times)" if one.count > 1 else ""
    style = _STYLES.get(one.type, "")
    head = screen.paint(f"{one.type:<7}  {one.reason}", style)
    return f"{_moment(one.last)}  {head}  {one.key.kind} {_place(one)}  {plain(one.message)}{often}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _data(one: Happening) -> dict[str, Any]:
    return {
        "type": one.type,
        "reason": one.reason,
        "object": {
            "group": one.key.group,
            "kind": one.key.kind,
            "namespace": one.key.namespace,
            "name": one.key.name,
        },
        "message": one.message,
        "source": one.source,
        "count": one.count,
        "first": _moment(one.first),
        "last": _moment(one.last),
    }
