"""A diff for programs; the fields are stable and told in docs/how-to/preview-a-pull-request.md."""

from typing import Any

from gitops.cli.diff_values import Entry, Field, Report
from gitops.core.diff import ABSENT
from gitops.core.plan import Verb


def as_data(report: Report) -> dict[str, Any]:
    """Nothing is left out or put together here, unlike in the formats for people."""
    return {
        "application": report.application,
        "new": report.new,
        **({"digest": report.digest} if report.digest else {}),
        **({"since": report.since} if report.since is not None else {}),
        "revision": report.revision,
        "comparedBy": "dry-run" if report.live else "render",
        "steps": [_step(entry) for entry in report.entries],
        "hooks": [{"phase": str(one.phase), "object": one.key._asdict()} for one in report.hooks],
        "refused": [{"reason": str(one.reason), "message": str(one)} for one in report.problems],
        "warnings": [*report.notices, *report.warnings],
        "summary": report.summary,
    }


def _step(entry: Entry) -> dict[str, Any]:
    one: dict[str, Any] = {
        "action": str(entry.verb),
        "object": entry.key._asdict(),
        "reason": entry.why,
        "changes": [_change(field) for field in entry.fields],
    }
    if entry.impacts:
        one["impact"] = [{"kind": str(one.effect), "message": one.message} for one in entry.impacts]
    if entry.renamed:
        one["renamedTo" if entry.verb is Verb.DELETE else "renamedFrom"] = entry.renamed._asdict()
    if entry.restart is not None:
        one["restart"] = {"because": [key._asdict() for key in entry.restart]}
    if entry.verb is Verb.HEAL and entry.drift:
        one["drift"] = {"by": entry.drift.author, "at": entry.drift.at}
    if entry.manifest is not None:
        one["manifest"] = dict(entry.manifest)
    return one


def _change(field: Field) -> dict[str, Any]:
    change = field.change
    return {
        "path": change.pointer,
        **({} if change.before is ABSENT else {"before": change.before}),
        **({} if change.after is ABSENT else {"after": change.after}),
        "cause": "drift" if field.drift else "revision",
        **({"by": field.by} if field.by else {}),
        **({"at": field.at} if field.at else {}),
    }
