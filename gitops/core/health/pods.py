"""Pods: why one does not run, said with the container and what it waits for or died of."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gitops.core.health.reading import conditions, is_false, is_true, words
from gitops.core.health.states import HEALTHY, Health, Object, degraded, progressing
from gitops.core.model import GroupKind
from gitops.core.reading import items, number, part, text

# A container that waits for one of these waits in vain until somebody acts; so it does for all that begin
# with Err or end with Error or BackOff.
_FAULTS = frozenset(
    {"InvalidImageName", "RegistryUnavailable", "SignatureValidationFailed", "ContainerCannotRun"}
)
_BY_THE_RUNTIME = frozenset({"StartError", "ContainerCannotRun", "ContainerStatusUnknown"})


def _pod(obj: Object) -> Health:
    spec, status = part(obj, "spec"), part(obj, "status")
    phase = text(status.get("phase"))
    if phase == "Succeeded":
        return HEALTHY
    if phase == "Failed":
        return degraded(_failure(status))
    for container in _containers(status):
        if fault := _fault(container):
            return degraded(fault)
    found = conditions(obj)
    if phase == "Running" and spec.get("restartPolicy") in ("Never", "OnFailure"):
        return progressing("it runs until its work is done")
    if phase == "Running" and is_true(found.get("Ready")):
        return HEALTHY
    scheduled = found.get("PodScheduled")
    if scheduled and is_false(scheduled):
        return progressing(f"not scheduled: {words(scheduled)}")
    if phase == "Running":
        for container in items(status, "containerStatuses"):
            if fallen := _fallen(container):
                return degraded(fallen)
    if phase == "Unknown":
        return degraded(_detail(status) or "its node can't be reached")
    return progressing(f"phase {phase or 'not set'}, not ready{_unready(status)}")


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Init containers and sidecars first, as they start; ephemeral ones never fail a Pod."""
    yield from items(status, "initContainerStatuses")
    yield from items(status, "containerStatuses")


def _fault(container: Mapping[str, Any]) -> str:
    waiting = part(container, "state", "waiting")
    reason = text(waiting.get("reason"))
    if not (reason in _FAULTS or reason.startswith("Err") or reason.endswith(("Error", "BackOff"))):
        return ""
    died = _death(part(container, "lastState", "terminated"))
    said = text(waiting.get("message"))
    detail = died if reason == "CrashLoopBackOff" and died else said
    return f"container {text(container.get('name'))}: {reason}" + (f" ({detail})" if detail else "")


def _fallen(container: Mapping[str, Any]) -> str:
    """A container that should run all the time, has ended before, and is not ready again."""
    died = part(container, "lastState", "terminated") or part(container, "state", "terminated")
    if container.get("ready") is True or not died:
        return ""
    restarts = number(container.get("restartCount"))
    return f"container {text(container.get('name'))}: {_death(died)}, {restarts} restarts"


def _death(died: Mapping[str, Any]) -> str:
    if not died:
        return ""
    reason, said = text(died.get("reason")), text(died.get("message"))
    words_of_it = [f"exit code {number(died.get('exitCode'))}"]
    if reason and reason != "Error":
        words_of_it.insert(0, reason)
    if number(died.get("signal")):
        words_of_it.append(f"signal {number(died.get('signal'))}")
    # What the program itself left behind may be its log, and health is written to statuses.
    told = said if reason in _BY_THE_RUNTIME else ""
    return ", ".join(words_of_it) + (f": {told}" if told else "")


def _failure(status: Mapping[str, Any]) -> str:
    if detail := _detail(status):
        return detail
    for container in _containers(status):
        died = part(container, "state", "terminated")
        if number(died.get("exitCode")) or text(died.get("reason")) == "OOMKilled":
            return f"container {text(container.get('name'))}: {_death(died)}"
    return "the Pod failed"


def _detail(status: Mapping[str, Any]) -> str:
    reason, said = text(status.get("reason")), text(status.get("message"))
    return ": ".join(part_of_it for part_of_it in (reason, said) if part_of_it)


def _unready(status: Mapping[str, Any]) -> str:
    names = [
        text(container.get("name"))
        + (f" ({reason})" if (reason := text(part(container, "state", "waiting").get("reason"))) else "")
        for container in _containers(status)
        if container.get("ready") is False and not part(container, "state", "terminated")
    ]
    return f": {', '.join(names)}" if names else ""


KINDS: Mapping[GroupKind, Callable[[Object], Health]] = {GroupKind("", "Pod"): _pod}
