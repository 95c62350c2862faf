"""`gitops lint`: the rules with the reading of what they judge, and the whole command."""

import os
import subprocess
import sys
import time
from pathlib import Path

from gitops.core.lint.linting import lint as apply_rules
from gitops.core.model import Manifest
from gitops.render.limits import Budget, Limits
from gitops.render.manifests import Collector
from gitops.render.yaml_reader import read_yaml
from tests.bench.bed import Bed
from tests.bench.result import Found, Measure, Say, at_least, median, spread
from tests.bench.workload import files, mixed

_MANY = 1_000
_ROUNDS = 3


def lint(bed: Bed, say: Say) -> Found:
    """1,000 mixed objects: a fifth of them are workloads, and each references what is beside it."""
    folder = bed.folder / "lint"
    for name, text in files(mixed(_MANY, "bench"), "deploy").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or "", encoding="utf-8")
    rules, reading, command = [], [], []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        manifests = _read(folder / "deploy")
        reading.append(time.perf_counter() - began)
        began = time.perf_counter()
        found = apply_rules(manifests, "bench").findings
        rules.append(time.perf_counter() - began)
        command.append(_command(folder / "deploy"))
    say(f"lint: {len(manifests)} objects, {len(found)} findings, the command takes {spread(command)}")
    both = [one + other for one, other in zip(rules, reading, strict=True)]
    detail = f"reading {spread(reading)}, rules {spread(rules)}, {len(found)} findings"
    return [
        Measure("gitops lint, reading and rules", _MANY / median(both), "objects/s", at_least(500), detail),
        Measure(
            "gitops lint, the whole command",
            _MANY / median(command),
            "objects/s",
            at_least(500, informative=True),
            spread(command),
        ),
    ]


def _read(folder: Path) -> tuple[Manifest, ...]:
    budget = Budget(Limits())
    collector = Collector(budget)
    for path in sorted(folder.iterdir()):
        for document in read_yaml(path.read_bytes(), path.name, budget):
            collector.add(document.value, f"{path.name}:{document.line}")
    return collector.finish().manifests


def _command(folder: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    program = str(Path(sys.executable).with_name("gitops"))
    began = time.perf_counter()
    done = subprocess.run(
        [program, "lint", "-o", "json", str(folder)], env=environment, capture_output=True, check=False
    )
    if done.returncode > 1:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return time.perf_counter() - began
