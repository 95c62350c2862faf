"""What one word of a status means, whoever wrote it."""

import re
from functools import lru_cache

from gitops.core.health.states import HealthState

_HEALTHY = """
    running ready active available bound succeeded success successful successfully completed complete healthy
    online green deployed established ok synced insync created provisioned installed enabled connected up
    valid accepted finished done reconciled applied operational operating normal stable passed attached
    updated verified started joined live open idle alive uptodate true configured registered resolved
    programmed issued satisfied nominal good optimal finalized loaded published compliant
"""
_PROGRESSING = """
    pending inprogress progress init initial new queued scheduled requested submitted validated
    yellow prepared modified changed scalingup scalingdown notready unready notscheduled backingup
    wait submittedtoscheduler warmup bootstrap inflight uninitialized notstarted partiallyready
    nothealthy bind waitforfirstconsumer creationinprogress updateinprogress provisioninginprogress
"""
_DEGRADED = """
    failed failure fail failing error errored errors degraded unhealthy crashed crash crashloop lost invalid
    rejected red broken aborted timeout timedout expired denied stalled partiallyfailed partialfailure
    failedvalidation deadlineexceeded notfound unavailable conflict evicted misconfigured fatal critical
    crashloopbackoff imagepullbackoff errimagepull oomkilled down offline disconnected refused revoked
    forbidden unauthorized blocked incompatible unschedulable quotaexceeded unreachable unrecoverable
    partiallysucceeded inconsistent faulted faulty dead missing false unsupported deleted
    creationfailed stuck cancelled canceled warning noncompliant
"""
_SUSPENDED = """
    suspended paused hibernated hibernating stopped disabled inactive shutdown scaledtozero halted frozen
    onhold skipped sleeping maintenance shelved archived suspending deactivated
"""
_UNKNOWN = frozenset({"unknown", "undetermined", "undefined", "none", "inconclusive"})

_TABLE = {
    word: state
    for state, listed in (
        (HealthState.HEALTHY, _HEALTHY),
        (HealthState.PROGRESSING, _PROGRESSING),
        (HealthState.DEGRADED, _DEGRADED),
        (HealthState.SUSPENDED, _SUSPENDED),
    )
    for word in listed.split()
}
_FAILING = re.compile(
    r"fail|error|invalid|crash|denied|reject|unhealthy|degraded|timed?out|exceeded|conflict"
)
_WORKING = re.compile(r"(running|ready|healthy|available|succeeded|completed|active|synced)$")
_NEGATED = re.compile(
    r"(not|un|in|non)(running|ready|healthy|available|succeeded|completed|active|synced)$|^partial"
)
_ON_ITS_WAY = re.compile(
    r"ing$|^(pending|waiting|await|creating|provision|initializ)|inprogress$|notready$|yet$"
)

_ON_ITS_WAY_TEXT = re.compile(r"[a-z]{2,}ing\b|\d+( of |/)\d+\b")

# Reasons of a condition that isn't met: what passes by itself.
_PASSING = re.compile(
    r"progress|pending|creating|provisioning|waiting|initializ|reconciling|updating|upgrading|deploying|starting|"
    r"notready|notyet|installing|scaling|restarting|rolling|queued|scheduling|syncing|migrating|bootstrapping|"
    r"downloading|pulling|configuring|preparing|inprocess|unready|terminating|deleting|await|notavailable|"
    r"minimumreplicas|notsynced|running|issuing|binding|notinitialized|wait|notobserved|doesnotexistyet|"
    r"incomplete|notstarted|unavailable|unprogrammed|notreconciled|connecting|resizing|processing|requested"
)
_PERMANENT = re.compile(
    r"fail|error|invalid|denied|reject|forbidden|exceeded|timedout|timeout|conflict|notfound|unauthorized|crash|"
    r"retry|backoff|misconfig|unsupported|refused|expired|missing|unable|cannot"
)


@lru_cache(maxsize=4096)
def state_of(word: str) -> HealthState | None:
    """The state that a phase stands for; None: the word says nothing."""
    plain = squeezed(word)
    if not plain or len(plain) > 40:
        return None
    if plain in _TABLE:
        return _TABLE[plain]
    if plain in _UNKNOWN:
        return HealthState.UNKNOWN
    if _FAILING.search(plain):
        return HealthState.DEGRADED
    waits = _NEGATED.search(plain)
    if _WORKING.search(plain) and not waits:
        return HealthState.HEALTHY
    return HealthState.PROGRESSING if waits or _ON_ITS_WAY.search(plain) or _doing(word) else None


def _doing(word: str) -> bool:
    """`ApplyingChanges`, `waiting for a node`."""
    first = re.match(r"[A-Z]?[a-z]+|[A-Z]+", word.strip())
    return first is not None and first[0].lower().endswith("ing") and len(first[0]) > 4


@lru_cache(maxsize=4096)
def passes(reason: str, message: str) -> bool:
    """Whether a condition that isn't met says that it will be, if one waits."""
    plain = squeezed(reason)
    if _PERMANENT.search(plain):
        return False
    if _PASSING.search(plain):
        return True
    head = message[:60].lower()
    return head.startswith(("pending", "in progress", "still ", "not yet")) or bool(
        _ON_ITS_WAY_TEXT.match(head)
    )


def is_permanent(reason: str) -> bool:
    """Whether a reason says that something failed."""
    return bool(_PERMANENT.search(squeezed(reason)))


def squeezed(word: str) -> str:
    """A word as it is compared: no case, no separators."""
    return re.sub(r"[^a-z0-9]", "", word.lower())
