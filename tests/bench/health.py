"""Health of 10,000 objects of all the kinds that we have samples of: CPU time of one thread."""

import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

from gitops.core.health import assess
from tests.bench.bed import Bed
from tests.bench.result import Found, Measure, Say, at_most

_SAMPLES = Path(__file__).parents[1] / "unit" / "core" / "health" / "samples"
_MANY = 10_000


def health(_bed: Bed, say: Say) -> Found:
    """Rules are compiled before it begins, as in a controller that has run for a while."""
    objects = list(_objects())
    say(f"health of {_MANY} objects, from {len(objects)} samples")
    began = time.process_time()
    for obj in objects:
        assess(obj)
    first = time.process_time() - began
    many = list(islice(cycle(objects), _MANY))
    began = time.process_time()
    for obj in many:
        assess(obj)
    spent = time.process_time() - began
    detail = f"compiling the rules of all groups: {first:.2f} s"
    return [Measure("health of 10,000 mixed objects", spent, "s of CPU", at_most(3.0), detail)]


def _objects() -> Any:
    for path in sorted(_SAMPLES.glob("*.yaml")):
        version = "v1" if path.stem == "core" else f"{path.stem}/v1"
        for kind, cases in yaml.load(path.read_text(), yaml.CSafeLoader).items():
            for case in cases:
                yield {"apiVersion": version, "kind": kind, **(case.get("object") or {})}
