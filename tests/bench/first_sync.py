"""The first sync of 1,000 mixed objects against the bare ceiling, in turns on one control plane."""

import time
from dataclasses import dataclass

from tests.bench import ceiling
from tests.bench.audit import Request, by
from tests.bench.bed import HOME, USER, Bed
from tests.bench.result import Found, Measure, Say, at_least, median, spread
from tests.bench.workload import config_maps, files, mixed

_OBJECTS = 1000
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Round:
    """Seconds by the clock, and of CPU by everything that took part, until the last object was there."""

    seconds: float
    cpu: float
    detail: str = ""


def first_sync(bed: Bed, say: Say) -> Found:
    """Each round has a namespace, an Application and a controller of its own, so that none is warmer."""
    bare: list[_Round] = []
    syncs: list[_Round] = []
    for number in range(_ROUNDS):
        bare.append(_ceiling(bed, number))
        syncs.append(_sync(bed, number))
        one, two = bare[-1], syncs[-1]
        say(f"first-sync {number + 1}: ceiling {one.seconds:.2f} s, sync {two.seconds:.2f} s ({two.detail})")
    ceilings, took = [one.seconds for one in bare], [one.seconds for one in syncs]
    ratios = [one / two for one, two in zip(ceilings, took, strict=True)]
    least, used = [one.cpu for one in bare], [one.cpu for one in syncs]
    return [
        Measure(
            "first sync of 1,000 objects, rate against the bare ceiling's",
            median(ceilings) / median(took),
            "ratio",
            at_least(0.8),
            f"ceiling {spread(ceilings)}, sync {spread(took)}, ratio by round {spread(ratios, '')}; "
            f"the last: {syncs[-1].detail}",
        ),
        Measure(
            "… the same of the CPU that both sides and the servers used: other work matters less to it",
            median(least) / median(used),
            "ratio",
            detail=f"ceiling {spread(least)}, sync {spread(used)}",
        ),
    ]


def _ceiling(bed: Bed, number: int) -> _Round:
    plane = bed.control_plane
    namespace = f"bare-{number}"
    objects = mixed(_OBJECTS, namespace, number)
    cpu = bed.servers_cpu_seconds() + time.process_time()
    took = ceiling.seconds_for(objects, plane.url, plane.admin_token, plane.ca_file)
    cpu = bed.servers_cpu_seconds() + time.process_time() - cpu
    bed.remove_namespace(namespace)
    return _Round(took, cpu)


def _sync(bed: Bed, number: int) -> _Round:
    """From the annotation's arrival to the answer of the last object's request."""
    name = f"first-{number}"
    tree = bed.repository(name)
    # One object before, so that the controller has polled and the renderer is warm.
    sha = tree.commit("warm", files(config_maps(1, HOME), f"{name}/warm"))
    tree.push()
    with bed.controller() as running:
        bed.make_application(name, tree.url, name)
        bed.wait_synced(name, sha)
        sha = tree.commit("all", files(mixed(_OBJECTS, name, number), name))
        tree.push()
        bed.settle()
        bed.audit.skip()
        cpu = bed.servers_cpu_seconds() + running.all_cpu_seconds()
        bed.nudge(name)
        requests: list[Request] = []
        while sum(map(_is_create, requests)) < _OBJECTS:
            requests += bed.audit.wait_for(_is_create, 60)
        cpu = bed.servers_cpu_seconds() + running.all_cpu_seconds() - cpu
        bed.wait_synced(name, sha)
    bed.forget(name)
    bed.remove_namespace(name)
    seconds, detail = _judged(requests, name)
    return _Round(seconds, cpu, detail)


def _is_create(one: Request) -> bool:
    return one.user == USER and one.verb == "patch" and one.code == 201


def _judged(requests: list[Request], name: str) -> tuple[float, str]:
    nudge = next(one for one in requests if one.user != USER and one.name == name and one.verb == "patch")
    made = [one for one in requests if _is_create(one)]
    others = len(by(USER, requests)) - len(made)
    first, last = min(one.began for one in made), max(one.ended for one in made)
    detail = f"{first - nudge.began:.2f} s until the first apply; {others} other requests"
    return last - nudge.began, detail
