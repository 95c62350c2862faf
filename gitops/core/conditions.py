"""The one place where findings become conditions; `Ready`, `Reconciling`, `Stalled` as kstatus reads them."""

from collections.abc import Sequence
from dataclasses import dataclass

from gitops.core.dependencies import holds_back
from gitops.core.health import HEALTHY, Health, HealthState
from gitops.core.problem import Blame, Problem, Reason


@dataclass(frozen=True, slots=True)
class Findings:
    """What a pass found out.

    `settled`: every desired object is there as the revision wants it, or was and is fought over.
    """

    problems: tuple[Problem, ...] = ()
    settled: bool = False
    health: Health = HEALTHY
    waits_for: str = ""  # in words; empty when nothing is waited for
    deadline_exceeded: bool = False
    suspended: bool = False
    deleting: bool = False
    revision: str = ""  # short, for messages
    held: str = ""  # in words; empty when the Application follows its source


@dataclass(frozen=True, slots=True)
class Judgement:
    """One condition without its times; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str


# Kept against expectation, but as asked: said, without making anything unready.
NOTICES = frozenset(
    {
        Reason.PRUNE_UNCONFIRMED,
        Reason.PRUNE_BLOCKED,
        Reason.PRUNE_WAITING,
        Reason.RETAINED_BY,
        Reason.UNSTABLE_RENDER,
    }
)

# Nothing failed, but the cluster isn't as Git says, and stays so until somebody decides.
STANDING = frozenset({Reason.DRIFTED, Reason.APPROVAL_REQUIRED})

# Why objects don't work, as a diagnosis found it: told besides, since their health says the rest.
DIAGNOSED = frozenset({Reason.DEGRADED, Reason.PROGRESS_DEADLINE_EXCEEDED})

# These may pass without anybody doing anything; all others wait for somebody.
_PASSING = frozenset(
    {
        Reason.WAITING,
        Reason.CHANGED_MEANWHILE,
        Reason.API_UNAVAILABLE,
        Reason.UNREADABLE,
        Reason.ADMISSION_UNAVAILABLE,
        Reason.NAMESPACE_TERMINATING,
        Reason.RENDERER_UNAVAILABLE,
        Reason.REPOSITORY_UNREACHABLE,
        Reason.DEPENDENCY_NOT_READY,
    }
)


def failures(problems: Sequence[Problem]) -> list[Problem]:
    """The problems that need a repair, or another try."""
    return [one for one in problems if one.reason not in NOTICES and one.reason not in STANDING]


def obstacles(problems: Sequence[Problem]) -> list[Problem]:
    """The failures that keep a revision from being applied: all but fights, whose fields were applied."""
    return [problem for problem in failures(problems) if problem.reason is not Reason.FIGHTING]


def current(problems: Sequence[Problem]) -> list[Problem]:
    """The problems of what is worked on now: a newer revision that waits for others is none of them."""
    return [problem for problem in problems if not holds_back(problem)]


def is_passing(problem: Problem) -> bool:
    """Whether a problem may pass by itself, so that trying again makes sense without a change."""
    return problem.reason in _PASSING or problem.blame is Blame.NETWORK


def judge(findings: Findings) -> tuple[Judgement, ...]:
    """All conditions that hold; `Reconciling` and `Stalled` are there only while true, and never both."""
    if findings.suspended:
        return _suspended(findings)
    synced = _synced(findings)
    healthy = _healthy(findings)
    acting = _stalled(findings) or _reconciling(findings)
    return tuple(one for one in (_ready(findings, synced, healthy), synced, healthy, acting) if one)


def _suspended(findings: Findings) -> tuple[Judgement, ...]:
    message = "spec.suspend is set: nothing is applied, healed or pruned"
    return (
        Judgement("Ready", "False", Reason.SUSPENDED, message),
        Judgement("Synced", "Unknown", Reason.SUSPENDED, message),
        _healthy(findings),
    )


def _synced(findings: Findings) -> Judgement:
    failed = failures(findings.problems)
    if failed:
        return Judgement("Synced", "False", failed[0].reason, _summary(failed))
    standing = [problem for problem in findings.problems if problem.reason in STANDING]
    if standing and not findings.deleting:
        return Judgement("Synced", "False", standing[0].reason, _summary(standing))
    if findings.deleting:
        return Judgement("Synced", "False", Reason.DELETING, findings.waits_for or "is being deleted")
    if not findings.settled:
        return Judgement("Synced", "False", Reason.PROGRESSING, findings.waits_for or "is being applied")
    notices = [problem for problem in findings.problems if problem.reason in NOTICES]
    if notices:
        return Judgement("Synced", "True", Reason.SYNCED, _summary(notices))
    return Judgement("Synced", "True", Reason.SYNCED, f"applied revision {findings.revision}")


def _healthy(findings: Findings) -> Judgement:
    health = findings.health
    if health.state in (HealthState.HEALTHY, HealthState.SUSPENDED):
        return Judgement("Healthy", "True", health.state, health.message or "all objects are healthy")
    status = "Unknown" if health.state is HealthState.UNKNOWN else "False"
    return Judgement("Healthy", status, health.state, health.message)


def _ready(findings: Findings, synced: Judgement, healthy: Judgement) -> Judgement:
    if synced.status != "True":
        return Judgement("Ready", "False", synced.reason, synced.message)
    reason: str
    if healthy.status == "True" and findings.waits_for:
        reason = Reason.PROGRESS_DEADLINE_EXCEEDED if findings.deadline_exceeded else Reason.PROGRESSING
        return Judgement("Ready", "False", reason, findings.waits_for)
    if healthy.status != "True":
        reason = Reason.PROGRESS_DEADLINE_EXCEEDED if findings.deadline_exceeded else healthy.reason
        return Judgement("Ready", "False", reason, healthy.message)
    if findings.held:
        return Judgement("Ready", "True", Reason.HELD, findings.held)
    return Judgement("Ready", "True", Reason.SUCCEEDED, synced.message)


def _stalled(findings: Findings) -> Judgement | None:
    for problem in failures(findings.problems):
        if not is_passing(problem):
            return Judgement("Stalled", "True", problem.reason, str(problem))
    if findings.deadline_exceeded:
        message = f"no progress within sync.progressDeadline: {findings.waits_for or findings.health.message}"
        return Judgement("Stalled", "True", Reason.PROGRESS_DEADLINE_EXCEEDED, message)
    return None


def is_stalled(findings: Findings) -> bool:
    """Whether nothing goes on until somebody acts."""
    return not findings.suspended and _stalled(findings) is not None


def _reconciling(findings: Findings) -> Judgement | None:
    failed = failures(findings.problems)
    if failed:
        again = "" if holds_back(failed[0]) else "is tried again: "
        return Judgement("Reconciling", "True", failed[0].reason, f"{again}{_summary(failed)}")
    if findings.deleting:
        return Judgement("Reconciling", "True", Reason.DELETING, findings.waits_for or "is being deleted")
    if any(problem.reason in STANDING for problem in findings.problems):
        return None
    if not findings.settled or findings.waits_for:
        return Judgement("Reconciling", "True", Reason.PROGRESSING, findings.waits_for or "is being applied")
    if findings.health.state is HealthState.PROGRESSING:
        return Judgement("Reconciling", "True", Reason.PROGRESSING, findings.health.message)
    return None


_SHOWN = 5


def _summary(problems: Sequence[Problem]) -> str:
    shown = "; ".join(str(problem) for problem in problems[:_SHOWN])
    more = len(problems) - _SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown
