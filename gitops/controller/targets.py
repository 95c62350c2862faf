"""What an Application is to be brought to: its newest good revision, rendered and placed."""

import asyncio
import time
from dataclasses import replace

from gitops.api.application import Application
from gitops.api.group import RECONCILE_AT_ANNOTATION
from gitops.controller.applications import AppKey, key_of, owner_of
from gitops.controller.cluster import Cluster
from gitops.controller.dependencies import Dependencies
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
from gitops.core.hold import hold_of, unknown_commit
from gitops.core.model import Rendered, Tree
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import Catalog
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
        dependencies: Dependencies,
        metrics: Metrics,
    ):
        self._sources = sources
        self._recollection = recollection
        self._references = references
        self._renders = renders
        self._cluster = cluster
        self._dependencies = dependencies
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
            asked = self._wants_refresh(app, memory)
            view = await self._view(app, account)
            if view.problem:
                done.problems.append(view.problem)
            if asked or view.needs_refresh:
                await view.refresh()
            if asked:  # also where the poll has found a new commit
                memory.trigger = "manual"
            chosen = await self._choose(app, view, done)
            self._metrics.phase("resolve", time.monotonic() - began)
            await self._in_order(app, account, view, chosen, memory, done)
        except RenderError as error:
            done.problems += error.problems
            done.stale = True
            await self._fall_back(app, account, memory)
        except GitopsError as error:
            missing = done.held and error.problem.reason is Reason.REVISION_NOT_FOUND
            done.problems.append(unknown_commit(done.held) if missing else error.problem)
            done.stale = True
            await self._fall_back(app, account, memory)
        if memory.target and memory.target.unstable:
            done.problems.append(notice(memory.target.unstable, app.spec.source.path))
        # What was recalled and has moved can't be healed before it is rendered.
        return memory.target if self._recollection.stands(app, memory) else None

    def check(self, app: Application, memory: Memory) -> None:
        """Raises GitopsError CHANGED_MEANWHILE if the target must be rendered before it is planned with."""
        self._recollection.check(app, memory)

    async def _choose(self, app: Application, view: SourceView, done: Pass) -> Chosen:
        """The commit that the source means, unless the Application is held at another one."""
        revision = app.spec.source.revision
        done.held = hold_of(app.metadata.annotations)
        try:
            newest = await view.choose(revision)
        except GitopsError:
            if not done.held:
                raise
            self._views.pop(key_of(app), None)
            return Chosen("", done.held)
        done.newest = newest.sha
        self._views[key_of(app)] = (view, revision, newest.sha)
        return Chosen("", done.held) if done.held else newest

    async def _in_order(
        self,
        app: Application,
        account: Account | None,
        view: SourceView,
        chosen: Chosen,
        memory: Memory,
        done: Pass,
    ) -> None:
        """Turn to the commit, unless it has to wait for other Applications: then the last target stays."""
        faults = self._dependencies.faults(app)
        # Whoever chose the commit by hand has not to wait for others.
        waits = faults or ([] if done.held else await self._dependencies.waits(app, chosen.sha))
        tried = memory.attempted or (app.status.revision.attempted if app.status.revision else None)
        # What was begun is not undone when a dependency breaks.
        gated = bool(waits) and tried != chosen.sha
        done.problems += faults
        done.concludes = not waits
        if not gated:
            memory.attempted = chosen.sha
        else:  # what is applied tells whether the commit changes anything
            await self._fall_back(app, account, memory)
        last, last_sha = memory.target, memory.rendered_sha
        found = await self._target(app, account, view, chosen, memory, gated=gated)
        if found is None:
            done.held_back = True
            done.problems += [one for one in waits if one not in faults]
            return
        if last is None or (last.commit.sha, last.render.key) != (found.commit.sha, found.render.key):
            memory.cause = _cause(memory, done, is_same=last_sha == chosen.sha)
            if not (app.status.revision and app.status.revision.applied):
                memory.cause = "start"
            memory.tally.clear()
        memory.aim(found)
        memory.held = done.held
        # A commit elsewhere in the repository is not this Application's: it writes no status.
        memory.attempted = found.commit.sha

    def has_newer(self, key: AppKey) -> bool:
        """Whether the last poll shows another commit than the one that a pass began with."""
        known = self._views.get(key)
        if known is None:
            return False
        view, revision, sha = known
        newest = view.peek(revision)
        return newest is not None and newest.sha != sha

    def is_current(self, key: AppKey, asker: AppKey, since: float) -> bool | None:
        """Whether what an Application was last resolved to is what Git says since then.

        False: a poll is under way, or a pass is due. None: its repository doesn't answer. One poll
        speaks for all Applications that share it, also for `asker`, who found a new revision by it.
        """
        known = self._views.get(key)
        if known is None:
            return False
        view = known[0]
        if self.has_newer(key):
            return False
        if view.problem:
            return None
        asking = self._views.get(asker)
        return (asking is not None and view.is_same(asking[0])) or view.ask_since(since)

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
        asked = before not in (None, value)
        memory.retry_hooks = memory.retry_hooks or asked
        return asked

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
        self,
        app: Application,
        account: Account | None,
        view: SourceView,
        chosen: Chosen,
        memory: Memory,
        *,
        gated: bool = False,
    ) -> Target | None:
        """The commit as a target; None: it is `gated`, and would be another one than the last."""
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
        if gated:
            return None
        rendered, render = await self._rendered(app, memory, tree, seen, known)
        _note_rendered(app, memory, chosen, values)
        if known and known.render.reads == render.reads:
            # Rendered anew for another reason (a chart sees the cluster's API list), not for this commit.
            commit = known.commit
        else:
            commit = _commit_that_counts(app, render.key, commit)
        return await self._placed(app, memory, tree, seen, commit, rendered, render)

    async def _rendered(
        self, app: Application, memory: Memory, tree: Tree, seen: Seen | None, known: Target | None
    ) -> tuple[Rendered, RenderMemory]:
        """A new render. What failed is not tried again before something that it reads has changed."""
        failed = memory.failed_render
        if failed and failed.failure and await self._renders.unchanged(app, tree, seen, failed):
            self._metrics.render_cached()
            raise failed.failure
        try:
            last = known.render if known else None
            found = await self._renders.render(app, tree, seen, last)
        except RenderError as error:
            used = known.render.used if known else "helm"  # the key that counts most inputs
            memory.failed_render = await self._renders.remember_failure(app, seen, error, used)
            raise
        memory.failed_render = None
        return found

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
        desired = _place(app, rendered, self._cluster.catalog)
        if any(one.reason is Reason.UNKNOWN_KIND for one in desired.problems):
            await self._cluster.refresh()
            desired = _place(app, rendered, self._cluster.catalog)
        catalog = self._cluster.catalog
        target = Target.of(commit, render, rendered, desired, id(catalog), app.destination_namespace)

        async def again() -> Desired:
            repeated, _ = await self._renders.render(app, tree, seen, render)
            return _place(app, repeated, catalog)

        return await steadied(self._recollection, app, memory.status or app.status, target, desired, again)

    def _placed_again(self, app: Application, known: Target) -> Target:
        """The same render; objects that had no place yet may have one in a newer catalog."""
        catalog = self._cluster.catalog
        if known.rendered is None or known.catalog_id == id(catalog):
            return known
        desired = _place(app, known.rendered, catalog)
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


def _cause(memory: Memory, done: Pass, *, is_same: bool) -> str:
    """What a sync is the answer to, in the words of the history."""
    if done.held and done.held != memory.held:
        return "rollback"
    if memory.held and not done.held:
        return "resume"
    return "spec" if is_same else memory.trigger


def _place(app: Application, rendered: Rendered, catalog: Catalog) -> Desired:
    spec = app.spec
    rollout = spec.sync.rollout_on_config_change
    return place(rendered, owner_of(app), app.destination_namespace, catalog, spec.ignore, rollout=rollout)


def _commit_that_counts(app: Application, key: str, commit: CommitInfo) -> CommitInfo:
    """The commit that made this render: after a restart the status knows an older one with the same."""
    revision = app.status.revision
    if app.status.render_key != key or not revision or not revision.applied or not revision.committed_at:
        return commit
    return CommitInfo(revision.applied, revision.committed_at, commit.author, commit.subject)
