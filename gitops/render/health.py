"""Health by rules of users, judged in a renderer's child: their expressions have no bound on their cost."""

from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from gitops.core.health.custom import CustomJudge, CustomRule
from gitops.core.health.definition import InvalidRulesError
from gitops.core.health.states import Health, HealthState
from gitops.core.model import GroupKind, Json
from gitops.render.limits import MEBIBYTE, Limits

HEALTH_LIMITS = Limits(seconds=5.0, memory_bytes=512 * MEBIBYTE)

# For each object its health; without objects, for each rule what is wrong with it, or nothing.
Verdicts: TypeAlias = tuple[Health, ...]
Faults: TypeAlias = tuple[str, ...]

_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class HealthRequest:
    """Objects (as JSON) to judge by the one rule; or, without objects, any number of rules to check."""

    rules: tuple[CustomRule, ...]
    objects: tuple[bytes, ...] = field(default=(), repr=False)


def header_of(request: HealthRequest) -> dict[str, Json]:
    """What goes before the objects."""
    rules: list[Json] = [[one.kind.group, one.kind.kind, one.place, one.source] for one in request.rules]
    return {"health": rules, "objects": [len(one) for one in request.objects]}


def request_of(header: dict[str, object], body: bytes) -> HealthRequest:
    """The inverse of `header_of`."""
    rules = tuple(
        CustomRule(GroupKind(group, kind), source, place)
        for group, kind, place, source in header["health"]  # type: ignore[attr-defined]
    )
    position, objects = 0, []
    for size in header["objects"]:  # type: ignore[attr-defined]
        objects.append(body[position : position + size])
        position += size
    return HealthRequest(rules, tuple(objects))


def answer(request: HealthRequest) -> dict[str, Json]:
    """Judge the objects, or check the rules; the header of the reply."""
    if not request.objects:
        return {"faults": [_fault(rule) for rule in request.rules]}
    try:
        judge = CustomJudge(request.rules[0])
    except InvalidRulesError as error:
        return {"verdicts": [[HealthState.UNKNOWN.value, str(error)[:_LONGEST]]] * len(request.objects)}
    found = [judge.assess(orjson.loads(one)) for one in request.objects]
    return {"verdicts": [[health.state.value, health.message] for health in found]}


def _fault(rule: CustomRule) -> str:
    try:
        CustomJudge(rule)
    except InvalidRulesError as error:
        return str(error)[:_LONGEST]
    return ""


def verdicts_of(listed: object) -> Verdicts:
    """The verdicts of a reply; raises ValueError or TypeError when they are none."""
    if not isinstance(listed, list):
        raise TypeError("a list is expected")
    return tuple(Health(HealthState(state), str(message)[:_LONGEST]) for state, message in listed)


def faults_of(listed: object) -> Faults:
    """The faults of a reply; raises TypeError when they are none."""
    if not isinstance(listed, list):
        raise TypeError("a list is expected")
    return tuple(str(one)[:_LONGEST] for one in listed)
