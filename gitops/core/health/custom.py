"""Rules of users, for kinds of any group: read here, judged where nothing depends on how long that takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops.core.health.assess import being_deleted
from gitops.core.health.definition import Definition, InvalidRulesError, check, read_definition
from gitops.core.health.rules import Judge
from gitops.core.health.states import Health, Object
from gitops.core.model import GroupKind


@dataclass(frozen=True, slots=True)
class CustomRule:
    """What a user says of one kind: the definition as it was written, and where that stands."""

    kind: GroupKind
    data: Mapping[str, Any]
    place: str


def read_custom(data: Any, place: str) -> dict[GroupKind, CustomRule]:
    """Rules as users write them; raises InvalidRulesError. Expressions are not looked at.

    A list of definitions that have `group` and `kind`, as in spec.health; or a mapping from
    `Kind.group` to definitions.
    """
    if data is None:
        return {}
    found: dict[GroupKind, CustomRule] = {}
    for kind, definition, where in _entries(data, place):
        read_definition(definition, where)
        if kind in found:
            raise InvalidRulesError(f"{where}: there are rules for {kind} already")
        found[kind] = CustomRule(kind, definition, where)
    return found


def _entries(data: Any, place: str) -> list[tuple[GroupKind, Mapping[str, Any], str]]:
    entries = []
    if isinstance(data, Mapping):
        for name, definition in data.items():
            kind, _, group = str(name).partition(".")
            entries.append(
                (GroupKind(group, kind), _mapping(definition, f"{place}: {name}"), f"{place}: {name}")
            )
        return entries
    if not isinstance(data, list | tuple):
        raise InvalidRulesError(f"{place}: must be a list of definitions with group and kind")
    for index, one in enumerate(data):
        where = f"{place}[{index}]"
        entry = dict(_mapping(one, where))
        group, kind = entry.pop("group", ""), entry.pop("kind", None)
        if not isinstance(kind, str) or not kind or not isinstance(group, str):
            raise InvalidRulesError(f"{where}: has no kind, or a group that isn't text")
        entries.append((GroupKind(group, kind), entry, where))
    return entries


def _mapping(data: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidRulesError(f"{place}: must be a mapping with rules, states or otherwise")
    return data


class CustomJudge:
    """One rule of a user, compiled. For the command and the renderer: an expression may run for seconds."""

    def __init__(self, rule: CustomRule) -> None:
        """Raises InvalidRulesError."""
        definition: Definition = read_definition(rule.data, rule.place)
        check(definition, rule.place)
        self._judge = Judge(definition)

    def assess(self, obj: Object) -> Health:
        """The health of an object of the rule's kind."""
        return being_deleted(obj) or self._judge.assess(obj)
