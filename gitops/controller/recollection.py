"""After a start: what status and watches prove to be as it was is not rendered before something moves."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from gitops.api.application import Application
from gitops.api.status import ConditionType
from gitops.controller.applications import Registry, owner_of
from gitops.controller.cluster import Cluster
from gitops.controller.members import Members
from gitops.controller.memory import Memory, Target
from gitops.controller.rendering import RenderMemory
from gitops.core.conditions import DIAGNOSED
from gitops.core.directives import ApplyMode
from gitops.core.fingerprint import fingerprint, mark
from gitops.core.inventory import Membership, Observed
from gitops.core.model import GroupKind, Manifest, ObjectKey
from gitops.core.plan import Wanted
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import Resource
from gitops.git.mirror import CommitInfo


class _NotRendered:
    """In place of the manifests of a render that was not made."""

    def __getitem__(self, key: ObjectKey, /) -> Manifest:
        raise _moved(key)


def _moved(key: ObjectKey | None = None) -> GitopsError:
    return fail(
        Reason.CHANGED_MEANWHILE,
        "moved while its Application was taken for unmoved",
        Blame.CLUSTER,
        advice="it is rendered in the next pass",
        key=key,
    )


@dataclass(frozen=True, slots=True)
class Recollection:
    """Targets without manifests, for Applications that are as the status left them."""

    members: Members
    cluster: Cluster

    async def recall(
        self, app: Application, memory: Memory, render: RenderMemory, commit: CommitInfo
    ) -> Target | None:
        """The applied target, from the watches alone; None where they don't prove it. Fills the baseline.

        `render` has the key of the applied render. A fingerprint that fits proves that no member
        came, went or changed, and its contents are the wanted ones: it was written when they were.
        """
        memory.recollected = True
        resources = self._resources(app)
        if resources is None or not _was_settled(app) or await self.members.ensure(resources.values()):
            return None
        owner = owner_of(app)
        found = {
            key: seen
            for key, seen in self.members.of(owner.applyset_id).items()
            if seen.membership(owner) is Membership.MEMBER
        }
        marks = {key: mark(seen.digest, seen.content) for key, seen in found.items()}
        total = app.status.objects.total if app.status.objects else 0
        # What a `keep` annotation holds is a member and fits too, but isn't wanted: then they are more.
        if len(found) != total or fingerprint(marks) != app.status.fingerprint:
            return None
        if any(_asks_for_more(seen) for seen in found.values()):
            return None
        memory.baseline = {key: seen.digest for key, seen in found.items()}
        memory.baseline_loaded = True
        return Target(
            commit=commit,
            render=render,
            wanted={
                key: Wanted(key, resources[key.group_kind].api_version, seen.content, "")
                for key, seen in found.items()
            },
            kinds=frozenset(key.group_kind for key in found),
            namespaces=frozenset(key.namespace for key in found if key.namespace),
            manifests=_NotRendered(),
            problems=(),
            warnings=(),
            catalog_id=id(self.cluster.catalog),
            namespace=app.destination_namespace,
            rendered=None,
            contents=app.status.contents or "",
            recalled=True,
        )

    async def members_now(self, app: Application) -> Mapping[ObjectKey, Observed]:
        """The members that the watches know; none where one of them can't be read."""
        resources = self._resources(app)
        if resources is None or await self.members.ensure(resources.values()):
            return {}
        owner = owner_of(app)
        return {
            key: seen
            for key, seen in self.members.of(owner.applyset_id).items()
            if seen.membership(owner) is Membership.MEMBER
        }

    def stands(self, app: Application, memory: Memory) -> bool:
        """Whether planning can do with the target: always, unless it was recalled and a member moved."""
        target = memory.target
        if target is None or not target.recalled:
            return True
        if memory.suspects(time.monotonic()):
            return False
        owner = owner_of(app)
        members = self.members.of(owner.applyset_id)
        for key, wanted in target.wanted.items():
            seen = members.get(key)
            if (
                seen is None
                or seen.deleting
                or seen.content != wanted.content
                or memory.baseline.get(key) != seen.digest
                or seen.membership(owner) is not Membership.MEMBER
            ):
                return False
        return all(
            key in target.wanted or seen.membership(owner) is Membership.FOREIGN
            for key, seen in members.items()
        )

    def check(self, app: Application, memory: Memory) -> None:
        """Raises GitopsError CHANGED_MEANWHILE if the target can't be planned with any more."""
        if not self.stands(app, memory):
            raise _moved()

    def _resources(self, app: Application) -> dict[GroupKind, Resource] | None:
        """The types of the members; None if one of them isn't served now."""
        kinds = Registry.kinds_of(app)
        catalog = self.cluster.catalog
        found = {kind: resource for kind in kinds if (resource := catalog.preferred(kind))}
        return found if len(found) == len(kinds) else None


def _asks_for_more(seen: Observed) -> bool:
    """Whether its being as applied isn't all that is asked of it; the annotations on it may be anybody's."""
    return seen.directives.apply is not ApplyMode.ALWAYS or seen.directives.ignore_health


def _was_settled(app: Application) -> bool:
    """Whether the status tells of a clean sync of this very spec, with nothing to say besides."""
    status = app.status
    if status.hooks or not status.contents:  # what hooks there are, only a render tells
        return False
    synced, objects = status.condition(ConditionType.SYNCED), status.objects
    return (
        synced is not None
        and synced.status == "True"
        and synced.observed_generation == app.metadata.generation
        and all(one.reason in DIAGNOSED for one in status.problems)
        and not status.notes  # an autoscaler outside Git may be gone: that shows only in a look
        and objects is not None
        and objects.drifted == 0
        and 0 < objects.synced == objects.total
    )
