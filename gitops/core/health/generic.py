"""The health of a kind that nobody told us about, by the conventions that operators follow."""

from collections.abc import Iterable, Mapping
from typing import Any

from gitops.core.health.by_condition import by_conditions, halted, of_parents
from gitops.core.health.reading import Condition
from gitops.core.health.states import HEALTHY, Health, HealthState, Object, degraded, progressing, suspended
from gitops.core.health.words import state_of
from gitops.core.reading import at, items, number, part, text

_SWITCHES = ("suspend", "suspended", "paused")
# What a person has to see, whatever else the status says (Cluster API calls these terminal).
_TERMINAL = ("failureMessage", "failureReason")
_ERRORS = (
    "error",
    "errorMessage",
    "errorMsg",
    "lastErrorMessage",
    "lastError",
    "errors",
    "failure",
    "problems",
)
_NO_ERROR = frozenset({"none", "null", "nil", "no", "ok", "false", "n/a"})
_WORDS = (
    "phase",
    "state",
    "status",
    "currentState",
    "currentPhase",
    "health",
    "healthStatus",
    "overallStatus",
    "provisioningState",
    "lifecycleState",
    "deploymentState",
    "deploymentStatus",
    "jobStatus",
    "clusterStatus",
    "clusterState",
    "connectionState",
    "connectionStatus",
    "syncStatus",
    "validationStatus",
    "validationState",
    "installStatus",
    "observedState",
    "reconciliationStatus",
    "updateStatus",
    "printableStatus",
    "compliant",
    "summary",
    "result",
)
_SUFFIXES = ("phase", "state", "status")
_INNER = ("status", "state", "phase", "health", "value")
_MESSAGES = ("message", "statusMessage", "phaseMessage", "reason", "statusReason", "description", "info")
_FLAGS = (
    "ready",
    "isReady",
    "healthy",
    "available",
    "active",
    "valid",
    "provisioned",
    "initialized",
    "accepted",
    "applied",
)


def outdated(obj: Object) -> Health | None:
    """Progressing while a controller has not seen the newest generation."""
    observed = at(obj, ("status", "observedGeneration"))
    generation = number(at(obj, ("metadata", "generation")))
    if isinstance(observed, int) and not isinstance(observed, bool) and observed < generation:
        return progressing("the newest generation has not been observed by its controller")
    return None


def switched_off(obj: Object, conditions: Mapping[str, Condition]) -> Health | None:
    """Suspended by its spec or its conditions: its controller may not look at newer generations then."""
    return _switched(obj) or halted(conditions)


def by_convention(obj: Object, conditions: Mapping[str, Condition]) -> Health:
    """The health of any object: the first of these conventions that its status follows decides."""
    status = obj.get("status")
    if isinstance(status, str):
        return _of_word(status, {}) or HEALTHY
    if not isinstance(status, Mapping):
        return _switched(obj) or HEALTHY
    terminal = _first_text(status, _TERMINAL)
    if terminal:
        return degraded(terminal)
    if switched := _switched(obj):
        return switched
    generation = number(at(obj, ("metadata", "generation")))
    judged = by_conditions(conditions, generation)
    if judged and judged.state is not HealthState.HEALTHY:
        return judged
    if parents := of_parents(status, generation):
        return parents
    word = _by_word(status)
    if judged:
        return word if word and word.state is HealthState.DEGRADED else HEALTHY
    if word and word.state is not HealthState.HEALTHY:
        return word
    for find in (_by_flag, _by_error, _by_replicas):
        found = find(obj, status, bool(word))
        if found:
            return found
    return HEALTHY


def _switched(obj: Object) -> Health | None:
    spec = part(obj, "spec")
    for name in _SWITCHES:
        if spec.get(name) is True:
            return suspended(f"spec.{name} is set")
    return None


def _by_word(status: Mapping[str, Any]) -> Health | None:
    """By the first word that is known."""
    for name in _WORDS:
        value = status.get(name)
        if isinstance(value, Mapping):
            inner = next((value[one] for one in _INNER if isinstance(value.get(one), str)), "")
            found = _of_word(inner, {**status, **value}, name)
        else:
            found = _of_word(value, status, name)
        if found:
            return found
    for name, value in status.items():  # nexusStatus, lastSyncState
        if isinstance(name, str) and name.lower().endswith(_SUFFIXES) and name not in _WORDS:
            found = _of_word(value, status, name)
            if found:
                return found
    return None


def _of_word(value: Any, status: Mapping[str, Any], name: str = "status") -> Health | None:
    if not isinstance(value, str):
        return None
    state = state_of(value)
    if state is None:
        return None
    if state is HealthState.HEALTHY:
        return HEALTHY
    said = _first_text(status, (*_MESSAGES, *_ERRORS))
    words = f"{name} {text(value)}"
    return Health(state, f"{words}: {said}" if said and said != value else words)


def _by_flag(_obj: Object, status: Mapping[str, Any], _known: bool) -> Health | None:
    for name in _FLAGS:
        value = status.get(name)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        if isinstance(value, str) and (found := _of_ratio(name, value)):
            return found
        if value is True:
            return HEALTHY
        if value is False:
            if said := _first_text(status, _ERRORS):
                return degraded(said)
            said = _first_text(status, _MESSAGES)
            return progressing(f"not {name}: {said}" if said else f"status.{name} is false")
    return None


def _of_ratio(name: str, value: str) -> Health | None:
    """`2/3`, as tables show it."""
    done, slash, wanted = value.partition("/")
    if not slash or not (done.isascii() and done.isdigit() and wanted.isascii() and wanted.isdigit()):
        return None
    met = int(done[:9]) >= int(wanted[:9])
    return HEALTHY if met else progressing(f"{done} of {wanted} are {name}")


def _by_error(_obj: Object, status: Mapping[str, Any], known: bool) -> Health | None:
    said = "" if known else _first_text(status, _ERRORS)
    return degraded(said) if said else None


def _by_replicas(obj: Object, status: Mapping[str, Any], _known: bool) -> Health | None:
    wished = part(obj, "spec").get("replicas")
    for name in ("readyReplicas", "availableReplicas"):
        if not _counts(status.get(name)):
            continue
        ready, wanted = (
            number(status.get(name)),
            number(wished if _counts(wished) else status.get("replicas")),
        )
        word = "ready" if name == "readyReplicas" else "available"
        return HEALTHY if ready >= wanted else progressing(f"{ready} of {wanted} replicas are {word}")
    if _counts(status.get("replicas")) and _counts(wished):
        wanted, there = number(wished), number(status.get("replicas"))
        if there < wanted:
            return progressing(f"{there} of {wanted} replicas are there")
    return None


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _first_text(status: Mapping[str, Any], names: Iterable[str]) -> str:
    """The first text under these names: itself, or the message of a mapping or of a list's first entry."""
    for name in names:
        value = status.get(name)
        if isinstance(value, list | tuple):
            value = next(items({"at": value}, "at"), None) or next(iter(value), None)
        if isinstance(value, Mapping):
            value = value.get("message") or value.get("description") or value.get("reason")
        if isinstance(value, str) and (said := text(value)) and said.lower() not in _NO_ERROR:
            return said
    return ""
