"""When a sync is over, and whose turn it is then: pure functions of the Application's status."""

from dataclasses import dataclass
from typing import Any

from gitops.api.application import Application
from gitops.api.status import ConditionType, Status
from gitops.cli.diff import GUARDS
from gitops.cli.options import Exit
from gitops.core.problem import Reason
from gitops.observe.reasons import SECTIONS

_REFUSED = GUARDS | {
    Reason.APPROVAL_REQUIRED,
    Reason.DEPENDENCY_NOT_READY,
    Reason.DRIFTED,
    Reason.PRUNE_WAITING,
    Reason.SUSPENDED,
}
_USAGE = {
    Reason.INVALID_REPOSITORY,
    Reason.REVISION_NOT_FOUND,
    Reason.PATH_NOT_FOUND,
    Reason.SERVICE_ACCOUNT_REQUIRED,
    Reason.INVALID_HEALTH_RULES,
    Reason.INVALID_EXPRESSION,
    Reason.DEPENDENCY_NOT_ALLOWED,
}
_CONTENT = {
    *(SECTIONS["Rendering"].keys() - {Reason.RENDERER_UNAVAILABLE, Reason.UNSTABLE_RENDER}),
    Reason.UNKNOWN_KIND,
    Reason.INVALID_FIELD,
    Reason.INVALID_OBJECT,
    Reason.IMMUTABLE_FIELD,
    Reason.ADMISSION_DENIED,
    Reason.DEPENDENCY_CYCLE,
    Reason.DEPENDENCY_NOT_FOUND,
    Reason.HOOK_FAILED,
}
# The controller tries these again for ever; a person who waits at a terminal wants to know.
_NOT_WORTH_WAITING = frozenset({Reason.REPOSITORY_UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Ended:
    """How a sync ended: the exit code, one word for programs, and why."""

    code: int
    result: str  # Synced, Failed, Refused, TimedOut, Interrupted
    message: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is waited for. `token` is the value of reconcile-at that the status must be about."""

    wait: bool
    token: str = ""
    alone: bool = False  # nobody but us moves other Applications on


def end_of(app: Application, watch: Watch) -> Ended | None:
    """How it ended; None while it goes on."""
    status = app.status
    if app.metadata.deletion_timestamp:
        return Ended(Exit.REFUSED, "Refused", "the Application is being deleted")
    if status.observed_generation != app.metadata.generation:
        return None
    if watch.token and status.handled_reconcile_at != watch.token and not app.spec.suspend:
        return None
    return _judged(status, watch)


def _judged(status: Status, watch: Watch) -> Ended | None:
    ready, synced = status.condition(ConditionType.READY), status.condition(ConditionType.SYNCED)
    stalled = status.condition(ConditionType.STALLED)
    if ready is None or synced is None:
        return None
    if ready.status == "True" or (synced.status == "True" and not watch.wait):
        return Ended(Exit.DONE, "Synced", synced.message)
    standing = synced.reason in (Reason.SUSPENDED, Reason.APPROVAL_REQUIRED, Reason.DRIFTED)
    waits = watch.alone and synced.reason == Reason.DEPENDENCY_NOT_READY
    if standing or waits:
        return Ended(Exit.REFUSED, "Refused", synced.message)
    if stalled is not None:
        return _failed(status, stalled.reason, stalled.message)
    if synced.status == "False" and synced.reason in _NOT_WORTH_WAITING:
        return _failed(status, synced.reason, synced.message)
    return None


def _failed(status: Status, reason: str, message: str) -> Ended:
    reasons = {reason, *(one.reason for one in status.problems)}
    if reasons & _REFUSED:
        return Ended(Exit.REFUSED, "Refused", message)
    if reasons & _CONTENT:
        return Ended(Exit.REPOSITORY, "Failed", message)
    return Ended(Exit.USAGE if reasons & _USAGE else Exit.CLUSTER, "Failed", message)


def as_data(app: Application, ended: Ended, steps: list[tuple[str, str]], *, alone: bool) -> dict[str, Any]:
    """The result for programs; the fields are stable."""
    status, revision = app.status, app.status.revision
    objects = status.objects
    return {
        "application": f"{app.metadata.namespace}/{app.metadata.name}",
        "result": ended.result,
        "message": ended.message,
        "by": "command" if alone else "controller",
        "revision": (revision.applied if revision else None) or "",
        "attempted": (revision.attempted if revision else None) or "",
        "steps": [{"action": action, "object": name} for action, name in steps],
        "objects": objects.model_dump(mode="json", by_alias=True) if objects else {},
        "hooks": [
            {"phase": one.phase, "name": one.object.name, "state": one.state, "message": one.message}
            for one in status.hooks
        ],
        "problems": [
            one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in status.problems
        ],
    }
