"""Apply all rules to all objects of a render."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from gitops.core.lint import access, configuration, pods, probes, resources, traffic, versions, workloads
from gitops.core.lint.ignoring import ignored
from gitops.core.lint.model import Finding, Hit, Report, Rule
from gitops.core.lint.objects import ObjectSet, Subject, read
from gitops.core.lint.severity import Severity
from gitops.core.model import GroupKind, Manifest


def _judged_elsewhere(_: Subject, __: ObjectSet) -> Iterator[Hit]:
    """The annotation is read for every rule, before any of them."""
    return iter(())


BAD_IGNORE = Rule(
    "bad-lint-ignore",
    Severity.WARNING,
    "The annotation gitops.dev/lint-ignore names no reason, or a rule that doesn't exist.",
    "An exception without a reason is one that nobody dares to remove. An entry like that exempts from "
    "nothing.",
    'write "rule: reason", several separated by semicolons',
    None,
    _judged_elsewhere,
)
SECTIONS: Mapping[str, tuple[Rule, ...]] = {
    "Requests and limits": resources.RULES,
    "Probes": probes.RULES,
    "Pods": pods.RULES,
    "Workloads": workloads.RULES,
    "Traffic": traffic.RULES,
    "Configuration": configuration.RULES,
    "Access": access.RULES,
    "API versions": versions.RULES,
    "Exceptions": (BAD_IGNORE,),
}
RULES: Mapping[str, Rule] = {rule.id: rule for section in SECTIONS.values() for rule in section}


def _by_kind() -> dict[GroupKind, tuple[Rule, ...]]:
    found: dict[GroupKind, list[Rule]] = defaultdict(list)
    for rule in RULES.values():
        for kind in rule.kinds or ():
            found[kind].append(rule)
    return {kind: tuple(rules) for kind, rules in found.items()}


_OF_KIND = _by_kind()
_OF_ALL = tuple(rule for rule in RULES.values() if rule.kinds is None)


def lint(manifests: Iterable[Manifest], namespace: str = "default") -> Report:
    """All findings, by origin, the worst of each first; `namespace` is where objects without one go."""
    every = ObjectSet(read(one, namespace) for one in manifests)
    found: list[Finding] = []
    count = 0
    for subject in every.all:
        exempt = ignored(subject, RULES)
        found += [_finding(BAD_IGNORE, subject, fault) for fault in exempt.faults]
        for rule in (*_OF_KIND.get(subject.key.group_kind, ()), *_OF_ALL):
            hits = list(rule.check(subject, every))
            if rule.id in exempt.rules:
                count += len(hits)
            else:
                found += [_finding(rule, subject, hit) for hit in hits]
    return Report(tuple(sorted(found, key=_order)), count, len(every.all))


def _finding(rule: Rule, subject: Subject, hit: Hit) -> Finding:
    return Finding(rule.id, rule.severity, subject.key, subject.origin, hit.path, hit.message, rule.fix)


def _order(one: Finding) -> tuple[object, ...]:
    """By file, the worst first, then by line: 9 before 10."""
    file, _, line = one.origin.partition(":")
    digits = "".join(filter(str.isdigit, line))
    return file, -one.severity.rank, int(digits or 0), one.key, one.rule, one.path, one.message
