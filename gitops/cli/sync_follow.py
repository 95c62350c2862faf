"""A sync by the controller of the cluster, as its status and the objects show it."""

import asyncio
from dataclasses import dataclass

from gitops.api.application import Application
from gitops.cli.applications import find
from gitops.cli.options import INTERRUPTED, Exit
from gitops.cli.sync_end import Ended, Watch, end_of
from gitops.cli.sync_progress import Progress
from gitops.controller.applications import Registry, owner_of
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.kube import holder
from gitops.kube.client import Access, Client
from gitops.kube.discovery import discover
from gitops.kube.members import list_members

_PAUSE = 0.4
_LOOK_AT_LEASE = 15.0


@dataclass(slots=True)
class Members:
    """The Application's objects from one look to the next."""

    client: Client
    progress: Progress
    known: dict[ObjectKey, Observed] | None = None

    async def look(self, app: Application) -> None:
        """Tell what was created, changed or deleted since the last look. What can't be read is not told."""
        if self.known is None and not app.status.observed_generation:
            self.known = {}  # nobody has looked after it yet
            return
        kinds = Registry.kinds_of(app)
        catalog = await discover(self.client)
        resources = [found for kind in kinds if (found := catalog.preferred(kind))]
        live, unreadable = await list_members(
            self.client, owner_of(app).applyset_id, resources, Registry.namespaces_of(app)
        )
        now = {key: one.observed for key, one in live.items()}
        before, self.known = self.known, now
        for key in sorted(now.keys() | (before or {}).keys()) if before is not None else ():
            was, seen = (before or {}).get(key), now.get(key)
            if was is None:
                self.progress.did("created", str(key))
            elif seen is None and key.group_kind not in unreadable:
                self.progress.did("deleted", str(key))
            elif seen is not None and seen.content != was.content:
                self.progress.did("updated", str(key))


async def follow(
    client: Client,
    access: Access,
    app: Application,
    *,
    lease: holder.Holder,
    name: str,
    watch: Watch,
    members: Members,
    stop: asyncio.Event,
    timeout: float,  # noqa: ASYNC109 (its end is told, not a cancellation)
) -> tuple[Application, Ended]:
    """Till the status says that it is over. Raises GitopsError when the Application can't be read."""
    loop = asyncio.get_running_loop()
    end, next_look = loop.time() + timeout, loop.time() + _LOOK_AT_LEASE
    version = ""
    place = f"{app.metadata.namespace}/{app.metadata.name}"
    while True:
        app = await find(client, access, place, None)
        ended = end_of(app, watch)
        if app.metadata.resource_version != version:
            version = app.metadata.resource_version
            await members.look(app)
            members.progress.status(app)
        if ended:
            return app, ended
        if stop.is_set():
            return app, Ended(INTERRUPTED, "Interrupted", "the controller goes on with it by itself")
        if loop.time() > end:
            said = "the controller goes on with it by itself"
            return app, Ended(Exit.CLUSTER, "TimedOut", f"not over within {timeout:g} s; {said}")
        if loop.time() > next_look:
            next_look = loop.time() + _LOOK_AT_LEASE
            now = await holder.find(client, name, lease.namespace)
            if now is None or not now.alive:
                gone = f"the controller {lease.identity} has stopped; run it again to do it without one"
                return app, Ended(Exit.CLUSTER, "Failed", gone)
        try:
            async with asyncio.timeout(_PAUSE):
                await stop.wait()
        except TimeoutError:
            pass
