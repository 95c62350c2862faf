"""Rules about requests and limits."""

import re
from collections.abc import Iterator

from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import WORKLOADS, ObjectSet, Subject
from gitops.core.lint.quantities import MEBIBYTE, quantity
from gitops.core.lint.severity import Severity
from gitops.core.reading import items, part

_LEAST_CPU = 0.05  # cores; the quota is 5 ms of every 100 ms
_LEAST_MEMORY = 16 * MEBIBYTE
_RESOURCES = ("cpu", "memory")
_JAVA_HEAP = re.compile(r"-Xmx(\d+)([kKmMgG]?)\b")
_NODE_HEAP = re.compile(r"--max[-_]old[-_]space[-_]size=(\d+)")
_JAVA_UNITS = {"": 1.0, "k": 1024.0, "m": MEBIBYTE, "g": 1024 * MEBIBYTE}


def _no_requests(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    """A limit without a request counts as the request, so it is enough."""
    if subject.pod is None or part(subject.pod.spec, "resources", "requests"):
        return
    for container in subject.pod.running:
        requests = part(container.body, "resources", "requests")
        limits = part(container.body, "resources", "limits")
        missing = [name for name in _RESOURCES if name not in requests and name not in limits]
        if missing:
            what = " and no ".join(missing)
            yield Hit(f"{container.path}.resources.requests", f"{container.name} requests no {what}")


def _no_memory_limit(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    if subject.pod is None or part(subject.pod.spec, "resources", "limits"):
        return
    for container in subject.pod.running:
        if "memory" not in part(container.body, "resources", "limits"):
            yield Hit(f"{container.path}.resources.limits", f"{container.name} has no memory limit")


def _tight_limits(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.running if subject.pod else ():
        limits = part(container.body, "resources", "limits")
        path = f"{container.path}.resources.limits"
        cpu, memory = quantity(limits.get("cpu")), quantity(limits.get("memory"))
        if cpu is not None and cpu < _LEAST_CPU:
            yield Hit(f"{path}.cpu", f"{container.name} may use {limits['cpu']} CPU: it is throttled at once")
        # Less than a byte each is another mistake, with a rule of its own.
        if memory is not None and MEBIBYTE <= memory < _LEAST_MEMORY:
            yield Hit(
                f"{path}.memory",
                f"{container.name} may use {limits['memory']} of memory: hardly any program starts in that",
            )


def _heap_over_limit(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.running if subject.pod else ():
        limit = part(container.body, "resources", "limits").get("memory")
        bound = quantity(limit)
        if bound is None or bound < MEBIBYTE:
            continue
        words = [str(one.get("value", "")) for one in items(container.body, "env")]
        for field in ("command", "args"):
            given = container.body.get(field)
            words += [str(one) for one in given] if isinstance(given, list) else []
        for text in words:
            for option, size in _heaps(text):
                if size >= bound:
                    yield Hit(
                        f"{container.path}.resources.limits.memory",
                        f"{container.name} may use {limit} of memory; {option} lets the heap alone have it",
                    )


def _heaps(text: str) -> Iterator[tuple[str, float]]:
    for found in _JAVA_HEAP.finditer(text):
        yield found[0], int(found[1]) * _JAVA_UNITS[found[2].lower()]
    for found in _NODE_HEAP.finditer(text):
        yield found[0], int(found[1]) * MEBIBYTE


def _limit_below_request(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.containers if subject.pod else ():
        requests = part(container.body, "resources", "requests")
        limits = part(container.body, "resources", "limits")
        for name in requests.keys() & limits.keys():
            wanted, bound = quantity(requests[name]), quantity(limits[name])
            if wanted is not None and bound is not None and bound < wanted:
                message = f"{container.name} requests {requests[name]} of {name} and may use {limits[name]}"
                yield Hit(f"{container.path}.resources.limits.{name}", message)


def _memory_unit(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.containers if subject.pod else ():
        for side in ("requests", "limits"):
            value = part(container.body, "resources", side).get("memory")
            size = quantity(value)
            if size is not None and 0 < size < 1024:
                message = f"{container.name}: {value} of memory is {size:g} bytes; {_meant(str(value))}"
                yield Hit(f"{container.path}.resources.{side}.memory", message)


def _meant(value: str) -> str:
    return f"{value.rstrip('m')}Mi is probably meant"


RULES = (
    Rule(
        "no-requests",
        Severity.WARNING,
        "A container says not how much CPU or memory it needs.",
        "The scheduler counts it as nothing, so nodes get overfull. When a node runs out of memory, Pods "
        "without requests are the first to be killed, and an autoscaler can't compute with them.",
        "set resources.requests for cpu and memory to what it usually uses",
        WORKLOADS,
        _no_requests,
    ),
    Rule(
        "no-memory-limit",
        Severity.INFO,
        "A container may use all memory of its node.",
        "A leak in one program then takes down its neighbours. (A CPU limit is another matter: without one a "
        "Pod uses what is idle.)",
        "set resources.limits.memory",
        WORKLOADS,
        _no_memory_limit,
    ),
    Rule(
        "tight-limits",
        Severity.WARNING,
        "A limit is so low that the program can hardly start: CPU below 50m, memory below 16Mi.",
        "Below its CPU limit a container is stopped for most of each 100 ms, so that probes time out; above "
        "its memory limit it is killed (OOMKilled) and started again for ever.",
        "raise the limit, or leave out the CPU limit and keep the request",
        WORKLOADS,
        _tight_limits,
    ),
    Rule(
        "heap-over-limit",
        Severity.WARNING,
        "The heap of a Java or Node.js program may grow as large as the container's memory limit, or larger.",
        "The program needs memory besides its heap. It never notices that its memory is used up: the kernel "
        "kills it (OOMKilled) before.",
        "leave a quarter of the limit to what is not heap, or use -XX:MaxRAMPercentage",
        WORKLOADS,
        _heap_over_limit,
    ),
    Rule(
        "limit-below-request",
        Severity.ERROR,
        "A container requests more than its limit allows.",
        "The API server refuses it.",
        "raise the limit or lower the request",
        WORKLOADS,
        _limit_below_request,
    ),
    Rule(
        "memory-unit",
        Severity.ERROR,
        "Memory is given in bytes or thousandths of a byte.",
        "The suffix m means a thousandth, so 512m of memory is half a byte, and 512 is 512 bytes. No "
        "container starts with that.",
        "use Mi or Gi",
        WORKLOADS,
        _memory_unit,
    ),
)
