"""What a definition does: its rules in their order, its table of words, and what holds otherwise."""

from typing import Any

import pytest
import yaml

from gitops.core.health import Health, HealthState
from gitops.core.health.definition import read_definition
from gitops.core.health.expressions import Paths, paths_of, project
from gitops.core.health.rules import Judge

RULES = """
rules:
  - when: conditions.Ready.status == "True" && spec.size > 1
    state: Healthy
  - when: conditions.Ready.status == "False"
    state: Degraded
    say: '"not ready: " + conditions.Ready.message'
  - when: status.parts.exists(p, p.phase == "Lost")
    state: Missing
states:
  at: status.phase
  say: status.detail
  Progressing: [Pending, "true"]
  Suspended: [Paused]
otherwise: {state: Unknown, say: '"nobody knows"'}
"""


def judged(text: str, **obj: Any) -> tuple[HealthState, str]:
    health: Health = Judge(read_definition(yaml.safe_load(text), "here")).assess(obj)
    return health.state, health.message


def ready(status: Any, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": status, **more}]}


def test_the_first_rule_that_is_true_decides() -> None:
    assert judged(RULES, spec={"size": 2}, status=ready("True")) == (HealthState.HEALTHY, "")
    found = judged(RULES, spec={"size": 2}, status=ready("False", message="no quorum"))
    assert found == (HealthState.DEGRADED, "not ready: no quorum")


def test_what_a_rule_misses_makes_it_not_true() -> None:
    assert judged(RULES, status=ready("True")) == (HealthState.UNKNOWN, "nobody knows"), "no spec.size"
    assert judged(RULES)[0] is HealthState.UNKNOWN
    assert judged(RULES, status={"parts": [{"phase": "Lost"}]})[0] is HealthState.MISSING
    assert judged(RULES, status={"parts": "none"})[0] is HealthState.UNKNOWN


def test_a_condition_that_is_a_boolean_is_one() -> None:
    assert judged(RULES, spec={"size": 2}, status=ready(True))[0] is HealthState.HEALTHY


def test_words_are_looked_up_after_the_rules() -> None:
    assert judged(RULES, status={"phase": "pending"}) == (HealthState.PROGRESSING, "phase pending")
    assert judged(RULES, status={"phase": True})[0] is HealthState.PROGRESSING
    assert judged(RULES, status={"phase": "Paused", "detail": "by you"}) == (HealthState.SUSPENDED, "by you")
    assert judged(RULES, status={"phase": "Other"})[0] is HealthState.UNKNOWN


def test_without_anything_else_the_conventions_hold() -> None:
    text = "rules: [{when: status.a == 1, state: Missing}]"
    assert judged(text, status={"phase": "Failed"}) == (HealthState.DEGRADED, "phase Failed")
    assert judged(text + "\notherwise: Suspended", status={"phase": "Failed"})[0] is HealthState.SUSPENDED


def test_a_generation_that_is_behind_comes_first_unless_it_is_ignored() -> None:
    old = {"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "phase": "Paused"}}
    assert judged(RULES, **old)[0] is HealthState.PROGRESSING
    assert judged(RULES + "generation: ignore", **old)[0] is HealthState.SUSPENDED


SAYS = [
    ("say: status.gone", ready("False", message="no quorum"), "no quorum"),
    ("say: '1 + status.gone'", ready("False", reason="NoQuorum"), "NoQuorum"),
    ("", ready("False", message="no quorum"), "no quorum"),
    ("", {**ready("False"), "message": "from the status"}, "from the status"),
    ("", {**ready("False"), "phase": "Odd"}, "phase Odd"),
    ("", ready("False"), "degraded by its status"),
    ("say: '\"\"'", ready("False", message="no quorum"), "no quorum"),
]


@pytest.mark.parametrize(("say", "status", "says"), SAYS)
def test_there_is_always_a_message(say: str, status: Any, says: str) -> None:
    rule = f"rules:\n  - when: conditions.Ready.status == 'False'\n    state: Degraded\n    {say}"
    assert judged(rule, status=status) == (HealthState.DEGRADED, says)


def test_a_status_that_is_one_word_is_that_word() -> None:
    text = "rules: [{when: status == 'Running', state: Healthy}]\nstates: {at: status, Degraded: [Broken]}"
    assert judged(text, status="Running")[0] is HealthState.HEALTHY
    assert judged(text, status="Broken")[0] is HealthState.DEGRADED
    assert judged(text, status="CreateFailed")[0] is HealthState.DEGRADED


PATHS = [
    ("status.a.b == 1 && status.a.c == 2", {"status": {"a": {"b": None, "c": None}}}),
    ("status.a == 1 && status.a.b == 2", {"status": {"a": None}}),
    ('conditions["Ready"].status == "status.b"', {"conditions": {"Ready": {"status": None}}}),
    ("has(spec.x) && size(status.y) > 0", {"spec": {"x": None}, "status": {"y": None}}),
    ("status.list.exists(c, c.status == 'x')", {"status": {"list": None}}),
    ("status.list[0].a == 1", {"status": {"list": None}}),
    ("status[metadata.name] == 1", {"status": None, "metadata": {"name": None}}),
    ("size(status) > 0", {"status": None}),
    ("object.status.a == 1", {"object": {"status": {"a": None}}}),
    ("status.name.startsWith('a')", {"status": {"name": None}}),
    ('metadata.annotations["a.b/c"] == "d"', {"metadata": {"annotations": {"a.b/c": None}}}),
    ("'spec.a' == status.b", {"status": {"b": None}}),
]


@pytest.mark.parametrize(("source", "paths"), PATHS)
def test_only_what_an_expression_reads_is_copied(source: str, paths: Any) -> None:
    assert paths_of([source]) == paths


def test_a_copy_keeps_what_is_not_there_apart_from_what_is_null() -> None:
    paths: Paths = {"a": {"b": None}, "c": None}
    assert project({"a": {"b": None, "x": 1}, "y": 2}, paths) == {"a": {"b": None}}
    assert project({"a": "text", "c": [1]}, paths) == {"a": "text", "c": [1]}


@pytest.mark.parametrize("strange", [2**80, float("nan"), b"bytes", {1: 2}, object()])
def test_a_value_that_cel_does_not_know_makes_a_rule_not_true(strange: Any) -> None:
    text = "rules: [{when: status.a == 1, state: Healthy}]\notherwise: Degraded"
    assert judged(text, status={"a": strange})[0] is HealthState.DEGRADED
