"""Health: how an object is, judged from one object that is passed in."""

from gitops.core.health.assess import assess, needs_body
from gitops.core.health.counted import counted
from gitops.core.health.states import (
    HEALTHY,
    Health,
    HealthState,
    Object,
    degraded,
    progressing,
    suspended,
)

__all__ = [
    "HEALTHY",
    "Health",
    "HealthState",
    "Object",
    "assess",
    "counted",
    "degraded",
    "needs_body",
    "progressing",
    "suspended",
]
