"""Memory of the whole process group at rest, with 5,000 and with 10,000 mixed objects."""

import time

from tests.bench.bed import Bed
from tests.bench.process import ControllerProcess
from tests.bench.result import Found, Measure, Say, at_most
from tests.bench.workload import files, mixed

_EACH = 1000
_HALF = 5
_REST_SECONDS = 8.0


def memory(bed: Bed, say: Say) -> Found:
    """Ten Applications of 1,000 objects, five at a time."""
    tree = bed.repository("memory")
    names = [f"memory-{number}" for number in range(2 * _HALF)]
    for number, name in enumerate(names):
        tree.write(files(mixed(_EACH, name, number), name))
    sha = tree.commit("all")
    tree.push()
    with bed.controller() as running:
        empty = _at_rest(running)
        sizes = []
        for part in (names[:_HALF], names[_HALF:]):
            for name in part:
                bed.make_application(name, tree.url, name)
            for name in part:
                bed.wait_synced(name, sha, 300)
            bed.settle()
            sizes.append(_at_rest(running))
            say(f"memory: {len(sizes) * _HALF * _EACH} objects, {_shown(sizes[-1])}")
    half, full = (sum(one.values()) for one in sizes)
    for name in names:
        bed.forget(name)
    return [
        Measure(
            "10,000 objects: memory of the process group at rest (PSS)",
            full,
            "MB",
            at_most(200),
            f"{_shown(sizes[1])}; with none {sum(empty.values()):.0f} MB",
        ),
        Measure(
            "… for each object more, between 5,000 and 10,000",
            1024 * (full - half) / (_HALF * _EACH),
            "KB",
            at_most(1),
        ),
    ]


def _at_rest(running: ControllerProcess) -> dict[str, float]:
    time.sleep(_REST_SECONDS)
    return running.memory()


def _shown(sizes: dict[str, float]) -> str:
    return ", ".join(f"{name} {size:.0f} MB" for name, size in sizes.items())
