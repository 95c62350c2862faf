"""`gitops install`: look at what is there, refuse or apply what differs, and wait until it runs.

Everything is tried by dry run before anything is written, so that a refusal leaves the cluster as it was.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gitops.cli.options import Exit, Output
from gitops.cli.shipped import manifests
from gitops.cli.terminal import print_data
from gitops.core.installation import arranged, chosen_image, is_same, key_of, objection
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.core.verdict import judge
from gitops.kube import installed, installing, objects
from gitops.kube.client import Access, Client, Reply

_TAKE_OVER = "--take-over does it all the same"


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options."""

    namespace: str
    image: str = ""
    take_over: bool = False
    dry_run: bool = False
    wait: bool = True
    timeout: float = 120.0
    output: Output = Output.TEXT


class Change(StrEnum):
    """What becomes of one object."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    KEPT = "kept"  # a namespace that others made


@dataclass(frozen=True, slots=True)
class _Step:
    wanted: Mapping[str, Any]
    change: Change
    uid: str = ""  # not empty: to be taken over

    @property
    def key(self) -> ObjectKey:
        return key_of(self.wanted)


def export(namespace: str, image: str, output: Output) -> int:
    """Print the manifests; no cluster is asked."""
    found = arranged(manifests(), namespace, image)
    if output is Output.JSON:
        print_data({"apiVersion": "v1", "kind": "List", "items": found}, output)
        return Exit.DONE
    for one in found:
        print("---")
        print_data(one, Output.YAML)
    return Exit.DONE


async def run(access: Access, wishes: Wishes) -> int:
    """Do it all, and say what is done. Raises GitopsError: the cluster refused, or it doesn't get ready."""
    client = await Client.connect(access)
    try:
        return await _Install(client, wishes).run()
    finally:
        await client.close()


@dataclass(frozen=True, slots=True)
class _Install:
    client: Client
    wishes: Wishes

    async def run(self) -> int:
        end = time.monotonic() + self.wishes.timeout
        shipped = manifests()
        deployment = next(one for one in arranged(shipped, self.wishes.namespace, "") if _is_deployment(one))
        there = await installing.find(self.client, key_of(deployment))
        image = chosen_image(self.wishes.image, deployment, there)
        wanted = arranged(shipped, self.wishes.namespace, image)
        steps, refusals = await self._plan(wanted)
        if refusals:
            for problem in refusals:
                print(f"refused: {problem}", file=sys.stderr)
            print(f"error: nothing was changed ({_TAKE_OVER})", file=sys.stderr)
            return Exit.REFUSED
        self._say(f"gitops {_version()} in {self.wishes.namespace} of {self.client.server}, image {image}")
        for step in steps:
            if not self.wishes.dry_run:
                await self._carry_out(step, end)
            self._say(f"{step.change:<10}  {step.key}")
        if self.wishes.dry_run or not self.wishes.wait:
            self._finish(steps, image, ready=None, holder="")
            return Exit.DONE
        await self._wait(key_of(deployment), end)
        holder = await installing.holder(self.client, self.wishes.namespace)
        self._finish(steps, image, ready=True, holder=holder)
        return Exit.DONE

    async def _plan(self, wanted: list[dict[str, Any]]) -> tuple[list[_Step], list[Problem]]:
        steps: list[_Step] = []
        refusals = await self._others({key_of(one) for one in wanted})
        for one in wanted:
            planned = await self._step(one)
            if isinstance(planned, Problem):
                refusals.append(planned)
            else:
                steps.append(planned)
        return steps, refusals

    async def _others(self, keys: set[ObjectKey]) -> list[Problem]:
        """Parts of an installation in this namespace that we don't know: there is one under another name."""
        if self.wishes.take_over:
            return []
        found = await installed.parts(self.client, self.wishes.namespace)
        return [
            _refusal(part.key, f"{_of_release(part)} is installed here already")
            for part in found
            if part.resource.kind == "Deployment" and part.key not in keys
        ]

    async def _step(self, wanted: dict[str, Any]) -> _Step | Problem:
        key = key_of(wanted)
        current = await installing.find(self.client, key)
        if current is None:
            return _Step(wanted, Change.CREATED)
        live = objects.to_live(current, key.group_kind)
        why = objection(live, current, wanted)
        if why and key.kind == "Namespace":
            # Its labels decide about what else is in there.
            return _Step(wanted, Change.KEPT)
        if why and not self.wishes.take_over:
            return _refusal(key, why)
        uid = live.observed.uid if self.wishes.take_over else ""
        tried = await installing.apply(self.client, wanted, uid=uid, dry_run=True)
        if tried.ok:
            after = objects.typed(tried.json, key.group_kind)
            return _Step(wanted, Change.UNCHANGED if is_same(current, after) else Change.CONFIGURED, uid)
        problem = _problem(tried, key)
        if problem.reason is Reason.FIELD_CONFLICT:
            return _refusal(key, f"somebody else has set what the manifest sets: {problem.message}")
        raise GitopsError(problem)

    async def _carry_out(self, step: _Step, end: float) -> None:
        if step.change in (Change.CREATED, Change.CONFIGURED):
            reply = await installing.apply(self.client, step.wanted, uid=step.uid)
            if not reply.ok:
                raise GitopsError(_problem(reply, step.key))
        if step.key.kind == "CustomResourceDefinition":
            await installing.established(self.client, step.key, end)

    async def _wait(self, key: ObjectKey, end: float) -> None:
        def tell(why: str) -> None:
            if sys.stderr.isatty():
                print(f"waiting: {why}", file=sys.stderr)

        found = await installing.available(self.client, key, end, tell)
        if not found.ready:
            raise fail(
                Reason.WAITING,
                f"is not available after {self.wishes.timeout:g} s: {found.why}",
                Blame.CLUSTER,
                advice="everything is applied; call it again when the cause is removed, "
                "with --image if the nodes can't pull the image",
                key=key,
            )

    def _say(self, line: str) -> None:
        if self.wishes.output is Output.TEXT:
            print(line, flush=True)

    def _finish(self, steps: list[_Step], image: str, *, ready: bool | None, holder: str) -> None:
        if self.wishes.output is not Output.TEXT:
            print_data(
                {
                    "version": _version(),
                    "server": self.client.server,
                    "namespace": self.wishes.namespace,
                    "image": image,
                    "dryRun": self.wishes.dry_run,
                    "objects": [_row(step) for step in steps],
                    "ready": ready,
                    "holder": holder,
                },
                self.wishes.output,
            )
        elif self.wishes.dry_run:
            print("nothing was changed: a dry run")
        elif ready:
            print("ready" + (f": {holder} is at work" if holder else ""))


def _row(step: _Step) -> dict[str, str]:
    key = step.key
    return {
        "group": key.group,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "change": step.change.value,
    }


def _of_release(part: installed.Part) -> str:
    return f"the Helm release {part.release}" if part.release else "another gitops"


def _refusal(key: ObjectKey, why: str) -> Problem:
    return Problem(Reason.OWNED_BY_ANOTHER, why, Blame.CLUSTER, key=key)


def _problem(reply: Reply, key: ObjectKey) -> Problem:
    """What a refused apply means; the manifests are ours, so no repository is to blame."""
    problem = judge(reply.status, reply.failure, key).problem
    return replace(problem, blame=Blame.CLUSTER, advice=_ADVICE.get(problem.reason, ""))


_ADVICE = {
    Reason.FORBIDDEN: "installing needs an account that may create cluster roles",
    Reason.API_UNAVAILABLE: "what was applied stays; call it again",
}


def _is_deployment(obj: Mapping[str, Any]) -> bool:
    return bool(obj["kind"] == "Deployment")


def _version() -> str:
    from gitops import __version__

    return __version__
