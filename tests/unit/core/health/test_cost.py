"""What health costs: it is computed for each event of each watch."""

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

from gitops.core.health import assess

SAMPLES = Path(__file__).parent / "samples"
MANY = 10_000
BOUND = 3.0  # seconds of CPU; about a quarter of it is used


def mixed() -> Iterator[dict[str, Any]]:
    """All sample objects, each as large as real ones are."""
    noise = [{"manager": "kubectl", "fieldsV1": {f"f:{n}": {"f:x": {}} for n in range(30)}} for _ in range(5)]
    for path in sorted(SAMPLES.glob("*.yaml")):
        group = "" if path.stem == "core" else path.stem
        for kind, cases in yaml.load(path.read_text(), yaml.CSafeLoader).items():
            for case in cases:
                given = case.get("object") or {}
                metadata = {"name": "a", "generation": 1, "managedFields": noise, **given.get("metadata", {})}
                yield {"apiVersion": f"{group}/v1", "kind": kind, **given, "metadata": metadata}


def test_ten_thousand_objects_take_no_time_to_speak_of() -> None:
    objects = list(islice(cycle(list(mixed())), MANY))
    for obj in objects:
        assess(obj)  # rules are compiled once
    began = time.process_time()
    for obj in objects:
        assess(obj)
    assert time.process_time() - began < BOUND


def test_the_first_object_of_a_group_reads_only_its_own_file() -> None:
    program = (
        "import sys; from gitops.core.health import assess, catalog;"
        "assess({'apiVersion': 'policy/v1', 'kind': 'PodDisruptionBudget'});"
        "print(catalog.definitions.cache_info().currsize, 'rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"], "one file, and nothing of the library's own command line"


def test_what_has_no_rules_does_not_load_the_library() -> None:
    program = (
        "import sys; from gitops.core.health import assess, expressions;"
        "assess({'apiVersion': 'apps/v1', 'kind': 'Deployment'});"
        "print(expressions._library.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
