"""`python -m tests.bench [NAME…] [-o text|json]`: run the benchmarks; exit code 1 if one misses its bar."""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gitops.core.problem import GitopsError
from tests.bench.bed import Bed
from tests.bench.command import command
from tests.bench.diff import diff
from tests.bench.first_sync import first_sync
from tests.bench.health import health
from tests.bench.lint import lint
from tests.bench.memory import memory
from tests.bench.monorepo import monorepo
from tests.bench.result import Found, Measure, Say
from tests.bench.standing import standing
from tests.bench.status import status
from tests.bench.why import why

_BENCHES: Mapping[str, Callable[[Bed, Say], Found]] = {
    "first-sync": first_sync,
    "standing": standing,
    "monorepo": monorepo,
    "diff": diff,
    "command": command,
    "health": health,
    "lint": lint,
    "status": status,
    "why": why,
    "memory": memory,
}


def main() -> int:
    """Run what is named, or everything, on one control plane."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmarks of gitops.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(_BENCHES)}")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(_BENCHES)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    began, load = time.monotonic(), os.getloadavg()[0]
    # What is measured may keep bytecode, as pip makes it when it installs a package.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    found: dict[str, Found] = {}
    memory_folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    try:
        with (
            tempfile.TemporaryDirectory(prefix="gitops-bench-", dir=memory_folder) as folder,
            Bed.made(Path(folder)) as bed,
        ):
            for name in chosen.names or _BENCHES:
                found[name] = _BENCHES[name](bed, _say)
    except GitopsError as error:
        _say(str(error))
        return 2
    conditions = {
        "cpus": os.cpu_count(),
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "seconds": time.monotonic() - began,
    }
    print(_as_json(found, conditions) if chosen.output == "json" else _as_text(found, conditions))
    return int(any(one.verdict == "FAIL" for measures in found.values() for one in measures))


def _as_json(found: Mapping[str, Found], conditions: Mapping[str, object]) -> str:
    data = {name: [one.as_data() for one in measures] for name, measures in found.items()}
    return json.dumps({"conditions": conditions, "measures": data}, indent=2, ensure_ascii=False)


def _as_text(found: Mapping[str, Found], conditions: Mapping[str, object]) -> str:
    lines = []
    for measures in found.values():
        for one in measures:
            lines.append(_line(one))
            if one.detail:
                lines.append(f"        {one.detail}")
    shown = ", ".join(
        f"{name} {value:.1f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in conditions.items()
    )
    return "\n".join([*lines, shown])


def _line(one: Measure) -> str:
    bar = f"{one.bar}" if one.bar else ""
    return f"{one.verdict:4}  {one.value:9.2f} {one.unit:9}{bar:8}  {one.what}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
