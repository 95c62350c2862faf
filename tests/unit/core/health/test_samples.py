"""One sample object for each state of each kind that has rules: `samples/GROUP.yaml`, written by hand.

A file maps kinds to lists of `{state, says, object}`. What the object leaves out is filled in: apiVersion and
kind, a name and generation 1. `says` is a part of the message.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops.core.health import HealthState, assess

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.yaml"))


def samples(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The samples of a file, by kind."""
    found: dict[str, list[dict[str, Any]]] = yaml.load(path.read_text(), yaml.CSafeLoader)
    return found


def cases(path: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Where each sample of a file stands, what it expects, and the object itself."""
    group = "" if path.stem == "core" else path.stem
    for kind, listed in samples(path).items():
        for number, case in enumerate(listed):
            given = case.get("object") or {}
            metadata = {
                "name": "sample",
                "namespace": "default",
                "generation": 1,
                **given.get("metadata", {}),
            }
            api_version = f"{group}/v1" if group else "v1"
            obj = {"apiVersion": api_version, "kind": kind, **given, "metadata": metadata}
            yield f"{kind}[{number}]", case, obj


def mistake(case: dict[str, Any], obj: dict[str, Any]) -> str:
    """What is wrong with the health of a sample; empty when nothing is."""
    if not set(case) <= {"state", "says", "object"}:
        return f"has other keys than state, says and object: {sorted(case)}"
    found = assess(obj)
    if found.state is not HealthState(case["state"]):
        return f"{case['state']} is expected, it is {found.state}: {found.message}"
    if case.get("says", "") not in found.message:
        return f"{case['says']!r} is expected in {found.message!r}"
    if bool(found.message) == (found.state is HealthState.HEALTHY):
        return f"what isn't healthy says why, and nothing else does: {found.state} {found.message!r}"
    return ""


# One test for each file: there are thousands of samples.
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_have_the_states_that_their_documentation_tells(path: Path) -> None:
    wrong = {where: why for where, case, obj in cases(path) if (why := mistake(case, obj))}
    assert not wrong


def test_there_are_samples_for_every_file_of_rules() -> None:
    assert len(SAMPLES) > 300
    assert sum(1 for path in SAMPLES for _ in cases(path)) > 4000
