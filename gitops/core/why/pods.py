"""Why a Pod doesn't run: its phase, its node, the scheduler, its volumes, then its containers."""

from collections.abc import Iterator

from gitops.core.health.reading import conditions, is_false, is_true, words
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, text
from gitops.core.why.containers import container_causes
from gitops.core.why.lookups import POD, describe, get
from gitops.core.why.model import Cause, Depth, Evidence, Object, World
from gitops.core.why.scheduling import scheduling_causes
from gitops.core.why.volumes import mount_causes

NODE = GroupKind("", "Node")


def is_in_trouble(pod: Object) -> bool:
    """Whether there is something to explain: it neither takes traffic nor has done its work."""
    phase = at(pod, ("status", "phase"))
    return phase != "Succeeded" and not (phase == "Running" and is_true(conditions(pod).get("Ready")))


def pod_causes(key: ObjectKey, pod: Object, world: World) -> Iterator[Cause]:
    """The first step of the walk that finds something; the later ones would only tell its consequences."""
    if not is_in_trouble(pod):
        return
    for step in (_ended, _node, scheduling_causes, container_causes, _waiting, _gates):
        found = list(step(key, pod, world))
        if found:
            yield from found
            return


def _ended(key: ObjectKey, pod: Object, _world: World) -> Iterator[Cause]:
    reason, said = text(at(pod, ("status", "reason"))), text(at(pod, ("status", "message")))
    if at(pod, ("status", "phase")) != "Failed" or not reason:
        return
    identity, what, advice = {
        "Evicted": (
            "evicted",
            "was evicted from its node",
            "set requests that fit what it uses; see the node",
        ),
        "DeadlineExceeded": (
            "deadline-exceeded",
            "ran longer than its activeDeadlineSeconds",
            "raise the deadline, or find out what takes so long",
        ),
        "NodeLost": ("node-lost", "was on a node that is gone", "see the node"),
        "NodeShutdown": (
            "node-shutdown",
            "ended with its node, which was shut down",
            "nothing, if it is run anew",
        ),
        "Preempting": ("preempted", "was removed for a Pod of higher priority", "see its PriorityClass"),
        "UnexpectedAdmissionError": ("node-refused", "was refused by its node", "see the node"),
    }.get(reason, ("pod-failed", f"failed ({reason})", "see what the kubelet says"))
    yield Cause(
        identity,
        key,
        f"{what}: {said.strip()}" if said else what,
        Depth.ROOT,
        (Evidence(f"status.reason is {reason}", describe(key)),),
        (advice,),
    )


def _node(key: ObjectKey, pod: Object, world: World) -> Iterator[Cause]:
    name = text(at(pod, ("spec", "nodeName")))
    node = world.objects.get(ObjectKey(*NODE, "", name)) if name else None
    if node is None:
        return
    ready = conditions(node).get("Ready")
    if ready and not is_true(ready):
        at_node = ObjectKey(*NODE, "", name)
        yield Cause(
            "node-not-ready",
            key,
            f"is not ready, because its node {name} is not ready: {words(ready)}",
            Depth.ROOT,
            (Evidence(f"node {name}: Ready is {text(ready.get('status'))}", describe(at_node)),),
            ("see the node's kubelet; Pods move away after some minutes, unless they tolerate it",),
        )


def _waiting(key: ObjectKey, pod: Object, world: World) -> Iterator[Cause]:
    if at(pod, ("status", "phase")) == "Pending":
        yield from mount_causes(key, pod, world)


def _gates(key: ObjectKey, pod: Object, _world: World) -> Iterator[Cause]:
    found = conditions(pod)
    for one in items(pod, "spec", "readinessGates"):
        gate = text(one.get("conditionType"))
        condition = found.get(gate)
        if condition is None or is_false(condition):
            said = words(condition) if condition else "nobody has set it yet"
            yield Cause(
                "readiness-gate",
                key,
                f"is not ready: its readiness gate {gate} is not met ({said})",
                Depth.ROOT,
                (Evidence(f"condition {gate}: {said}", get(key)),),
                ("see the controller that sets this condition",),
            )
            return


def node_causes(key: ObjectKey, node: Object, _world: World) -> Iterator[Cause]:
    """Why a node takes no Pods."""
    ready = conditions(node).get("Ready")
    if ready and not is_true(ready):
        yield Cause(
            "node-not-ready",
            key,
            f"is not ready: {words(ready)}",
            Depth.ROOT,
            (Evidence(f"Ready is {text(ready.get('status'))}", describe(key)),),
            ("see its kubelet and its network",),
        )
    for pressure in ("MemoryPressure", "DiskPressure", "PIDPressure"):
        condition = conditions(node).get(pressure)
        if condition and is_true(condition):
            yield Cause(
                "node-pressure",
                key,
                f"is short of resources ({pressure}): {words(condition)}",
                Depth.ROOT,
                (Evidence(f"{pressure} is True", describe(key)),),
                ("free or add what it lacks; Pods without requests are evicted first",),
            )


RULES = {POD: (pod_causes,), NODE: (node_causes,)}
