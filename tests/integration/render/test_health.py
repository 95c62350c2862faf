"""Rules of users in the renderer: what they say, and what becomes of those that cost too much."""

import json
from typing import Any

import orjson
import pytest

from gitops.core.health import Health, HealthState
from gitops.core.health.custom import CustomRule
from gitops.core.model import GroupKind
from gitops.core.problem import GitopsError, Reason
from gitops.render.client import RendererClient

POD = GroupKind("", "Pod")


def rule(when: str, say: str = "metadata.name") -> CustomRule:
    definition = {"rules": [{"when": when, "state": "Degraded", "say": say}], "otherwise": "Healthy"}
    return CustomRule(POD, json.dumps(definition), "spec.health[0]")


def pod(name: str, **status: Any) -> bytes:
    return orjson.dumps({"kind": "Pod", "metadata": {"name": name}, "status": status})


def multiplied(levels: int) -> str:
    """Each level multiplies the work by a hundred."""
    text = "a0 > 0"
    for level in range(levels):
        text = f"{list(range(100))}.all(a{level}, {text})"
    return text.replace("a0 > 0", "a0 >= 0")


async def test_each_object_is_judged(client: RendererClient) -> None:
    found = await client.health(
        rule("status.restarts > 3"), [pod("a", restarts=9), pod("b", restarts=1), pod("c")]
    )
    healthy = Health(HealthState.HEALTHY)
    assert found == (Health(HealthState.DEGRADED, "a"), healthy, healthy)


async def test_rules_are_checked_one_by_one(client: RendererClient) -> None:
    good, bad, foreign = await client.check([rule("status.a"), rule("status.a =="), rule("stat.a")])
    assert good == ""
    assert bad.startswith("spec.health[0]: 'status.a =='")
    assert "names stat" in foreign


async def test_a_rule_that_goes_on_for_ever_is_ended(client: RendererClient) -> None:
    with pytest.raises(GitopsError) as caught:
        await client.health(rule(multiplied(7)), [pod("a")])
    assert caught.value.problem.reason is Reason.RENDER_TIMEOUT
    assert await client.health(rule("true"), [pod("a")]), "the next one works"


async def test_a_rule_that_eats_memory_is_ended(client: RendererClient) -> None:
    text = '"' + "x" * 1000 + '"'
    doubled = f"[{text}]"
    for _ in range(22):
        doubled = f"[{doubled}].map(v, v + v)[0]"
    with pytest.raises(GitopsError) as caught:
        await client.health(rule(f"size({doubled}) > 0"), [pod("a")])
    assert caught.value.problem.reason in (
        Reason.RENDER_LIMIT_EXCEEDED,
        Reason.RENDER_FAILED,
        Reason.RENDER_TIMEOUT,
    )
    assert await client.health(rule("true"), [pod("a")]), "the next one works"


async def test_an_expression_that_is_nested_too_deeply_is_refused(client: RendererClient) -> None:
    deep = "(" * 2000 + "1" + ")" * 2000
    (fault,) = await client.check([rule(deep)])
    assert "is not valid CEL" in fault
    assert len(fault) < 500
    assert await client.check([rule("true")]) == ("",)
