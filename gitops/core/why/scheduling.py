"""Why a Pod gets no node, from the scheduler's own count of them."""

import re
from collections.abc import Iterator

from gitops.core.health.reading import conditions, is_false
from gitops.core.model import ObjectKey
from gitops.core.reading import text
from gitops.core.why.lookups import describe, listed
from gitops.core.why.model import Cause, Depth, Evidence, Object, World

# As in: 0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint. preemption: …
_AVAILABLE = re.compile(r"0/(?P<all>\d+) nodes are available: (?P<why>.*)", re.DOTALL)
_PART = re.compile(r"(?P<count>\d+) (?P<what>(?:[^,{]|\{[^}]*\})+)")
_NO_CLAIM = re.compile(r'persistentvolumeclaim "(?P<name>[^"]+)" not found')
_TAINT = re.compile(r"\{(?P<taint>[^}]*)\}")

_ADVICE = {
    "unschedulable-resources": "ask for less (resources.requests), or add nodes",
    "unschedulable-taint": "tolerate the taint in the Pod's template, or take it off the nodes",
    "unschedulable-affinity": "correct nodeSelector or affinity, or label the nodes",
    "unschedulable-anti-affinity": "soften the anti-affinity or the spread, or add nodes",
    "unschedulable-volume": "volume and nodes are in different zones: see the PersistentVolume's affinity",
    "missing-claim": "put the claim into Git, or correct its name",
    "unbound-claim": "see why the claim is not bound",
    "unschedulable-ports": "another Pod has this host port on each node; do without hostPort",
    "unschedulable": "see what the scheduler says",
}


def scheduling_causes(key: ObjectKey, pod: Object, _world: World) -> Iterator[Cause]:
    """The main reason of those that the scheduler counts."""
    scheduled = conditions(pod).get("PodScheduled")
    if not scheduled or not is_false(scheduled):
        return
    said = text(scheduled.get("message"))
    seen = (Evidence(f"the scheduler says: {said or text(scheduled.get('reason'))}", describe(key)),)
    if text(scheduled.get("reason")) == "SchedulingGated":
        yield Cause(
            "scheduling-gated",
            key,
            "is not scheduled: it has scheduling gates that somebody has to take away",
            Depth.ROOT,
            seen,
            ("see spec.schedulingGates, and the controller that they belong to",),
        )
        return
    identity, why = _reason(said)
    yield Cause(
        identity,
        key,
        f"gets no node: {why}",
        Depth.STATE if identity == "unbound-claim" else Depth.ROOT,
        seen,
        (_ADVICE[identity], "kubectl get nodes; kubectl describe nodes"),
    )


def _reason(said: str) -> tuple[str, str]:
    """The scenario, and the scheduler's words made short."""
    lower = said.lower()
    if missing := _NO_CLAIM.search(said):
        return "missing-claim", f"the PersistentVolumeClaim {missing['name']} that it uses is not there"
    if "unbound immediate persistentvolumeclaims" in lower:
        return "unbound-claim", "a claim that it uses is not bound yet"
    match = _AVAILABLE.search(said)
    if not match:
        return "unschedulable", said or "the scheduler gives no reason"
    counted = re.split(r"\. |\.$", match["why"])[0]
    parts = [(int(one["count"]), one["what"].strip()) for one in _PART.finditer(counted)]
    if not parts:
        return "unschedulable", match["why"]
    parts.sort(key=lambda one: -one[0])
    words = listed([f"{count} of {match['all']} {_in_words(what)}" for count, what in parts], 4)
    return _kind(parts[0][1]), words


def _kind(what: str) -> str:
    lower = what.lower()
    for identity, signs in (
        ("unschedulable-taint", ("taint", "were unschedulable")),
        ("unschedulable-anti-affinity", ("anti-affinity", "topology spread")),
        ("unschedulable-volume", ("volume node affinity", "volume zone", "max volume count")),
        ("unschedulable-affinity", ("affinity", "selector", "nodename")),
        ("unschedulable-resources", ("insufficient", "too many pods")),
        ("unschedulable-ports", ("free ports",)),
    ):
        if any(sign in lower for sign in signs):
            return identity
    return "unschedulable"


def _in_words(what: str) -> str:
    words = what.removeprefix("node(s) ")
    if words.startswith("Insufficient "):
        return f"have too little {words.removeprefix('Insufficient ')} left"
    taint = _TAINT.search(words)
    if taint and "taint" in words:
        return f"have the taint {taint['taint'].strip().rstrip(':').strip()} that it doesn't tolerate"
    return words
