"""The background verification: each object has its turn once in a period, one at a time, never in bursts."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

from gitops.controller.applications import AppKey, Registry
from gitops.controller.memory import Memory
from gitops.core.model import ObjectKey
from gitops.core.verification import turn, waits

_LOOK_AHEAD = 60.0


class Verification:
    """Asks for a dry run of each object in turn: `ask` makes the Application due.

    It finds what neither field tracking nor a watch shows. Objects of Applications that are not
    settled are left out: their passes look at them anyway, or something else is to be done first.
    """

    def __init__(
        self,
        period: float,
        registry: Registry,
        memories: Mapping[AppKey, Memory],
        ask: Callable[[AppKey], None],
    ) -> None:
        self._period = period
        self._registry = registry
        self._memories = memories
        self._ask = ask

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            window = min(self._period, _LOOK_AHEAD)
            # Only what lies ahead: after a pause of ours or a jump of the clock nothing is made up for.
            began = time.monotonic()
            turns: list[tuple[float, AppKey, ObjectKey]] = []
            for app in list(self._memories):
                turns += self._turns(app, time.time(), window)
                await asyncio.sleep(0)  # ten thousand objects take as many microseconds, and more
            for after, app, key in sorted(turns):
                await asyncio.sleep(began + after - time.monotonic())
                memory = self._memories.get(app)
                if memory and memory.settled and key in memory.baseline:
                    memory.to_verify.add(key)
                    self._ask(app)
            await asyncio.sleep(began + window - time.monotonic())

    def _turns(self, app: AppKey, now: float, window: float) -> Iterator[tuple[float, AppKey, ObjectKey]]:
        memory, found = self._memories.get(app), self._registry.get(app)
        if memory is None or found is None or not (memory.settled and memory.target) or found.spec.suspend:
            return
        for key in memory.target.wanted:
            after = waits(turn(key, found.metadata.uid), self._period, now, window)
            if after is not None:
                yield after, app, key
