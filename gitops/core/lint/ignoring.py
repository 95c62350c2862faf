"""Findings that somebody decided to live with: `gitops.dev/lint-ignore: "rule: reason; other: reason"`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gitops.api.group import LINT_IGNORE_ANNOTATION
from gitops.core.lint.model import Hit
from gitops.core.lint.objects import Subject

PATH = f"metadata.annotations[{LINT_IGNORE_ANNOTATION}]"


@dataclass(frozen=True, slots=True)
class Ignored:
    """The rules that an object is exempt from, and what is wrong with the annotation."""

    rules: frozenset[str] = frozenset()
    faults: tuple[Hit, ...] = ()


_NOTHING = Ignored()


def ignored(subject: Subject, known: Collection[str]) -> Ignored:
    """What an object's annotation exempts it from; an entry without a reason exempts from nothing."""
    text = subject.annotations.get(LINT_IGNORE_ANNOTATION)
    if text is None:
        return _NOTHING
    rules = [rule for rule, reason in _entries(str(text)) if reason and rule in known]
    return Ignored(frozenset(rules), tuple(_faults(str(text), known)))


def _faults(text: str, known: Collection[str]) -> Iterator[Hit]:
    for rule, reason in _entries(text):
        if rule not in known:
            yield Hit(PATH, f"there is no rule {rule!r}")
        elif not reason:
            yield Hit(PATH, f"{rule} is to be ignored, and no reason is given")


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for entry in filter(str.strip, text.split(";")):
        rule, _, reason = entry.partition(":")
        yield rule.strip(), reason.strip()
