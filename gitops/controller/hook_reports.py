"""Results of hooks as the status keeps them, and back."""

from datetime import UTC, datetime

from gitops.api.status import HookReport, ObjectReference
from gitops.core.hook_annotations import HookPhase
from gitops.core.hooks import HookResult, HookState
from gitops.core.model import ObjectKey


def result_of(report: HookReport) -> HookResult:
    """A result as the status kept it."""
    at = report.object
    base = ObjectKey(at.group, at.kind, at.namespace, at.name)
    return HookResult(
        HookPhase(report.phase),
        ObjectKey(at.group, at.kind, at.namespace, report.name),
        base,
        report.run,
        HookState(report.state),
        report.attempt,
        report.message,
        report.started_at.timestamp() if report.started_at else 0.0,
        report.finished_at.timestamp() if report.finished_at else 0.0,
    )


def report_of(result: HookResult) -> HookReport:
    """A result as the status keeps it."""
    base = result.base
    return HookReport(
        phase=result.phase,
        object=ObjectReference(group=base.group, kind=base.kind, namespace=base.namespace, name=base.name),
        name=result.key.name,
        run=result.run,
        attempt=result.attempt,
        state=result.state,
        message=result.message,
        started_at=_moment(result.started),
        finished_at=_moment(result.finished),
    )


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
