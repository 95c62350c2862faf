"""The first sync of 1,000 mixed objects against the bare ceiling, in turns on one control plane."""

from tests.bench import ceiling
from tests.bench.audit import Request, by
from tests.bench.bed import HOME, USER, Bed
from tests.bench.result import Found, Measure, Say, at_least, median, spread
from tests.bench.workload import config_maps, files, mixed

_OBJECTS = 1000
_ROUNDS = 3


def first_sync(bed: Bed, say: Say) -> Found:
    """Each round has a namespace, an Application and a controller of its own, so that none is warmer."""
    ceilings: list[float] = []
    syncs: list[float] = []
    details = ""
    for number in range(_ROUNDS):
        ceilings.append(_ceiling(bed, number))
        took, details = _sync(bed, number)
        syncs.append(took)
        say(f"first-sync round {number + 1}: ceiling {ceilings[-1]:.2f} s, sync {took:.2f} s ({details})")
    ratios = [bare / took for bare, took in zip(ceilings, syncs, strict=True)]
    return [
        Measure(
            "first sync of 1,000 objects, rate against the bare ceiling's",
            median(ceilings) / median(syncs),
            "ratio",
            at_least(0.8),
            f"ceiling {spread(ceilings)}, sync {spread(syncs)}, ratio by round {spread(ratios, '')}; "
            f"the last: {details}",
        )
    ]


def _ceiling(bed: Bed, number: int) -> float:
    plane = bed.control_plane
    namespace = f"bare-{number}"
    took = ceiling.seconds_for(
        mixed(_OBJECTS, namespace, number), plane.url, plane.admin_token, plane.ca_file
    )
    bed.remove_namespace(namespace)
    return took


def _sync(bed: Bed, number: int) -> tuple[float, str]:
    """From the annotation's arrival to the answer of the last object's request."""
    name = f"first-{number}"
    tree = bed.repository(name)
    # One object before, so that the controller has polled and the renderer is warm.
    sha = tree.commit("warm", files(config_maps(1, HOME), f"{name}/warm"))
    tree.push()
    with bed.controller():
        bed.make_application(name, tree.url, name)
        bed.wait_synced(name, sha)
        sha = tree.commit("all", files(mixed(_OBJECTS, name, number), name))
        tree.push()
        bed.settle()
        bed.audit.skip()
        bed.nudge(name)
        bed.wait_synced(name, sha)
        requests = bed.audit.settled()
    bed.forget(name)
    bed.remove_namespace(name)
    return _judged(requests, name)


def _judged(requests: list[Request], name: str) -> tuple[float, str]:
    nudge = next(one for one in requests if one.user != USER and one.name == name and one.verb == "patch")
    ours = by(USER, requests)
    made = [one for one in ours if one.verb == "patch" and one.code == 201]
    if len(made) != _OBJECTS:
        raise RuntimeError(f"{len(made)} objects were made, not {_OBJECTS}")
    first, last = min(one.began for one in made), max(one.ended for one in made)
    others = len(ours) - len(made)
    detail = f"{first - nudge.began:.2f} s until the first apply; {others} other requests"
    return last - nudge.began, detail
