"""Sources: one mirror and one poll per repository and credentials, however many Applications use them."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from gitops.core.backoff import FRESH, Backoff
from gitops.core.problem import Blame, GitopsError, Problem, Reason
from gitops.core.revision import Chosen, choose, parse_repository, parse_wanted
from gitops.git.credentials import Credentials
from gitops.git.mirror import CommitInfo, Mirror, RemoteRefs
from gitops.git.mirrors import mirror_folder, remove_unused
from gitops.git.process import end_all
from gitops.git.tree import CommitTree
from gitops.observe import logs
from gitops.observe.metrics import Metrics

AppKey = tuple[str, str]
SourceKey = tuple[str, str]
Result = TypeVar("Result")

# A thread each for repositories that hang: with the default pool six of them would stop all others.
_THREADS = 64
_POLL_TIMEOUT = 30.0
_FETCH_TIMEOUT = 300.0
_FRESH = 5.0
_END_TRIES = 20  # an operation may begin another one after the first was killed

log = logs.get("sources")


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What the operator decides. `least_interval` in seconds."""

    cache: Path
    allow_file: bool = False
    least_interval: float = 10.0


@dataclass(slots=True)
class _Source:
    """One repository as one set of credentials sees it."""

    mirror: Mirror
    credentials: Credentials | None
    users: dict[AppKey, float] = field(default_factory=dict)  # the interval each asked for
    refs: RemoteRefs | None = None
    problem: Problem | None = None
    backoff: Backoff = FRESH
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    polled: asyncio.Condition = field(default_factory=asyncio.Condition)
    started: int = 0  # polls that began
    ended: int = 0  # polls that ended
    began: float = 0.0  # when the last poll began, by the monotonic clock
    answered: float = 0.0  # when the last poll that was answered began
    task: asyncio.Task[None] | None = None
    fetching: dict[str, asyncio.Task[tuple[CommitTree, CommitInfo]]] = field(default_factory=dict)


class Sources:
    """All repositories in use.

    `changed` is told which Applications have something new to look at, `confirmed` which have not.
    """

    def __init__(
        self,
        settings: SourceSettings,
        metrics: Metrics,
        changed: Callable[[list[AppKey]], None],
        confirmed: Callable[[list[AppKey]], None],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._changed = changed
        self._confirmed = confirmed
        self._sources: dict[SourceKey, _Source] = {}
        self._used_by: dict[AppKey, SourceKey] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="git")

    async def use(
        self, app: AppKey, url: str, secret: Mapping[str, bytes] | None, interval: float
    ) -> "SourceView":
        """The source of an Application, polled from now on; unchanged use costs nothing.

        Raises:
            GitopsError: INVALID_REPOSITORY, CREDENTIALS_INVALID.
        """
        address = parse_repository(url, allow_file=self._settings.allow_file)
        credentials = Credentials.from_secret(secret) if secret is not None else None
        key = (address.url, credentials.digest if credentials else "")
        if self._used_by.get(app) not in (None, key):
            self.drop(app)
        source = self._sources.get(key)
        if source is None:
            folder = await self._in_thread(mirror_folder, self._settings.cache, address, credentials)
            source = self._sources.get(key)
        if source is None:
            source = _Source(Mirror(folder, url, allow_file=self._settings.allow_file), credentials)
            self._sources[key] = source
            source.task = asyncio.create_task(self._poll_for_ever(source), name=f"poll {address.place}")
        # The shortest interval counts, so a new user may shorten the one under way.
        if source.users.get(app) != interval and interval < min(source.users.values(), default=math.inf):
            source.asked.set()
        # What somebody has just pushed and made an Application for must not wait for the next poll.
        old = app not in source.users and 0.0 < source.began < time.monotonic() - _FRESH
        source.users[app] = interval
        self._used_by[app] = key
        return SourceView(self, source, old)

    def drop(self, app: AppKey) -> None:
        """The Application no longer uses a source; without users it isn't polled any more."""
        key = self._used_by.pop(app, None)
        source = self._sources.get(key) if key else None
        if key and source:
            source.users.pop(app, None)
            if not source.users:
                if source.task:
                    source.task.cancel()
                del self._sources[key]

    async def tidy(self, commits: Collection[str]) -> None:
        """Delete mirrors that nobody uses, and from the others all commits but these."""
        used = [source.mirror for source in self._sources.values()]
        await self._in_thread(remove_unused, self._settings.cache, [mirror.folder for mirror in used])
        for mirror in used:
            try:
                await self._in_thread(mirror.tidy, commits)
            except GitopsError as error:
                log.warning("mirror not tidied", host=mirror.url.host, error=str(error))

    async def close(self) -> None:
        tasks = [source.task for source in self._sources.values() if source.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # The interpreter waits for every thread at its end, and each of them for its remote.
        ended = asyncio.create_task(asyncio.to_thread(self._threads.shutdown, cancel_futures=True))
        for _ in range(_END_TRIES):
            end_all()
            await asyncio.wait({ended}, timeout=0.1)
            if ended.done():
                break

    async def _in_thread(self, work: Callable[..., Result], *args: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *args))

    async def _poll_for_ever(self, source: _Source) -> None:
        while True:
            source.asked.clear()
            await self._poll(source)
            pause = self._pause(source)
            try:
                async with asyncio.timeout(pause):
                    await source.asked.wait()
            except TimeoutError:
                pass

    def _pause(self, source: _Source) -> float:
        interval = max(min(source.users.values(), default=60.0), self._settings.least_interval)
        if source.problem:
            return max(source.backoff.until - time.monotonic(), 0.1)
        return interval * random.uniform(0.9, 1.0)  # noqa: S311 (spreads polls that began together)

    async def _poll(self, source: _Source) -> None:
        source.started += 1
        began = source.began = time.monotonic()
        host = source.mirror.url.host or "file"
        before = (source.refs, source.problem)
        try:
            refs = await self._in_thread(
                partial(source.mirror.remote_refs, source.credentials, timeout=_POLL_TIMEOUT)
            )
        except GitopsError as error:
            interval = max(min(source.users.values(), default=60.0), self._settings.least_interval)
            source.problem = error.problem
            source.backoff = source.backoff.failed(
                time.monotonic(),
                random.random(),  # noqa: S311
                first=min(interval, 5.0),
                longest=max(interval, 300.0),
            )
            log.warning("poll failed", host=host, error=str(error))
            self._metrics.git_poll(host, "failed")
        else:
            source.refs, source.problem, source.backoff = refs, None, FRESH
            source.answered = began
            self._metrics.git_poll(host, "unchanged" if before[0] == refs else "changed")
        self._metrics.git_operation("ls-remote", time.monotonic() - began)
        async with source.polled:
            source.ended = source.started
            source.polled.notify_all()
        if before != (source.refs, source.problem):
            self._changed(list(source.users))
        elif source.problem is None:
            self._confirmed(list(source.users))

    async def refresh(self, source: _Source) -> None:
        """Poll now, and return when a poll that began after this call has ended."""
        wanted = source.started + 1
        source.asked.set()
        async with source.polled:
            await source.polled.wait_for(lambda: source.ended >= wanted)

    async def fetch(self, source: _Source, chosen: Chosen) -> tuple[CommitTree, CommitInfo]:
        """One fetch for all who want the same commit: a repository that hangs holds one thread, not many."""
        task = source.fetching.get(chosen.sha)
        if task is None:
            task = asyncio.create_task(self._fetch(source, chosen))
            source.fetching[chosen.sha] = task
            task.add_done_callback(lambda _: source.fetching.pop(chosen.sha, None))
        return await asyncio.shield(task)

    async def _fetch(self, source: _Source, chosen: Chosen) -> tuple[CommitTree, CommitInfo]:
        began = time.monotonic()
        used_network = await self._in_thread(
            partial(source.mirror.fetch, chosen.sha, chosen.ref, source.credentials, timeout=_FETCH_TIMEOUT)
        )
        if used_network:
            self._metrics.git_operation("fetch", time.monotonic() - began)
        tree = source.mirror.tree(chosen.sha)
        return tree, await self._in_thread(source.mirror.commit_info, chosen.sha)


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as one reconcile uses it."""

    _sources: Sources
    _source: _Source
    needs_refresh: bool  # the Application is new to it, and the last poll was a while ago

    async def refresh(self) -> None:
        """Ask the remote now, whatever the interval says."""
        await self._sources.refresh(self._source)

    async def choose(self, revision: str | None) -> Chosen:
        """The commit that `revision` means, by the last poll that was answered.

        Raises:
            GitopsError: the poll's problem if none was ever answered; REVISION_NOT_FOUND.
        """
        wanted = parse_wanted(revision)
        source = self._source
        if source.refs is None and source.ended == 0:
            async with source.polled:
                await source.polled.wait_for(lambda: source.ended > 0)
        if source.refs is None:
            raise GitopsError(source.problem or _no_answer())
        return choose(source.refs.refs, source.refs.head, wanted)

    def peek(self, revision: str | None) -> Chosen | None:
        """The commit that `revision` means by the last poll; None if that can't be said."""
        refs = self._source.refs
        if refs is None:
            return None
        try:
            return choose(refs.refs, refs.head, parse_wanted(revision))
        except GitopsError:
            return None

    def ask_since(self, when: float) -> bool:
        """Whether a poll that began after `when` was answered; else one is asked for."""
        if self._source.answered >= when:
            return True
        if self._source.began < when:
            self._source.asked.set()
        return False

    def is_same(self, other: "SourceView") -> bool:
        """Whether both are the same repository by the same polls."""
        return self._source is other._source

    @property
    def problem(self) -> Problem | None:
        """Why the last poll failed; None when it was answered."""
        return self._source.problem

    async def fetch(self, chosen: Chosen) -> tuple[CommitTree, CommitInfo]:
        """The commit's tree and description; fetches only what is not here yet."""
        return await self._sources.fetch(self._source, chosen)


def _no_answer() -> Problem:
    return Problem(Reason.REPOSITORY_UNREACHABLE, "the repository has not answered yet", Blame.NETWORK)
