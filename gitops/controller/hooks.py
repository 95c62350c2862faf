"""Run hooks: start what is due, take in what became of it, delete what its policy says."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gitops.controller.gather import each
from gitops.controller.hook_objects import HookObject, HookObjects, read_hook_object
from gitops.controller.memory import Memory, Target
from gitops.core.hook_annotations import HookDelete, HookPhase
from gitops.core.hooks import (
    HookResult,
    HookStart,
    HookState,
    base_of,
    exit_of,
    hook_body,
    label_of,
    mark_of,
    precedes,
)
from gitops.core.identity import Owner
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.resources import Catalog
from gitops.core.verdict import judge
from gitops.kube import objects
from gitops.kube.client import JSON, Client

_JOB = GroupKind("batch", "Job")
_ENDED = (HookState.SUCCEEDED, HookState.FAILED)


@dataclass(frozen=True, slots=True)
class HookRunner:
    """The hooks of one Application in one pass. `client` speaks as the Application's account."""

    client: Client
    catalog: Catalog
    objects: HookObjects
    owner: Owner
    memory: Memory
    target: Target

    async def take_in(self) -> bool:
        """What the watches show of running hooks becomes their results. False: they can't be watched now."""
        running = [one for one in self.memory.hook_results.values() if one.state is HookState.RUNNING]
        kinds = {one.key.group_kind for one in self.target.hooks} | {one.key.group_kind for one in running}
        served = [found for kind in kinds if (found := self.catalog.preferred(kind))]
        if not await self.objects.ensure(served):
            return False
        for result in await each(running, self._now):
            self.memory.hook_results[(result.phase, result.base)] = result
            if result.state in _ENDED:
                self.memory.progress_at = time.monotonic()
        return True

    async def _now(self, result: HookResult) -> HookResult:
        """The newest state of a hook that was running when we looked last."""
        seen = self.objects.get(result.key, label_of(self.owner))
        if seen is None:
            return await self._vanished(result)
        if seen.state in _ENDED:
            message = seen.message
            if seen.state is HookState.FAILED:
                message = await self._exit(seen.key) or message
            return replace(result, state=seen.state, message=message, finished=time.time())
        if seen.gone:
            return _ended_unseen(result, "was deleted before its end")
        return replace(result, message=seen.message)

    async def _vanished(self, result: HookResult) -> HookResult:
        """Recorded as running, and no watch shows it: a quorum read tells whether it is gone."""
        resource = self.catalog.preferred(result.key.group_kind)
        if resource is None:
            return result
        reply = await self.client.request(
            "GET", resource.path(result.key), accept=JSON, label=resource.plural
        )
        if reply.ok:
            self.objects.put(read_hook_object(reply.json, result.key.group_kind))
            return result
        if reply.status == 404 and objects.is_absent(reply):
            return _ended_unseen(result, "is gone, and nobody saw how it ended")
        return result

    async def _exit(self, key: ObjectKey) -> str:
        """Which container of a Job ended how; empty where the account may not list its Pods."""
        pods = self.catalog.preferred(GroupKind("", "Pod"))
        if key.group_kind != _JOB or pods is None:
            return ""
        params = {"labelSelector": f"batch.kubernetes.io/job-name={key.name}", "limit": "20"}
        reply = await self.client.request("GET", pods.collection(key.namespace), params=params, label="pods")
        if not reply.ok:
            return ""
        found = [exit_of(pod) for pod in reply.json.get("items") or ()]
        return next((one for one in found if one), "")

    async def start(self, starts: Iterable[HookStart]) -> list[Problem]:
        """Make the objects of the hooks that are due. Returns what is in the way."""
        answers = await each(starts, self._start)
        return [problem for problem in answers if problem]

    async def _start(self, start: HookStart) -> Problem | None:
        resource = self.catalog.at_version(start.wanted.api_version, start.key.kind)
        if resource is None:
            return _waiting(start, "waits until its kind is served")
        before = self._earlier(start)
        if before and HookDelete.BEFORE_HOOK_CREATION in start.wanted.hook.delete:
            # Two runs of a migration must never meet: the next begins when the last is gone.
            await each(before, self._delete)
            return None
        look = await self.client.request("GET", resource.path(start.key), accept=JSON, label=resource.plural)
        uid = ""
        if look.ok:
            there = read_hook_object(look.json, start.key.group_kind)
            if there.owner != label_of(self.owner):
                return _taken(start)
            self.objects.put(there)
            if there.mark == mark_of(start):
                self._began(start, there)
                return None
            uid = there.uid
        elif not (look.status == 404 and objects.is_absent(look)):
            return objects.unreadable(look, start.key)
        body = hook_body(self.target.manifests[start.wanted.key], start, self.owner, uid)
        reply = await objects.apply(
            self.client, resource, start.key, body, self.owner.manager, force=bool(uid)
        )
        if not reply.ok:
            return judge(reply.status, reply.failure, start.key, start.wanted.origin).problem
        seen = read_hook_object(reply.json, start.key.group_kind)
        self.objects.put(seen)
        self._began(start, seen)
        return None

    def _earlier(self, start: HookStart) -> list[HookObject]:
        """Objects of earlier runs of the same hook that are still there."""
        key = start.wanted.key
        current = {one.key for one in self.target.hooks}
        return [
            one
            for one in self.objects.of(label_of(self.owner))
            if one.key.group_kind == key.group_kind
            and one.key.namespace == key.namespace
            and precedes(base_of(one.mark), start.wanted, current)
            and one.mark != mark_of(start)
        ]

    def _began(self, start: HookStart, seen: HookObject) -> None:
        self.memory.progress_at = time.monotonic()
        ended = seen.state in _ENDED
        self.memory.hook_results[(start.phase, start.wanted.key)] = HookResult(
            start.phase,
            start.key,
            start.wanted.key,
            start.run,
            # A failure is taken in with its cause by the next pass.
            HookState.RUNNING if seen.state is HookState.FAILED else seen.state,
            start.attempt,
            seen.message,
            time.time(),
            time.time() if ended else 0.0,
        )

    async def clean_up(self, recorded: Iterable[tuple[HookPhase, ObjectKey, HookState]]) -> None:
        """Delete what its policy says, once the server has taken the result: then it never runs again."""
        told = set(recorded)
        policies = {one.key: one.hook.delete for one in self.target.hooks}
        for result in list(self.memory.hook_results.values()):
            if (result.phase, result.key, result.state) not in told or result.state not in _ENDED:
                continue
            self.objects.forget(result.key)
            seen = self.objects.get(result.key, label_of(self.owner))
            policy = policies.get(result.base, frozenset())
            wanted = (
                HookDelete.HOOK_SUCCEEDED if result.state is HookState.SUCCEEDED else HookDelete.HOOK_FAILED
            )
            if seen and not seen.deleting and wanted in policy:
                await self._delete(seen)

    async def delete_all(self) -> None:
        """Delete the objects of all hooks of the Application, of whatever run."""
        kinds = {one.key.group_kind for one in self.target.hooks}
        kinds |= {one.key.group_kind for one in self.memory.hook_results.values()}
        await self.objects.ensure(found for kind in kinds if (found := self.catalog.preferred(kind)))
        await each(self.objects.of(label_of(self.owner)), self._delete)

    async def _delete(self, seen: HookObject) -> None:
        resource = self.catalog.preferred(seen.key.group_kind)
        if resource is None or seen.deleting:
            return
        # An answer that says no is seen at the next look.
        await objects.delete_exactly(self.client, resource, seen.key, seen.uid)


def _ended_unseen(result: HookResult, why: str) -> HookResult:
    return replace(result, state=HookState.FAILED, message=f"its object {why}", finished=time.time())


def _waiting(start: HookStart, why: str) -> Problem:
    return Problem(Reason.WAITING, why, Blame.CLUSTER, start.wanted.origin, key=start.key)


def _taken(start: HookStart) -> Problem:
    return Problem(
        Reason.OWNED_BY_ANOTHER,
        f"the {start.phase} hook can't be made: an object of this name exists and is not ours",
        Blame.REPOSITORY,
        start.wanted.origin,
        "give the hook another name, or delete the object",
        start.key,
    )
