"""A view, printed once, or with `--watch`: redrawn on a terminal, and what changes told to a pipe."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from gitops.cli.look import Screen, plain
from gitops.cli.options import Exit, Output
from gitops.kube.feed import Feed, Query


class View(Protocol):
    """Something to look at that changes: what it asks for, and how it looks as it is known now."""

    def queries(self) -> Iterable[Query]:
        """What has to be read; may depend on what was read."""

    def text(self) -> list[str]:
        """All of it, for a terminal."""

    def lines(self) -> Mapping[str, str]:
        """All of it, one line for each thing, by a name that stays the same; in order."""

    def data(self) -> Any:
        """All of it, for programs."""


async def show(
    feed: Feed, view: View, screen: Screen, output: Output, *, follow: bool, appends: bool = False
) -> int:
    """Print the view once, or `watch` it. What the feed knows already is not asked for again."""
    if follow:
        return await watch(feed, view, screen, output, appends=appends)
    await _read_all(feed, view)
    if output is Output.TEXT:
        print("\n".join(view.text()))
    else:
        from gitops.cli.terminal import print_data

        print_data(view.data(), output)
    return Exit.DONE


async def _read_all(feed: Feed, view: View) -> None:
    """Read what the view asks for, and what it asks for then, until it knows all."""
    asked = {*feed.objects, *feed.failures}
    while new := [one for one in dict.fromkeys(view.queries()) if one not in asked]:
        asked.update(new)
        await feed.read(new)


async def watch(feed: Feed, view: View, screen: Screen, output: Output, *, appends: bool = False) -> int:
    """Show the view whenever something changed. Ends by the keyboard only.

    `appends`: lines are only added, and none that leaves is mentioned, on a terminal too.
    """
    feed.follow(view.queries())
    try:
        if output is not Output.TEXT:
            await _data(feed, view, output)
        elif screen.width is None or appends:
            await _lines(feed, view, tells_gone=not appends)
        else:
            await _redraw(feed, view, screen)
    finally:
        await feed.close()
    return Exit.DONE


async def _next(feed: Feed, view: View) -> bool:
    """Wait for a change; False as long as a first answer is missing."""
    await feed.settled()
    queries = set(view.queries())
    feed.follow(queries)
    return all(one in feed.objects or one in feed.failures for one in queries)


async def _redraw(feed: Feed, view: View, screen: Screen) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(color_system="standard" if screen.color else None, highlight=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while True:
            if not await _next(feed, view):
                continue
            text = [*_trouble(feed, screen), *view.text()]
            live.update(Text.from_ansi("\n".join(text), no_wrap=True), refresh=True)


async def _lines(feed: Feed, view: View, *, tells_gone: bool) -> None:
    shown: dict[str, str] = {}
    told: list[str] = []
    while True:
        if not await _next(feed, view):
            continue
        trouble = _trouble(feed, Screen())
        for one in trouble:
            if one not in told:
                print(f"warning: {one}", file=sys.stderr, flush=True)
        told = trouble
        now = dict(view.lines())
        for name, line in now.items():
            if shown.get(name) != line:
                print(line, flush=True)
        for name in shown:
            if tells_gone and name not in now:
                print(f"{name}  gone", flush=True)
        shown = now


async def _data(feed: Feed, view: View, output: Output) -> None:
    before: Any = None
    while True:
        if not await _next(feed, view):
            continue
        now = view.data()
        if now == before:
            continue
        before = now
        if output is Output.JSON:
            print(json.dumps(now, ensure_ascii=False), flush=True)
        else:
            import yaml

            text = yaml.safe_dump(now, sort_keys=False, allow_unicode=True, explicit_start=True)
            print(text, end="", flush=True)


def _trouble(feed: Feed, screen: Screen) -> list[str]:
    """What can't be read now, by why: what is shown of it may be old."""
    kinds: dict[str, set[str]] = {}
    for query, why in feed.failures.items():
        kinds.setdefault(plain(why), set()).add(query.resource.plural)
    said = [
        f"{', '.join(sorted(names))} can't be read now, trying again: {why}"
        for why, names in sorted(kinds.items())
    ]
    return [screen.paint(line, "yellow") for one in said for line in screen.below(one, 0, 4)]
