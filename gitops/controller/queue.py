"""A deduplicating queue: each key at most once in it, and never handed out twice at a time."""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Queue(Generic[Key]):
    """Keys to work on. A key added while it is worked on comes back when that work is done.

    Times are those of the monotonic clock, in seconds.
    """

    def __init__(self, waited: Callable[[float], None] = lambda _seconds: None) -> None:
        self._ready: dict[Key, float] = {}  # in order of arrival, with the time of it
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()
        self._waited = waited

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Work on `key` after `delay` seconds; an earlier time that is set already stands."""
        if delay > 0:
            self._set_timer(key, delay)
            return
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        if key in self._working:
            self._again.add(key)
        elif key not in self._ready:
            self._ready[key] = time.monotonic()
            self._wakeup.set()

    def _set_timer(self, key: Key, delay: float) -> None:
        if key in self._ready:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer and timer.when() <= loop.time() + delay:
            return
        if timer:
            timer.cancel()
        self._timers[key] = loop.call_later(delay, self._due, key)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def get(self) -> Key:
        """The next key; it is not handed out again before `done`."""
        while not self._ready:
            self._wakeup.clear()
            await self._wakeup.wait()
        key = next(iter(self._ready))
        self._waited(time.monotonic() - self._ready.pop(key))
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """The work on `key` is over."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def drop(self, key: Key) -> None:
        """Forget what is planned for `key`."""
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        self._ready.pop(key, None)
        self._again.discard(key)
