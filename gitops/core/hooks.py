"""Hooks: objects that run once per revision and phase, before, during or after a sync.

Their results decide, not their objects: a Job that its TTL, a policy or a person has deleted never runs
again. Everything follows from the results and from what is there, so that a crash loses nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

import orjson

from gitops.api.group import HOOK_OF_LABEL, HOOK_RUN_ANNOTATION
from gitops.core.health import HealthState, assess
from gitops.core.hook_annotations import GENERATED, Hook, HookPhase, Occasion
from gitops.core.identity import Owner, digest
from gitops.core.model import GroupKind, Manifest, ObjectKey
from gitops.core.order import stage_of
from gitops.core.problem import Blame, Problem, Reason

# They run to an end, and can't be changed once they have begun: each run gets a name of its own. Others
# (a ServiceAccount that a hook's Job names) keep theirs.
_RUNS_TO_AN_END = frozenset(
    {
        GroupKind("batch", "Job"),
        GroupKind("", "Pod"),
        GroupKind("argoproj.io", "Workflow"),
        GroupKind("tekton.dev", "TaskRun"),
        GroupKind("tekton.dev", "PipelineRun"),
    }
)
_LONGEST_NAME = 63  # a Job's name becomes a label of its Pods
_SUFFIX = 10


class HookState(StrEnum):
    """How far a hook is."""

    PENDING = "Pending"  # to be run (again)
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class WantedHook:
    """A hook of the render. `key` has the name in the repository, not that of a run."""

    key: ObjectKey
    api_version: str
    content: str
    origin: str
    wave: int
    hook: Hook
    generated: bool = False  # it has generateName


@dataclass(frozen=True, slots=True)
class HookResult:
    """What became of a hook in one run. `key` is the object's own, with the name of the run."""

    phase: HookPhase
    key: ObjectKey
    base: ObjectKey  # with the name in the repository
    run: str
    state: HookState
    attempt: int = 1
    message: str = ""
    started: float = 0.0  # seconds since the epoch
    finished: float = 0.0


@dataclass(frozen=True, slots=True)
class HookStart:
    """A hook that is due."""

    wanted: WantedHook
    phase: HookPhase
    key: ObjectKey
    run: str
    attempt: int


@dataclass(frozen=True, slots=True)
class PhaseState:
    """How far the hooks of one phase are."""

    start: tuple[HookStart, ...] = ()
    running: tuple[HookResult, ...] = ()
    failed: tuple[HookResult, ...] = ()

    @property
    def done(self) -> bool:
        return not (self.start or self.running or self.failed)


NOTHING = PhaseState()
Results: TypeAlias = Mapping[tuple[HookPhase, ObjectKey], HookResult]  # by phase and key in the repository


def run_id(contents: str, revision: str, known: Iterable[HookResult]) -> str:
    """The name of a run: what is applied, and the commit that it first came with.

    A later commit that changes nothing of this Application goes on with the run that is recorded.
    """
    for result in known:
        if result.run.rpartition("-")[0] == contents[:_SUFFIX]:
            return result.run
    return f"{contents[:_SUFFIX]}-{revision[:7]}"


def again(results: Results) -> dict[tuple[HookPhase, ObjectKey], HookResult]:
    """Another attempt for every hook that failed; what succeeded doesn't run twice."""
    return {
        at: replace(one, state=HookState.PENDING, attempt=one.attempt + 1, message="")
        if one.state is HookState.FAILED
        else one
        for at, one in results.items()
    }


def name_of(wanted: WantedHook, phase: HookPhase, run: str, attempt: int) -> str:
    """The name of a hook's object in a run, known before it is made."""
    if wanted.key.group_kind not in _RUNS_TO_AN_END and not wanted.generated:
        return wanted.key.name
    parts = (run, phase, wanted.content, str(attempt))
    suffix = digest(*(part.encode() for part in parts))[:_SUFFIX]
    return f"{wanted.key.name[: _LONGEST_NAME - _SUFFIX - 1].rstrip('-.')}-{suffix}"


def phase_state(
    hooks: Iterable[WantedHook],
    phase: HookPhase,
    run: str,
    occasion: Occasion,
    results: Results,
) -> PhaseState:
    """How far a phase is: its hooks run by weight, then by the stage of their kind; a failure stops it."""
    groups: dict[tuple[int, int], list[WantedHook]] = {}
    for one in hooks:
        if one.hook.runs(phase, occasion):
            groups.setdefault((one.wave, stage_of(one.key.group_kind)), []).append(one)
    for group in sorted(groups):
        state = _group_state(groups[group], phase, run, results)
        if not state.done:
            return state
    return NOTHING


def _group_state(hooks: Sequence[WantedHook], phase: HookPhase, run: str, results: Results) -> PhaseState:
    start: list[HookStart] = []
    running: list[HookResult] = []
    failed: list[HookResult] = []
    for one in hooks:
        known = results.get((phase, one.key))
        if known is None or known.run != run or known.state is HookState.PENDING:
            attempt = known.attempt if known and known.run == run else 1
            key = _named(one.key, name_of(one, phase, run, attempt))
            start.append(HookStart(one, phase, key, run, attempt))
        elif known.state is HookState.RUNNING:
            running.append(known)
        elif known.state is HookState.FAILED:
            failed.append(known)
    return PhaseState(tuple(start), tuple(running), tuple(failed))


def _named(key: ObjectKey, name: str) -> ObjectKey:
    return ObjectKey(key.group, key.kind, key.namespace, name)


def hook_body(manifest: Manifest, start: HookStart, owner: Owner, uid: str = "") -> bytes:
    """The object of a hook: the manifest under the name of its run, marked as ours but as no member."""
    metadata: dict[str, Any] = orjson.loads(manifest.metadata)
    metadata.pop("generateName", None)
    metadata["name"] = start.key.name
    if start.key.namespace:
        metadata["namespace"] = start.key.namespace
    else:
        metadata.pop("namespace", None)
    metadata["labels"] = {**(metadata.get("labels") or {}), HOOK_OF_LABEL: label_of(owner)}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), HOOK_RUN_ANNOTATION: mark_of(start)}
    if uid:
        metadata["uid"] = uid
    return b'{"metadata":' + orjson.dumps(metadata) + b"," + manifest.rest + b"}"


def label_of(owner: Owner) -> str:
    """The value of the label on hooks: the ApplySet id of their Application."""
    return owner.applyset_id


def mark_of(start: HookStart) -> str:
    """Which hook of which run an object is: phase, run, attempt, name in the repository."""
    return f"{start.phase} {start.run} {start.attempt} {start.wanted.key.name}"


def base_of(mark: str) -> str:
    """The name in the repository that a mark tells; empty when it is no mark."""
    parts = mark.split(" ", 3)
    return parts[3] if len(parts) == 4 else ""


def precedes(base: str, wanted: WantedHook, current: Collection[ObjectKey]) -> bool:
    """Whether an object of this name in the repository is an earlier one of a hook.

    A name that was made from the content (`GENERATED` characters of it after generateName) is another one
    in each version of the hook; it may not be that of another hook of this revision.
    """
    if base == wanted.key.name:
        return True
    prefix = wanted.key.name[:-GENERATED]
    return (
        wanted.generated
        and base[:-GENERATED] == prefix
        and len(base) == len(wanted.key.name)
        and _named(wanted.key, base) not in current
    )


def state_of(obj: Mapping[str, Any], kind: GroupKind) -> tuple[HookState, str]:
    """How far the object of a hook is: a Pod by its end, everything else by its health."""
    status = obj.get("status") or {}
    if kind == GroupKind("", "Pod"):
        phase = status.get("phase")
        if phase == "Succeeded":
            return HookState.SUCCEEDED, ""
        if phase == "Failed":
            return HookState.FAILED, exit_of(obj) or str(status.get("message") or "the Pod failed")
        return HookState.RUNNING, ""
    health = assess(obj)
    if health.state is HealthState.HEALTHY:
        return HookState.SUCCEEDED, ""
    if health.state is HealthState.DEGRADED:
        return HookState.FAILED, health.message
    return HookState.RUNNING, health.message


def exit_of(pod: Mapping[str, Any]) -> str:
    """Which container of a Pod ended how; empty when none failed. Never its log: that may hold secrets."""
    status = pod.get("status") or {}
    for part in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(part) or ():
            states = (container.get("state") or {}, container.get("lastState") or {})
            for state in states:
                ended = state.get("terminated") or {}
                if ended.get("exitCode"):
                    reason = ended.get("reason") or "Error"
                    return f"container {container.get('name')}: {reason}, exit code {ended['exitCode']}"
            waiting = states[0].get("waiting") or {}
            if waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
                return f"container {container.get('name')}: {waiting['reason']}"
    return ""


def failed_problem(result: HookResult) -> Problem:
    """What a failed hook is for its Application."""
    why = f": {result.message}" if result.message else ""
    return Problem(
        Reason.HOOK_FAILED,
        f"the {result.phase} hook failed{why}",
        Blame.REPOSITORY,
        advice="correct it in the repository, or run it again by a new value of the annotation "
        "gitops.dev/reconcile-at on the Application",
        key=result.key,
    )


def words_of(state: PhaseState, phase: HookPhase) -> str:
    """What is waited for, in words."""
    if state.failed:
        return f"the {phase} hook {state.failed[0].key} failed"
    waiting = [str(one.key) for one in state.running] + [str(one.key) for one in state.start]
    more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    detail = f" ({state.running[0].message})" if state.running and state.running[0].message else ""
    return f"waits for the {phase} hook {waiting[0]}{detail}{more}"
