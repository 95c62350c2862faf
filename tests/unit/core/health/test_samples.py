"""One sample object for each state of each kind that has rules: `samples/GROUP.yaml`, written by hand.

A file maps kinds to lists of `{state, says, object}`. What the object leaves out is filled in: apiVersion and
kind, a name and generation 1. `says` is a part of the message.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops.core.health import HealthState, assess

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.yaml"))


@cache
def samples(path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = yaml.load(path.read_text(), yaml.CSafeLoader)
    return found


CASES = [
    pytest.param(path, kind, index, id=f"{path.stem}-{kind}-{index}-{case.get('state')}")
    for path in SAMPLES
    for kind, cases in samples(path).items()
    for index, case in enumerate(cases)
]


@pytest.mark.parametrize(("path", "kind", "index"), CASES)
def test_a_sample_has_the_state_that_its_documentation_tells(path: Path, kind: str, index: int) -> None:
    case = samples(path)[kind][index]
    assert set(case) <= {"state", "says", "object"}, "a sample has these keys"
    group = "" if path.stem == "core" else path.stem
    given = case.get("object") or {}
    obj = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        **given,
        "metadata": {"name": "sample", "namespace": "default", "generation": 1, **given.get("metadata", {})},
    }
    found = assess(obj)
    assert found.state is HealthState(case["state"]), found.message
    assert case.get("says", "") in found.message
    assert bool(found.message) == (found.state is not HealthState.HEALTHY), "what isn't healthy says why"
