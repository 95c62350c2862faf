"""Traps that a new revision brings, told in an Event on Applications that ask for it."""

import asyncio
from collections.abc import Iterable

from gitops.api.application import Application
from gitops.api.group import LINT_ANNOTATION
from gitops.controller.events import Events
from gitops.controller.memory import Memory, Target
from gitops.core.lint.linting import lint
from gitops.core.lint.model import Finding
from gitops.core.lint.severity import Severity
from gitops.observe import logs
from gitops.observe.hiding import redactor_of

_NAMED = 3
_WANTED = "events"

log = logs.get("lint")


class LintTeller:
    """Lints in the background, one Application after the other: a sync waits for nothing of it."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._one_by_one = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()

    def applied(self, app: Application, target: Target, memory: Memory) -> None:
        """A new revision was applied: tell what it brings, if the Application asks for that."""
        if app.metadata.annotations.get(LINT_ANNOTATION) != _WANTED or target.recalled:
            memory.lint_known = frozenset()
            return
        task = asyncio.create_task(self._tell(app, target, memory))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _tell(self, app: Application, target: Target, memory: Memory) -> None:
        async with self._one_by_one:
            found = await asyncio.to_thread(_serious, target, app.destination_namespace)
        known = memory.lint_known
        memory.lint_known = frozenset(one.identity for one in found)
        new = [one for one in found if one.identity not in known]
        if not new:
            return
        message = redactor_of(target.hidden).text(_in_words(target.commit.sha[:7], new))
        log.info("lint findings", application=app.metadata.name, revision=target.commit.sha, count=len(new))
        self._events.warning(app, "LintFindings", message)


def _serious(target: Target, namespace: str) -> list[Finding]:
    manifests = [target.manifests[key] for key in target.wanted]
    found = lint(manifests, namespace).findings
    serious = [one for one in found if one.severity is not Severity.INFO]
    return sorted(serious, key=lambda one: -one.severity.rank)


def _in_words(revision: str, new: list[Finding]) -> str:
    counts = ", ".join(_counted(one, new) for one in (Severity.ERROR, Severity.WARNING) if _count(one, new))
    named = "; ".join(f"{one.key}: {one.message} ({one.rule})" for one in new[:_NAMED])
    more = f"; and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
    return f"revision {revision} brings {counts}: {named}{more}"


def _count(severity: Severity, new: Iterable[Finding]) -> int:
    return sum(one.severity is severity for one in new)


def _counted(severity: Severity, new: Iterable[Finding]) -> str:
    count = _count(severity, new)
    return f"{count} {severity}{'s' if count > 1 else ''}"
