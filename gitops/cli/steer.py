"""`gitops suspend`, `resume`, `rollback` and `refresh`: what a person decides about one Application."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from gitops.api.application import Application
from gitops.api.group import HOLD_ANNOTATION, RECONCILE_AT_ANNOTATION
from gitops.cli.applications import change, find
from gitops.cli.options import Exit, Output
from gitops.cli.terminal import print_data
from gitops.core.history import named, previous
from gitops.core.problem import Blame, Reason, fail
from gitops.kube.client import Access, Client

_SUSPENDED = "it is suspended, and nothing is done before `gitops resume`"


@asynccontextmanager
async def _connected(access: Access) -> AsyncIterator[Client]:
    client = await Client.connect(access)
    try:
        yield client
    finally:
        await client.close()


async def suspend(name: str, *, access: Access, namespace: str | None, output: Output) -> int:
    """Stop syncing, healing and pruning."""
    async with _connected(access) as client:
        app = await find(client, access, name, namespace)
        if app.spec.suspend:
            return _say(app, "was suspended already", output)
        app = await change(client, app, {"spec": {"suspend": True}})
    return _say(app, "is suspended: nothing is synced, healed or pruned until `gitops resume`", output)


async def resume(name: str, *, access: Access, namespace: str | None, output: Output) -> int:
    """End a suspension and a hold."""
    async with _connected(access) as client:
        app = await find(client, access, name, namespace)
        patch: dict[str, Any] = {}
        if app.spec.suspend:
            patch["spec"] = {"suspend": False}
        if HOLD_ANNOTATION in app.metadata.annotations:
            patch["metadata"] = {"annotations": {HOLD_ANNOTATION: None}}
        if not patch:
            return _say(app, f"was neither suspended nor held: it follows {_source(app)}", output)
        app = await change(client, app, patch)
    return _say(app, f"follows {_source(app)} again", output)


async def rollback(
    name: str, revision: str | None, *, access: Access, namespace: str | None, output: Output
) -> int:
    """Hold the Application at a commit that it had before."""
    async with _connected(access) as client:
        app = await find(client, access, name, namespace)
        sha = named(app.status.history, revision) if revision else _before(app)
        if app.spec.suspend:
            print(f"error: {_named(app)}: {_SUSPENDED}; resume it first", file=sys.stderr)
            return Exit.REFUSED
        app = await change(client, app, {"metadata": {"annotations": {HOLD_ANNOTATION: sha}}})
    if sha not in {one.revision for one in app.status.history}:
        print(
            "warning: the commit isn't in the history; `gitops status` shows whether the repository has it",
            file=sys.stderr,
        )
    return _say(app, f"is held at {sha} until `gitops resume`, whatever {_source(app)} does", output)


async def refresh(name: str, *, access: Access, namespace: str | None, output: Output) -> int:
    """Have the repository asked now."""
    async with _connected(access) as client:
        app = await find(client, access, name, namespace)
        now = datetime.now(UTC).isoformat()
        app = await change(client, app, {"metadata": {"annotations": {RECONCILE_AT_ANNOTATION: now}}})
    if app.spec.suspend:
        print(f"warning: {_named(app)}: {_SUSPENDED}", file=sys.stderr)
    return _say(app, f"looks at {_source(app)} of {app.spec.source.repository} now", output)


def _before(app: Application) -> str:
    """The commit before the one that the Application has, or tries to have."""
    revision = app.status.revision
    held = app.metadata.annotations.get(HOLD_ANNOTATION, "")
    current = held or (revision.attempted if revision else None) or ""
    found = previous(app.status.history, current)
    if found is None:
        raise fail(
            Reason.REVISION_NOT_FOUND,
            f"the history of {_named(app)} has no earlier sync that succeeded",
            Blame.SPEC,
            advice="name the commit to roll back to by its full SHA",
        )
    return found.revision


def _named(app: Application) -> str:
    return f"{app.metadata.namespace}/{app.metadata.name}"


def _source(app: Application) -> str:
    return app.spec.source.revision or "HEAD"


def _say(app: Application, what: str, output: Output) -> int:
    if output is Output.TEXT:
        print(f"{_named(app)} {what}")
        return Exit.DONE
    data = {
        "namespace": app.metadata.namespace,
        "name": app.metadata.name,
        "suspended": app.spec.suspend,
        "held": app.metadata.annotations.get(HOLD_ANNOTATION) or None,
        "message": what,
    }
    print_data(data, output)
    return Exit.DONE
