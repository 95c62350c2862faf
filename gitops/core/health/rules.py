"""Definitions at work: compiled as far as objects get in them, then asked for each object."""

from collections.abc import Mapping
from typing import Any

from gitops.core.health.definition import Definition, Rule, Say
from gitops.core.health.expressions import (
    Paths,
    Run,
    compile_expression,
    context,
    paths_of,
    project,
    value_of,
)
from gitops.core.health.generic import by_convention, outdated
from gitops.core.health.reading import conditions, words
from gitops.core.health.states import HEALTHY, Health, HealthState, Object
from gitops.core.reading import at, text

_EMPTY: Mapping[str, Any] = {}


class Judge:
    """One definition at work. Its expressions have been checked before (`definition.check`)."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._compiled: dict[str, Run] = {}  # most are never reached
        self._paths: dict[str, Paths] = paths_of(definition.expressions)

    def assess(self, obj: Object) -> Health:
        """The health of an object that is not being deleted."""
        definition = self._definition
        if definition.compares_generation and (waits := outdated(obj)):
            return waits
        values = _Values(obj, self._paths)
        for rule in definition.rules:
            if self._value(rule.when, values) is True:
                return self._health(rule.state, rule.say, values, rule)
        table = definition.table
        if table:
            word = text(values.at(table.path)) or _boolean(values.at(table.path))
            state = table.words.get(word.lower()) if word else None
            if state:
                return self._health(state, table.say, values, None, f"{table.path[-1]} {word}")
        if definition.otherwise is None:
            return by_convention(obj, values.conditions)
        return self._health(definition.otherwise, definition.otherwise_say, values, None)

    def _value(self, source: str, values: "_Values") -> Any:
        run = self._compiled.get(source)
        if run is None:
            run = self._compiled[source] = compile_expression(source)
        return value_of(run, values.context)

    def _health(
        self, state: HealthState, say: Say, values: "_Values", rule: Rule | None, word: str = ""
    ) -> Health:
        if state is HealthState.HEALTHY:
            return HEALTHY
        said = text(values.at(say.path)) if say.path else ""
        if say.expression:
            said = text(self._value(say.expression, values))
        return Health(state, said or _own_words(state, values, rule, word))


class _Values:
    """An object as rules see it; copied for CEL only as far as needed, and only when needed."""

    def __init__(self, obj: Object, paths: dict[str, Paths]) -> None:
        self._obj = obj
        self._paths = paths
        self.conditions = conditions(obj)
        self._context: Any = None

    @property
    def context(self) -> Any:
        if self._context is None:
            self._context = context(
                {name: project(self._root(name), below) for name, below in self._paths.items()}
            )
        return self._context

    def _root(self, name: str) -> Any:
        if name == "conditions":
            return self.conditions
        if name == "object":
            return self._obj
        found = self._obj.get(name)
        return _EMPTY if found is None else found  # some operators' whole status is one word

    def at(self, path: tuple[str, ...]) -> Any:
        return at(self._root(path[0]), path[1:])


def _boolean(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else ""


def _own_words(state: HealthState, values: _Values, rule: Rule | None, word: str) -> str:
    """What the object itself says: a condition that the rule looks at, or its status."""
    if rule:
        for kind, condition in values.conditions.items():
            if kind in rule.when and (said := words(condition)) != kind:
                return said
    status = values.at(("status",))
    if not isinstance(status, Mapping):
        return f"status {text(status)}"
    said = text(status.get("message")) or text(status.get("reason"))
    if word:
        return f"{word}: {said}" if said else word
    if said:
        return said
    phase = text(status.get("phase")) or text(status.get("state"))
    if phase:
        return f"phase {phase}"
    if not status:
        return "its controller has not written a status yet"
    return f"{state.value.lower()} by its status"
