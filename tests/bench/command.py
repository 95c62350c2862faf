"""How long the command itself takes: its help, its version, and `gitops render` beside a bare parse."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.bed import Bed
from tests.bench.result import Found, Measure, Say, at_most, spread
from tests.bench.workload import files, mixed

_OBJECTS = 1000
_ROUNDS = 5
GITOPS = (sys.executable, "-c", "from gitops.cli.entry import main; main()")
# What a script of ten lines would do: the C loader over all files, and the C dumper.
_PARSE = """
import sys, yaml
from pathlib import Path
objects = []
for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    objects += yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader)
yaml.dump_all(objects, sys.stdout, Dumper=yaml.CSafeDumper, sort_keys=False)
"""


def command(bed: Bed, say: Say) -> Found:
    """The best of several runs in turns, since whatever else runs only ever adds."""
    folder = bed.folder / "rendered"
    for path, text in files(mixed(_OBJECTS, "rendered"), "objects").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text or "")
    commands: dict[str, Sequence[str]] = {
        "version": (*GITOPS, "--version"),
        "help": (*GITOPS, "--help"),
        "render": (*GITOPS, "render", str(folder / "objects")),
        "parse": (sys.executable, "-c", _PARSE, str(folder / "objects")),
    }
    bed.settle()
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(_ROUNDS):
        for name, one in commands.items():
            seconds[name].append(run(bed, one, bed.folder)[0])
    best = {name: min(times) for name, times in seconds.items()}
    say(", ".join(f"command: {name} {took:.2f} s" for name, took in best.items()))
    return [
        Measure("gitops --version", best["version"], "s", at_most(0.1), spread(seconds["version"])),
        Measure("gitops --help", best["help"], "s", at_most(0.3), spread(seconds["help"])),
        Measure(
            f"gitops render of {_OBJECTS} objects, times as long as a bare parse and dump",
            best["render"] / best["parse"],
            "ratio",
            at_most(2, informative=True),
            f"{spread(seconds['render'])}, bare {spread(seconds['parse'])}",
        ),
    ]


def run(bed: Bed, arguments: Sequence[str], folder: Path) -> tuple[float, int]:
    """Run a command to its end against the control plane; its seconds and exit code."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(bed.control_plane.kubeconfig),
        "KUBECACHEDIR": str(bed.folder / "kubectl-cache"),
        "XDG_CACHE_HOME": str(bed.folder / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    began = time.perf_counter()
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, check=False)
    took = time.perf_counter() - began
    if done.returncode > 1:
        raise RuntimeError(f"{arguments}: {done.returncode} {done.stderr.decode()[-2000:]}")
    return took, done.returncode
