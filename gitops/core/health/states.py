"""The six states of health, and one judgement about one object."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Object: TypeAlias = Mapping[str, Any]


class HealthState(StrEnum):
    """The six states, best first; an Application is as healthy as its worst object."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """A state and one sentence that says why; empty when healthy."""

    state: HealthState
    message: str = ""


HEALTHY = Health(HealthState.HEALTHY)


def progressing(message: str) -> Health:
    """Not there yet; `message` says what it waits for."""
    return Health(HealthState.PROGRESSING, message)


def degraded(message: str) -> Health:
    """Broken; `message` says what is wrong."""
    return Health(HealthState.DEGRADED, message)


def suspended(message: str) -> Health:
    """Halted because somebody wants it so."""
    return Health(HealthState.SUSPENDED, message)
