"""The hooks of an Application's end: before its objects are deleted, and when they are gone."""

import time
from dataclasses import dataclass

from gitops.api.application import Application
from gitops.controller.hook_reports import result_of
from gitops.controller.hooks import HookRunner
from gitops.controller.memory import Memory
from gitops.controller.passes import Pass
from gitops.controller.progress import load_results
from gitops.core.hook_annotations import HookPhase, Occasion
from gitops.core.hooks import again, failed_problem, phase_state, words_of


@dataclass(frozen=True, slots=True)
class Farewell:
    """`runner` is None where the hooks can't be had any more: then there are none."""

    app: Application
    memory: Memory
    runner: HookRunner | None

    async def passed(self, phase: HookPhase, done: Pass) -> bool:
        """Run the hooks of a phase as far as they go now. True: none is left to wait for."""
        runner = self.runner
        if runner is None or not any(phase in one.hook.phases for one in runner.target.hooks):
            return True
        memory = self.memory
        load_results(self.app, memory)
        if memory.retry_hooks:
            memory.hook_results = again(memory.hook_results)
            memory.retry_hooks = False
        if not await runner.take_in():
            return False
        run = f"delete-{self.app.metadata.uid[:8]}"
        state = phase_state(runner.target.hooks, phase, run, Occasion.UPGRADE, memory.hook_results)
        recorded = (memory.status or self.app.status).hooks
        await runner.clean_up((one.phase, one.key, one.state) for one in map(result_of, recorded))
        if state.done:
            return True
        memory.progress_at = memory.progress_at or time.monotonic()
        done.problems += [failed_problem(one) for one in state.failed]
        done.problems += await runner.start(state.start)
        done.waits = words_of(state, phase)
        return False

    async def sweep(self) -> None:
        """Delete what hooks left behind: nobody else would."""
        if self.runner:
            await self.runner.delete_all()
