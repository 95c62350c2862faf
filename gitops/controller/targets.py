"""What an Application is to be brought to: its newest good revision, rendered and placed."""

import asyncio
import time
from dataclasses import replace

from gitops.api.application import Application
from gitops.api.group import RECONCILE_AT_ANNOTATION
from gitops.controller.applications import AppKey, key_of, owner_of
from gitops.controller.cluster import Cluster
from gitops.controller.memory import Memory, Target
from gitops.controller.passes import Pass
from gitops.controller.recollection import Recollection
from gitops.controller.references import References
from gitops.controller.rendering import RenderMemory, Renders
from gitops.controller.rendering import Target as Seen
from gitops.controller.sources import Sources, SourceView
from gitops.controller.spec_references import credentials_of, named_by, values_of
from gitops.controller.unstable import steadied, with_held
from gitops.core.desired import Desired, place
from gitops.core.model import Rendered, Tree
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.revision import Chosen
from gitops.core.unstable import notice
from gitops.git.mirror import CommitInfo
from gitops.kube.client import Account
from gitops.observe import logs
from gitops.observe.metrics import Metrics
from gitops.render.errors import RenderError

log = logs.get("targets")

_PATIENCE = 30.0  # for a repository that may be gone together with its Application


class Targets:
    """Resolves, fetches, renders and places; each only when its input changed."""

    def __init__(
        self,
        sources: Sources,
        references: References,
        renders: Renders,
        cluster: Cluster,
        recollection: Recollection,
        metrics: Metrics,
    ):
        self._sources = sources
        self._recollection = recollection
        self._references = references
        self._renders = renders
        self._cluster = cluster
        self._metrics = metrics
        self._views: dict[AppKey, tuple[SourceView, str | None, str]] = {}

    async def resolve(
        self, app: Application, account: Account | None, memory: Memory, done: Pass
    ) -> Target | None:
        """The target to work towards.

        A revision that can't be had or rendered is a problem of the pass, which then goes on
        with the last good one: a broken commit stops neither healing nor its own fix.
        """
        began = time.monotonic()
        try:
            view = await self._view(app, account)
            if view.problem:
                done.problems.append(view.problem)
            if self._wants_refresh(app, memory) or view.needs_refresh:
                await view.refresh()
            chosen = await view.choose(app.spec.source.revision)
            self._metrics.phase("resolve", time.monotonic() - began)
            self._views[key_of(app)] = (view, app.spec.source.revision, chosen.sha)
            memory.attempted = chosen.sha
            memory.aim(await self._target(app, account, view, chosen, memory))
            assert memory.target is not None  # noqa: S101 (for the type checker)
            # A commit elsewhere in the repository is not this Application's: it writes no status.
            memory.attempted = memory.target.commit.sha
        except RenderError as error:
            done.problems += error.problems
            done.stale = True
            await self._fall_back(app, account, memory)
        except GitopsError as error:
            done.problems.append(error.problem)
            done.stale = True
            await self._fall_back(app, account, memory)
        if memory.target and memory.target.unstable:
            done.problems.append(notice(memory.target.unstable, app.spec.source.path))
        # What was recalled and has moved can't be healed before it is rendered.
        return memory.target if self._recollection.stands(app, memory) else None

    def check(self, app: Application, memory: Memory) -> None:
        """Raises GitopsError CHANGED_MEANWHILE if the target must be rendered before it is planned with."""
        self._recollection.check(app, memory)

    def has_newer(self, key: AppKey) -> bool:
        """Whether the last poll shows another commit than the one that a pass began with."""
        known = self._views.get(key)
        if known is None:
            return False
        view, revision, sha = known
        newest = view.peek(revision)
        return newest is not None and newest.sha != sha

    def drop(self, key: AppKey) -> None:
        """The Application is gone."""
        self._views.pop(key, None)
        self._sources.drop(key)
        self._references.release(key)

    @staticmethod
    def _wants_refresh(app: Application, memory: Memory) -> bool:
        """A new value of the annotation asks the remote now; the first one seen is only remembered."""
        value = app.metadata.annotations.get(RECONCILE_AT_ANNOTATION, "")
        before, memory.reconcile_at = memory.reconcile_at, value
        if before is None or before == value:
            return False
        memory.trigger = "manual"
        memory.retry_hooks = True
        return True

    async def _view(self, app: Application, account: Account | None) -> SourceView:
        source = app.spec.source
        self._references.release(key_of(app), keep=named_by(app, account))
        data = await credentials_of(app, account, self._references)
        return await self._sources.use(key_of(app), source.repository, data, app.spec.sync.interval_seconds)

    async def _seen(self, app: Application, account: Account | None) -> Seen | None:
        """What of the cluster a render sees now."""
        values = await values_of(app, account, self._references)
        seen = self._cluster.target
        return replace(seen, values=values) if seen and values else seen

    async def _target(
        self, app: Application, account: Account | None, view: SourceView, chosen: Chosen, memory: Memory
    ) -> Target:
        seen = await self._seen(app, account)
        known = memory.target
        if known and known.namespace != app.destination_namespace:
            known = None
        moved = known is not None and not self._recollection.stands(app, memory)
        values = tuple(one.mark for one in seen.values) if seen else ()
        same_spec = (
            known is not None
            and memory.rendered_generation == app.metadata.generation
            and memory.rendered_values == values
        )
        if known and same_spec and memory.rendered_sha == chosen.sha and not moved:
            return self._placed_again(app, known)
        tree, commit = await view.fetch(chosen)
        if await asyncio.to_thread(tree.digest, app.spec.source.path) is None:
            path = app.spec.source.path
            raise fail(
                Reason.PATH_NOT_FOUND,
                f"there is no {path or 'root folder'} in {chosen.ref or 'commit'} ({chosen.sha[:7]})",
                Blame.SPEC,
                where="spec.source.path",
                advice="correct the path, or add it to the repository",
            )
        recalls = memory.target is None and not memory.recollected
        if recalls and (render := await self._renders.recall(app, tree, seen)):
            at = _commit_that_counts(app, render.key, commit)
            known = await self._recollection.recall(app, memory, render, at)
        if known and not moved and await self._renders.unchanged(app, tree, seen, known.render):
            self._metrics.render_cached()
            _note_rendered(app, memory, chosen, values)
            return self._placed_again(app, known)
        failed = memory.failed_render
        if failed and failed.failure and await self._renders.unchanged(app, tree, seen, failed):
            self._metrics.render_cached()
            raise failed.failure
        try:
            last = known.render if known else None
            rendered, render = await self._renders.render(app, tree, seen, last)
        except RenderError as error:
            used = known.render.used if known else "helm"  # the key that counts most inputs
            memory.failed_render = await self._renders.remember_failure(app, seen, error, used)
            raise
        memory.failed_render = None
        _note_rendered(app, memory, chosen, values)
        if known and known.render.reads == render.reads:
            # Rendered anew for another reason (a chart sees the cluster's API list), not for this commit.
            commit = known.commit
        else:
            commit = _commit_that_counts(app, render.key, commit)
        return await self._placed(app, memory, tree, seen, commit, rendered, render)

    async def _placed(
        self,
        app: Application,
        memory: Memory,
        tree: Tree,
        seen: Seen | None,
        commit: CommitInfo,
        rendered: Rendered,
        render: RenderMemory,
    ) -> Target:
        """A new render as a target; what differs with each render is left as it was applied."""
        owner, namespace = owner_of(app), app.destination_namespace
        desired = place(rendered, owner, namespace, self._cluster.catalog)
        if any(one.reason is Reason.UNKNOWN_KIND for one in desired.problems):
            await self._cluster.refresh()
            desired = place(rendered, owner, namespace, self._cluster.catalog)
        catalog = self._cluster.catalog
        target = Target.of(commit, render, rendered, desired, id(catalog), namespace)

        async def again() -> Desired:
            repeated, _ = await self._renders.render(app, tree, seen, render)
            return place(repeated, owner, namespace, catalog)

        return await steadied(self._recollection, app, memory.status or app.status, target, desired, again)

    def _placed_again(self, app: Application, known: Target) -> Target:
        """The same render; objects that had no place yet may have one in a newer catalog."""
        catalog = self._cluster.catalog
        if known.rendered is None or known.catalog_id == id(catalog):
            return known
        desired = place(known.rendered, owner_of(app), app.destination_namespace, catalog)
        target = Target.of(
            known.commit, known.render, known.rendered, desired, id(catalog), app.destination_namespace
        )
        if not known.unstable:
            return target
        members = self._recollection.members.of(owner_of(app).applyset_id)
        return with_held(target, desired, known.unstable, members, known.contents)

    async def _fall_back(self, app: Application, account: Account | None, memory: Memory) -> None:
        """After a start with a broken commit: what was applied before is rendered again, to be healed."""
        applied = app.status.revision.applied if app.status.revision else None
        if not applied or (memory.target is not None and self._recollection.stands(app, memory)):
            return
        try:
            view = await self._view(app, account)
            memory.target = await self._target(app, account, view, Chosen("", applied), memory)
        except GitopsError:
            return  # reported already: what is new can't be had, and what was is no more

    async def last_of(self, app: Application, account: Account | None, memory: Memory) -> Target | None:
        """What an Application that is being deleted was brought to; None if it can't be had any more."""
        if self._wants_refresh(app, memory):
            log.info("asked to try again while being deleted")
        if memory.target is not None and memory.target.recalled:
            memory.target = None  # what hooks there are, only a render tells
        memory.recollected = True
        if memory.target is None and not memory.past_looked_for:
            memory.past_looked_for = True
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._fall_back(app, account, memory)
            except TimeoutError:
                log.warning("the repository doesn't answer: hooks for the deletion are not run")
        return memory.target

    async def applied_before(self, app: Application, account: Account | None, memory: Memory) -> None:
        """After a start amid a sync: what was applied before, for objects whose turn has not come.

        If it can't be had any more, these are not healed till their turn comes.
        """
        applied = app.status.revision.applied if app.status.revision else None
        target = memory.target
        if memory.past_looked_for or memory.past or target is None or not applied:
            return
        memory.past_looked_for = True
        try:
            view = await self._view(app, account)
            tree, commit = await view.fetch(Chosen("", applied))
            seen = await self._seen(app, account)
            rendered, render = await self._renders.render(app, tree, seen, target.render)
            memory.past = [await self._placed(app, memory, tree, seen, commit, rendered, render)]
        except GitopsError as error:
            log.warning("what was applied before can't be rendered", commit=applied, error=str(error))


def _note_rendered(app: Application, memory: Memory, chosen: Chosen, values: tuple[str, ...]) -> None:
    memory.rendered_generation = app.metadata.generation
    memory.rendered_sha = chosen.sha
    memory.rendered_values = values


def _commit_that_counts(app: Application, key: str, commit: CommitInfo) -> CommitInfo:
    """The commit that made this render: after a restart the status knows an older one with the same."""
    revision = app.status.revision
    if app.status.render_key != key or not revision or not revision.applied or not revision.committed_at:
        return commit
    return CommitInfo(revision.applied, revision.committed_at, commit.author, commit.subject)
