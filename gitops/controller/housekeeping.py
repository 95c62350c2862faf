"""What is let go from time to time: watches of kinds that nobody has, commits that nobody needs."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from gitops.api.application import Application
from gitops.api.group import HOLD_ANNOTATION
from gitops.controller.applications import AppKey, Registry
from gitops.controller.members import Members
from gitops.controller.memory import Memory
from gitops.controller.sources import Sources

_TIDY = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Tidies what all Applications share."""

    registry: Registry
    memories: Mapping[AppKey, Memory]
    members: Members
    sources: Sources

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            await asyncio.sleep(_TIDY)
            kinds = {kind for app in self.registry.all() for kind in self.registry.kinds_of(app)}
            self.members.keep_only(kinds)
            await self.sources.tidy(commits_in_use(self.registry.all(), self.memories.values()))


def commits_in_use(apps: Iterable[Application], memories: Collection[Memory]) -> set[str]:
    """The commits that an Application was brought to, is held at, or may be rolled back to."""
    used = {memory.attempted for memory in memories}
    used.update(memory.target.commit.sha for memory in memories if memory.target)
    for app in apps:
        if app.status.revision and app.status.revision.applied:
            used.add(app.status.revision.applied)
        used.update(one.revision for one in app.status.history)
        used.add(app.metadata.annotations.get(HOLD_ANNOTATION, "").lower())
    return used - {""}
