"""What a linter says: findings, each of a rule, about a field of an object."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from gitops.core.lint.objects import ObjectSet, Subject
from gitops.core.lint.severity import Severity
from gitops.core.model import GroupKind, ObjectKey


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where a rule applies: the field's path, and what is wrong there, without secret values."""

    path: str
    message: str


Check: TypeAlias = Callable[[Subject, ObjectSet], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One trap. `id` is stable; `what`, `why` and `fix` are sentences of the documentation.

    `kinds` are those that `check` is called for; None: all. An example for each rule, bad and good,
    is in examples/.
    """

    id: str
    severity: Severity
    what: str
    why: str
    fix: str
    kinds: frozenset[GroupKind] | None
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    """One trap in one object. `origin` is the object's place: `deploy/web.yaml:12`."""

    rule: str
    severity: Severity
    key: ObjectKey
    origin: str
    path: str
    message: str
    fix: str

    @property
    def identity(self) -> tuple[str, ObjectKey, str]:
        """What stays the same when lines move."""
        return self.rule, self.key, self.path


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, worst first within each origin, and how many were ignored for a reason."""

    findings: tuple[Finding, ...]
    ignored: int = 0
    objects: int = 0  # that were looked at

    def since(self, before: "Report") -> "Report":
        """Only what was not found before."""
        known = {one.identity for one in before.findings}
        return replace(self, findings=tuple(one for one in self.findings if one.identity not in known))
