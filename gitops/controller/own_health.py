"""Health by rules of users: asked of the renderer in batches, so that no rule can hold up anything here."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from gitops.core.health import Health, HealthState, progressing
from gitops.core.health.custom import CustomRule, read_custom
from gitops.core.inventory import Observed
from gitops.core.mask import LAST_APPLIED
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Blame, GitopsError, Problem, Reason
from gitops.kube.objects import typed
from gitops.observe import logs
from gitops.render.client import RendererClient

CLUSTER_WIDE = ""  # in place of an ApplySet's id

_CALM = 0.1  # seconds: what changes together is judged together
_MOST = 500  # objects in one question
_AGAIN = 2.0  # seconds until the renderer is asked again that could not be reached
_PUNISHMENT = (30.0, 600.0)  # seconds until a rule is tried again that took too long, at first and at most

# Whether an object's own rule has been asked is seen from its health: it waits for the answer.
UNJUDGED = progressing("waits for its own health rule to be evaluated")

log = logs.get("health")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one Application, or those for the whole cluster; `problems` names what is refused."""

    digest: str
    rules: Mapping[GroupKind, CustomRule]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An object that waits to be judged."""

    rule: CustomRule
    seen: Observed
    obj: Mapping[str, Any] = field(repr=False)


@dataclass(slots=True)
class _Trouble:
    """A rule that cost too much, and when it may try again."""

    pause: float
    until: float
    message: str


class OwnHealth:
    """Which objects have rules of users, and what these say. `judged` is told each new health."""

    def __init__(self, renderer: RendererClient, judged: Callable[[Observed, Health], None]) -> None:
        self._renderer = renderer
        self._judged = judged
        self._sets: dict[str, RuleSet] = {}
        self._waiting: dict[ObjectKey, _Waiting] = {}
        self._troubles: dict[CustomRule, _Trouble] = {}
        self._wake = asyncio.Event()

    async def take_over(self, owner: str, rules: Sequence[Any]) -> tuple[set[GroupKind], tuple[Problem, ...]]:
        """An Application's spec.health, when it has changed: the kinds to read again, and what is wrong."""
        try:
            changed = await self.adopt(owner, [("spec.health", rules)] if rules else [])
        except GitopsError as error:
            return set(), (error.problem,)
        return changed, self.problems(owner)

    async def adopt(self, owner: str, places: Sequence[tuple[str, Any]]) -> set[GroupKind]:
        """Take over the rules of an ApplySet, as pairs of place and content. Returns the kinds to read again.

        Raises GitopsError when the renderer, which compiles them, can't be reached.
        """
        known = self._sets.get(owner)
        digest = (
            hashlib.sha256(orjson.dumps(places, default=str, option=orjson.OPT_NON_STR_KEYS)).hexdigest()
            if places
            else ""
        )
        if (known.digest if known else "") == digest:
            return set()
        rules, problems = _read(places)
        if rules:
            for kind, message in (await self._faults(rules)).items():
                problems.append(_refused(message))
                del rules[kind]
        before = known.rules if known else {}
        self._sets[owner] = RuleSet(digest, rules, tuple(problems))
        if not places:
            self._sets.pop(owner)
        return {kind for kind in before.keys() | rules.keys() if before.get(kind) != rules.get(kind)}

    async def _faults(self, rules: Mapping[GroupKind, CustomRule]) -> dict[GroupKind, str]:
        try:
            faults = await self._renderer.check(list(rules.values()))
        except GitopsError as error:
            if error.problem.reason is Reason.RENDERER_UNAVAILABLE:
                raise
            # One of them ended the process that compiled it.
            return {kind: f"{rule.place}: {error.problem.message}" for kind, rule in rules.items()}
        return {kind: fault for kind, fault in zip(rules, faults, strict=True) if fault}

    def problems(self, owner: str) -> tuple[Problem, ...]:
        """What is wrong with the rules of an ApplySet."""
        found = self._sets.get(owner)
        return found.problems if found else ()

    def forget(self, owner: str) -> None:
        self._sets.pop(owner, None)

    def rule_for(self, owner: str, kind: GroupKind) -> CustomRule | None:
        """The rule that judges objects of this kind and ApplySet; None: the built-in ones do."""
        for name in (owner, CLUSTER_WIDE):
            found = self._sets.get(name)
            if found and kind in found.rules:
                return found.rules[kind]
        return None

    def asked(self, seen: Observed, known: Observed | None, obj: Mapping[str, Any] | None) -> Observed:
        """An object with its health as known until its rule has been asked; `obj` None: it is on its way."""
        kind = seen.key.group_kind
        rule = self.rule_for(seen.part_of, kind) if self._sets else None
        if rule is None or seen.deleting:
            self._waiting.pop(seen.key, None)
            return seen
        if obj is not None:
            self._waiting[seen.key] = _Waiting(rule, seen, typed(obj, kind))
            self._wake.set()
        same = known is not None and known.uid == seen.uid and known.generation == seen.generation
        return replace(seen, health=known.health if known and same else UNJUDGED)

    def is_asked(self, seen: Observed) -> bool:
        """Whether events of this object count even where they say nothing new."""
        return bool(self._sets) and self.rule_for(seen.part_of, seen.key.group_kind) is not None

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_CALM)
            self._wake.clear()
            try:
                pause = await self._ask_all()
            except Exception:
                log.exception("health rules not evaluated, by a defect of ours")
                pause = _PUNISHMENT[0]
            if pause is not None:
                # Sleeps until the next try, or until something else wants to be judged.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
                self._wake.set()

    async def _ask_all(self) -> float | None:
        """Judge all that waits. Returns seconds until some of it can be tried again."""
        batches: dict[CustomRule, list[_Waiting]] = {}
        for one in self._waiting.values():
            batches.setdefault(one.rule, []).append(one)
        pauses = []
        now = time.monotonic()
        for rule in [rule for rule in self._troubles if rule not in batches]:
            if self._troubles[rule].until + _PUNISHMENT[1] < now:
                del self._troubles[rule]
        for rule, batch in batches.items():
            trouble = self._troubles.get(rule)
            if trouble and trouble.until > now:
                self._tell(batch, [Health(HealthState.UNKNOWN, trouble.message)] * len(batch), keep=True)
                pauses.append(trouble.until - now)
                continue
            for start in range(0, len(batch), _MOST):
                pause = await self._ask(rule, batch[start : start + _MOST])
                if pause is not None:
                    pauses.append(pause)
                    break
        return min(pauses) if pauses else None

    async def _ask(self, rule: CustomRule, batch: list[_Waiting]) -> float | None:
        objects = [orjson.dumps(_sendable(one.obj)) for one in batch]
        try:
            verdicts = await self._renderer.health(rule, objects)
        except GitopsError as error:
            if error.problem.reason is Reason.RENDERER_UNAVAILABLE:
                return _AGAIN
            return self._punish(rule, batch, error.problem)
        self._troubles.pop(rule, None)
        self._tell(batch, verdicts)
        return None

    def _punish(self, rule: CustomRule, batch: list[_Waiting], problem: Problem) -> float:
        """A rule that cost too much says nothing: its objects are Unknown until it is tried again."""
        said = "takes too long" if problem.reason is Reason.RENDER_TIMEOUT else "failed"
        if problem.reason is Reason.RENDER_LIMIT_EXCEEDED:
            said = "needs too much memory"
        message = f"the health rule of {rule.place} {said}; simplify it"
        log.warning("health rule failed", rule=rule.place, kind=str(rule.kind), error=problem.message)
        before = self._troubles.get(rule)
        pause = min(before.pause * 2, _PUNISHMENT[1]) if before else _PUNISHMENT[0]
        self._troubles[rule] = _Trouble(pause, time.monotonic() + pause, message)
        self._tell(batch, [Health(HealthState.UNKNOWN, message)] * len(batch), keep=True)
        return pause

    def _tell(self, batch: Sequence[_Waiting], verdicts: Sequence[Health], *, keep: bool = False) -> None:
        for one, health in zip(batch, verdicts, strict=True):
            if self._waiting.get(one.seen.key) is not one:
                continue  # it has changed since, and waits again
            if not keep:
                del self._waiting[one.seen.key]
            self._judged(one.seen, health)


def _read(places: Sequence[tuple[str, Any]]) -> tuple[dict[GroupKind, CustomRule], list[Problem]]:
    """All rules whose form is right; the problems of the others."""
    rules: dict[GroupKind, CustomRule] = {}
    problems = []
    for place, content in places:
        found, faults = read_custom(content, place)
        problems += [_refused(fault) for fault in faults]
        for kind, rule in found.items():
            if kind in rules:
                problems.append(_refused(f"{rule.place}: {rules[kind].place} has rules for {kind} already"))
            else:
                rules[kind] = rule
    return rules, problems


def _refused(message: str) -> Problem:
    place, colon, what = message.partition(": ")
    where, text = (place, what) if colon else ("", message)
    return Problem(
        Reason.INVALID_HEALTH_RULES,
        text,
        Blame.SPEC,
        where,
        "correct it; try it with `gitops health FILE --rules RULES`",
    )


def _sendable(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what no rule needs; kubectl's annotation holds the data of a Secret."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and LAST_APPLIED in annotations:
        metadata["annotations"] = {name: text for name, text in annotations.items() if name != LAST_APPLIED}
    return {**obj, "metadata": metadata}
