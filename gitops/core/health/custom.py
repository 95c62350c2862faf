"""Rules of users, for kinds of any group: read here, judged where nothing depends on how long that takes."""

import json
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
    """What a user says of one kind: the definition as JSON, and where it stands."""

    kind: GroupKind
    source: str
    place: str


def read_custom(data: Any, place: str) -> tuple[dict[GroupKind, CustomRule], list[str]]:
    """Rules as users write them, and what is wrong with those that can't be used.

    A list of definitions that have `group` and `kind`, as in spec.health; or a mapping from
    `Kind.group` to definitions. Expressions are not looked at: compiling them may take long.
    """
    found: dict[GroupKind, CustomRule] = {}
    faults: list[str] = []
    try:
        entries = _entries(data, place)
    except InvalidRulesError as error:
        return {}, [str(error)]
    for kind, definition, where in entries:
        try:
            read_definition(definition, where)
        except InvalidRulesError as error:
            faults.append(str(error))
            continue
        if kind in found:
            faults.append(f"{where}: there are rules for {kind} already")
        else:
            found[kind] = CustomRule(kind, json.dumps(definition, default=str), where)
    return found, faults


def _entries(data: Any, place: str) -> list[tuple[GroupKind, Any, str]]:
    if data is None:
        return []
    if isinstance(data, Mapping):
        return [(_kind(str(name)), definition, f"{place}: {name}") for name, definition in data.items()]
    if not isinstance(data, list | tuple):
        raise InvalidRulesError(f"{place}: must be a list of definitions with group and kind")
    entries = []
    for index, one in enumerate(data):
        where = f"{place}[{index}]"
        if not isinstance(one, Mapping):
            raise InvalidRulesError(f"{where}: must be a mapping with group, kind and rules")
        entry = dict(one)
        group, kind = entry.pop("group", ""), entry.pop("kind", None)
        if not isinstance(kind, str) or not kind or not isinstance(group, str):
            raise InvalidRulesError(f"{where}: has no kind, or a group that isn't text")
        entries.append((GroupKind(group, kind), entry, where))
    return entries


def _kind(name: str) -> GroupKind:
    kind, _, group = name.partition(".")
    return GroupKind(group, kind)


class CustomJudge:
    """One rule of a user, compiled. For the command and the renderer: an expression may run for seconds."""

    def __init__(self, rule: CustomRule) -> None:
        """Raises InvalidRulesError."""
        definition: Definition = read_definition(json.loads(rule.source), rule.place)
        check(definition, rule.place)
        self._judge = Judge(definition)

    def assess(self, obj: Object) -> Health:
        """The health of an object of the rule's kind."""
        return being_deleted(obj) or self._judge.assess(obj)
