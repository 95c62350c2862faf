"""The health of one kind as data: read from YAML, refused with the place of each mistake."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from gitops.core.health.expressions import InvalidExpressionError, compile_expression
from gitops.core.health.states import HealthState

GENERIC = "generic"

_PATH = re.compile(r"^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)+$")
_KEYS = frozenset({"generation", "rules", "states", "otherwise"})
_STATES = {state.value: state for state in HealthState}
_MOST_RULES = 64
_LONGEST_EXPRESSION = 4096


class InvalidRulesError(ValueError):
    """Rules that can't be used; the message names the place inside of them."""


@dataclass(frozen=True, slots=True)
class Say:
    """Where a message comes from: a dotted path, or a CEL expression; both empty: from the object's words."""

    path: tuple[str, ...] = ()
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """`state` holds where `when` is true."""

    when: str
    state: HealthState
    say: Say


@dataclass(frozen=True, slots=True)
class StateTable:
    """The state that each word at a path stands for; words are compared without regard to case."""

    path: tuple[str, ...]
    say: Say
    words: Mapping[str, HealthState]


@dataclass(frozen=True, slots=True)
class Definition:
    """How the health of a kind is found; `otherwise` None: by the conventions for all kinds."""

    rules: tuple[Rule, ...] = ()
    table: StateTable | None = None
    otherwise: HealthState | None = None
    otherwise_say: Say = Say()
    compares_generation: bool = True

    @property
    def expressions(self) -> list[str]:
        """Every CEL expression of this definition."""
        says = [rule.say for rule in self.rules] + [self.otherwise_say]
        if self.table:
            says.append(self.table.say)
        return [rule.when for rule in self.rules] + [say.expression for say in says if say.expression]


def read_kinds(data: Any, place: str) -> dict[str, Definition]:
    """Definitions by kind, as a data file holds them; raises InvalidRulesError."""
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        _refuse(place, "must be a mapping from kinds to definitions")
    return {
        kind: read_definition(one, f"{place}: {kind}")
        for kind, one in ((_text(name, place), one) for name, one in data.items())
        if not kind.startswith(".")  # holds YAML anchors for the kinds below it
    }


def read_definition(data: Any, place: str) -> Definition:
    """One definition; raises InvalidRulesError."""
    if not isinstance(data, Mapping):
        _refuse(place, "must be a mapping with rules, states or otherwise")
    _known(data, _KEYS, place)
    generation = data.get("generation", "compare")
    if generation not in ("compare", "ignore"):
        _refuse(f"{place}.generation", "must be compare or ignore")
    otherwise, say = _otherwise(data.get("otherwise", GENERIC), f"{place}.otherwise")
    rules = data.get("rules") or []
    if not isinstance(rules, list):
        _refuse(f"{place}.rules", "must be a list")
    if len(rules) > _MOST_RULES:
        _refuse(f"{place}.rules", f"has more than {_MOST_RULES} entries")
    return Definition(
        tuple(_rule(one, f"{place}.rules[{index}]") for index, one in enumerate(rules)),
        _table(data["states"], f"{place}.states") if data.get("states") else None,
        otherwise,
        say,
        generation == "compare",
    )


def check(definition: Definition, place: str) -> None:
    """Compile every expression; raises InvalidRulesError. For rules of users: in the renderer only."""
    for expression in definition.expressions:
        try:
            compile_expression(expression)
        except InvalidExpressionError as error:
            raise InvalidRulesError(f"{place}: {error}") from None


def _rule(data: Any, place: str) -> Rule:
    if not isinstance(data, Mapping):
        _refuse(place, "must be a mapping with when and state")
    _known(data, {"when", "state", "say"}, place)
    for name in ("when", "state"):
        if name not in data:
            _refuse(place, f"has no {name}")
    when = data["when"]
    if isinstance(when, bool):  # `when: true` is what people write for "in any other case"
        when = "true" if when else "false"
    return Rule(
        _expression(when, f"{place}.when"), _state(data["state"], place), _say(data.get("say"), place)
    )


def _table(data: Any, place: str) -> StateTable:
    if not isinstance(data, Mapping):
        _refuse(place, "must be a mapping with at, and words by state")
    _known(data, {"at", "say", *_STATES}, place)
    path = data.get("at")
    if not isinstance(path, str) or not (_PATH.match(path) or path == "status"):
        _refuse(f"{place}.at", "must be a path like status.phase")
    words: dict[str, HealthState] = {}
    for state in HealthState:
        listed = data.get(state.value) or []
        if not isinstance(listed, list):
            _refuse(f"{place}.{state}", "must be a list of words")
        for word in listed:
            known = words.setdefault(_text(word, f"{place}.{state}").lower(), state)
            if known is not state:
                _refuse(f"{place}.{state}", f"{word} is {known} already")
    return StateTable(tuple(path.split(".")), _say(data.get("say"), place), words)


def _otherwise(data: Any, place: str) -> tuple[HealthState | None, Say]:
    if data == GENERIC:
        return None, Say()
    if isinstance(data, Mapping):
        _known(data, {"state", "say"}, place)
        return _state(data.get("state"), place), _say(data.get("say"), place)
    return _state(data, place), Say()


def _say(data: Any, place: str) -> Say:
    if data is None:
        return Say()
    source = _expression(data, f"{place}.say")
    return Say(path=tuple(source.split("."))) if _PATH.match(source) else Say(expression=source)


def _expression(data: Any, place: str) -> str:
    source = _text(data, place).strip()
    if not source:
        _refuse(place, "is empty")
    if len(source) > _LONGEST_EXPRESSION:
        _refuse(place, f"is longer than {_LONGEST_EXPRESSION} characters")
    return source


def _state(data: Any, place: str) -> HealthState:
    if not isinstance(data, str) or data not in _STATES:
        _refuse(place, f"{data!r} is not one of the states {', '.join(_STATES)}")
    return _STATES[data]


def _text(data: Any, place: str) -> str:
    if not isinstance(data, str):
        _refuse(place, f"{data!r} must be text (put it into quotes)")
    return data


def _known(data: Mapping[Any, Any], keys: frozenset[str] | set[str], place: str) -> None:
    unknown = [str(key) for key in data if key not in keys]
    if unknown:
        _refuse(place, f"unknown key {unknown[0]}; known are {', '.join(sorted(keys))}")


def _refuse(place: str, message: str) -> NoReturn:
    raise InvalidRulesError(f"{place}: {message}")
