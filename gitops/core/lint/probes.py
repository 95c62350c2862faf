"""Rules about probes: when a Pod gets traffic, and when it is killed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import SERVING, WORKLOADS, Container, ObjectSet, Subject
from gitops.core.lint.severity import Severity
from gitops.core.reading import items, number, part

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_HANDLERS = ("httpGet", "tcpSocket", "grpc", "exec")
_LEAST_GRACE = 20  # seconds that a program gets to start before a probe without a startup probe kills it
_ABOUT_READINESS = re.compile(r"ready|readiness|dependenc", re.IGNORECASE)


def _no_readiness_probe(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    """Only where traffic comes: a worker without a Service needs none."""
    pod = subject.pod
    if pod is None or any(part(one.body, "readinessProbe") for one in pod.running):
        return
    services = every.services_of(subject)
    if services:
        path = pod.running[0].path if pod.running else pod.path
        message = f"Service {services[0].key.name} sends traffic to it before it can answer"
        yield Hit(f"{path}.readinessProbe", message)


def _no_liveness_probe(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    pod = subject.pod
    if pod and pod.running and not any(part(one.body, "livenessProbe") for one in pod.running):
        message = f"nothing notices when {pod.running[0].name} hangs"
        yield Hit(f"{pod.running[0].path}.livenessProbe", message)


def _hasty_liveness_probe(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.running if subject.pod else ():
        probe = part(container.body, "livenessProbe")
        if not probe:
            continue
        path = f"{container.path}.livenessProbe"
        threshold = number(probe.get("failureThreshold"), 3)
        if threshold == 1:
            yield Hit(f"{path}.failureThreshold", f"one slow answer kills {container.name}")
            continue
        grace = number(probe.get("initialDelaySeconds")) + number(probe.get("periodSeconds"), 10) * threshold
        if grace < _LEAST_GRACE and not part(container.body, "startupProbe"):
            message = f"{container.name} is killed if it takes longer than {grace} s to start"
            yield Hit(path, message)


def _liveness_depends_on_others(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.running if subject.pod else ():
        probe = part(container.body, "livenessProbe")
        request = part(probe, "httpGet")
        path = f"{container.path}.livenessProbe"
        if request.get("host") not in (None, "", "localhost", "127.0.0.1"):
            yield Hit(f"{path}.httpGet.host", f"the probe asks another host: {container.name} dies with it")
        elif _ABOUT_READINESS.search(str(request.get("path", ""))):
            message = f"{request['path']} tells whether {container.name} is ready, not whether it is alive"
            yield Hit(f"{path}.httpGet.path", message)


def _liveness_is_readiness(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.running if subject.pod else ():
        liveness, readiness = part(container.body, "livenessProbe"), part(container.body, "readinessProbe")
        if not liveness or not readiness or _ABOUT_READINESS.search(str(_asked(liveness))):
            continue
        if _asked(liveness) == _asked(readiness) and _patience(liveness) <= _patience(readiness):
            message = f"{container.name} is killed at the moment at which it should only get no traffic"
            yield Hit(f"{container.path}.livenessProbe", message)


def _asked(probe: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, part(probe, name)) for name in _HANDLERS if name in probe]


def _patience(probe: Mapping[str, Any]) -> int:
    return number(probe.get("periodSeconds"), 10) * number(probe.get("failureThreshold"), 3)


def _probe_port(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.containers if subject.pod else ():
        names = {one.get("name") for one in items(container.body, "ports")}
        for field, handler, port in _ports(container):
            if isinstance(port, str) and not port.isdigit() and port not in names:
                message = f"{container.name} has no port named {port}"
                yield Hit(f"{container.path}.{field}.{handler}.port", message)


def _ports(container: Container) -> Iterator[tuple[str, str, Any]]:
    for field in _PROBES:
        for handler in ("httpGet", "tcpSocket"):
            yield field, handler, part(container.body, field, handler).get("port")


RULES = (
    Rule(
        "no-readiness-probe",
        Severity.WARNING,
        "A Service sends traffic to Pods that don't say when they are ready.",
        "A Pod counts as ready as soon as its process runs, so each roll-out loses requests, and a broken "
        "new version replaces the good one without a pause.",
        "add a readinessProbe that answers when requests can be served",
        SERVING,
        _no_readiness_probe,
    ),
    Rule(
        "no-liveness-probe",
        Severity.INFO,
        "No container of the Pod has a liveness probe.",
        "A process that ends is started again anyway; one that hangs stays as it is. Where that can't "
        "happen, no probe is better than a bad one.",
        "add a livenessProbe that fails only when nothing but a restart helps",
        SERVING,
        _no_liveness_probe,
    ),
    Rule(
        "hasty-liveness-probe",
        Severity.WARNING,
        "The liveness probe gives up at the first slow answer, or within 20 seconds after the start.",
        "A slow start, a full node or a pause for garbage collection gets the container killed. It starts "
        "again, on the same busy node, and is killed again.",
        "add a startupProbe, and let the livenessProbe fail several times before it counts",
        SERVING,
        _hasty_liveness_probe,
    ),
    Rule(
        "liveness-depends-on-others",
        Severity.WARNING,
        "The liveness probe asks another host, or whether the program is ready.",
        "When a database or another service is away, every Pod that needs it is killed, all at once. When "
        "it is back, nobody is there to use it.",
        "let it ask for the process alone, and leave what it depends on to the readinessProbe",
        SERVING,
        _liveness_depends_on_others,
    ),
    Rule(
        "liveness-is-readiness",
        Severity.INFO,
        "Liveness and readiness probe ask the same, and the first is no more patient.",
        "An overloaded Pod should get no new traffic for a while. Here it is killed instead, and its load "
        "goes to the others.",
        "let the livenessProbe ask for less, or fail later",
        SERVING,
        _liveness_is_readiness,
    ),
    Rule(
        "probe-port",
        Severity.ERROR,
        "A probe names a port that its container doesn't have.",
        "The kubelet can't find out the port's number, so the probe always fails.",
        "name a port of the container, or give its number",
        WORKLOADS,
        _probe_port,
    ),
)
