"""Health: how an object is, judged from one object that is passed in."""

from gitops.core.health.assess import assess, is_ignored, needs_body
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
    "degraded",
    "is_ignored",
    "needs_body",
    "progressing",
    "suspended",
]
