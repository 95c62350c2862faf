"""Why a container doesn't run: how it died, what it waits for, which probe it fails."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops.core.model import ObjectKey
from gitops.core.reading import items, number, part, text
from gitops.core.why.images import REASONS, image_cause
from gitops.core.why.lookups import describe, get, namespace_flag
from gitops.core.why.model import Cause, Depth, Evidence, Object, World

# Source: exit statuses of POSIX shells, 128 + number of the signal.
_EXITS = {
    0: "it ends although it should go on running",
    1: "the program failed",
    2: "the program was called wrongly or failed",
    126: "the command can't be executed",
    127: "the command was not found",
    134: "it aborted itself (SIGABRT)",
    137: "it was killed (SIGKILL)",
    139: "it crashed (SIGSEGV)",
    143: "it was asked to end (SIGTERM)",
}
_MISSING = re.compile(r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found', re.IGNORECASE)
_MISSING_KEY = re.compile(
    r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?:[^/\s]+/)?(?P<name>\S+)", re.IGNORECASE
)
_NO_COMMAND = re.compile(r'exec: "?(?P<command>[^":]+)"?: .*(?:not found|no such file|permission denied)')
_NOT_CREATED = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError"}
)
# Source: the kubelet's probers for HTTP, TCP and gRPC, and the timeout of a command.
_CONNECTIONS = (
    re.compile(r"(?P<why>HTTP probe failed with statuscode: \d+)"),
    re.compile(r"(?P<why>dial tcp [\w.:\[\]-]+: [\w /]+)"),
    re.compile(
        r"^Get .*(?P<why>context deadline exceeded|Client\.Timeout exceeded|EOF|connection reset by peer)"
    ),
    re.compile(r"^(?P<why>command .* timed out|timeout: .* within \S+)$"),
    re.compile(r"(?P<why>service unhealthy \(responded with \"\w+\"\))"),
)
_NAMES = {"secret": "Secret", "configmap": "ConfigMap"}


def container_causes(key: ObjectKey, pod: Object, world: World) -> Iterator[Cause]:
    """One cause for the first container that holds the Pod up: init containers run before all others."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for status in items(pod, "status", field):
            cause = _cause(key, pod, world, status, is_init=field.startswith("init"))
            if cause:
                yield cause
                return


def crashing(pod: Object) -> Iterator[str]:
    """The names of the containers whose last words are worth reading."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for status in items(pod, "status", field):
            if _death(status) and status.get("ready") is not True:
                yield text(status.get("name"))


def _cause(
    key: ObjectKey, pod: Object, world: World, status: Mapping[str, Any], *, is_init: bool
) -> Cause | None:
    name = text(status.get("name"))
    waiting = part(status, "state", "waiting")
    reason, said = text(waiting.get("reason")), text(waiting.get("message"))
    if reason in REASONS:
        return image_cause(key, pod, world, status)
    if missing := missing_cause(key, said, f"container {name}"):
        return missing
    died = _death(status)
    if "running" in part(status, "state") and _failed_probe(key, world, name, ("Readiness", "Startup")):
        return _unready(key, world, name, status)  # whatever ended it before, it runs now
    if died and (status.get("ready") is not True):
        return _dead(key, pod, world, status, died, is_init=is_init)
    if reason in _NOT_CREATED:
        return Cause(
            "container-not-created",
            key,
            f"can't start container {name}: {said or reason}",
            Depth.ROOT,
            (Evidence(f"container {name}: {reason}", describe(key)),),
            ("correct what it says in the container's spec",),
        )
    if not is_init and "running" in part(status, "state") and status.get("ready") is False:
        return _unready(key, world, name, status)
    return None


def missing_cause(key: ObjectKey, said: str, where: str) -> Cause | None:
    """A ConfigMap, a Secret or a key of one that is not there, as the kubelet words it."""
    if match := _MISSING_KEY.search(said):
        kind, name, wanted = _NAMES[match["kind"].lower()], match["name"], match["key"]
        command = f"kubectl describe {kind.lower()}/{name}{namespace_flag(key.namespace)}"
        return Cause(
            "missing-key",
            key,
            f"can't start: the {kind} {name} has no key {wanted}, which {where} uses",
            Depth.ROOT,
            (Evidence(f"{where}: {said}", describe(key)), Evidence(f"the keys of {kind} {name}", command)),
            (f"add {wanted} to the {kind} {name}, or correct the reference",),
        )
    if match := _MISSING.search(said):
        kind, name = _NAMES[match["kind"].lower()], match["name"]
        command = f"kubectl get {kind.lower()}s{namespace_flag(key.namespace)}"
        return Cause(
            f"missing-{kind.lower()}",
            key,
            f"can't start: the {kind} {name}, which {where} uses, is not there",
            Depth.ROOT,
            (Evidence(f"{where}: {said}", describe(key)), Evidence(f"the {kind}s that are there", command)),
            (f"put the {kind} {name} into Git, or correct the name; optional: true does without it",),
        )
    return None


def _death(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """How a container that should run ended last; empty if it never did, or ended well and for good."""
    now, before = part(status, "state", "terminated"), part(status, "lastState", "terminated")
    if now and (number(now.get("exitCode")) or text(now.get("reason")) == "OOMKilled"):
        return now
    if part(status, "state", "waiting").get("reason") == "CrashLoopBackOff":
        return before or {"exitCode": None}
    restarts = number(status.get("restartCount"))
    return before if restarts and not now else {}


def _dead(
    key: ObjectKey,
    pod: Object,
    world: World,
    status: Mapping[str, Any],
    died: Mapping[str, Any],
    *,
    is_init: bool,
) -> Cause:
    name = text(status.get("name"))
    seen = _last_words(key, world, status, died)
    what = f"init container {name}" if is_init else f"container {name}"
    if text(died.get("reason")) == "OOMKilled":
        limit = text(part(_spec(pod, name), "resources", "limits").get("memory"))
        ceiling = f"its memory limit of {limit}" if limit else "the memory that the node has"
        advice = "raise resources.limits.memory, or find out what the program needs it for"
        return Cause(
            "oom-killed",
            key,
            f"is killed again and again: {what} uses more than {ceiling} (OOMKilled)",
            Depth.ROOT,
            (*seen, Evidence(f"memory limit: {limit or 'none'}", get(key))),
            (advice, f"kubectl top pod/{key.name} --containers{namespace_flag(key.namespace)}"),
        )
    if probe := _failed_probe(key, world, name, ("Liveness", "Startup")):
        kind = probe.kind.lower()
        return Cause(
            f"{kind}-probe",
            key,
            f"is restarted again and again: {what} fails its {kind} probe ({probe.told})",
            Depth.ROOT,
            (*seen, Evidence(f"{probe.kind} probe failed: {probe.said}", describe(key), log=probe.is_log)),
            (
                "give it more time (startupProbe, failureThreshold), or correct the probe's path and port",
                "a liveness probe must not depend on other services: use the readiness probe for that",
            ),
        )
    if text(died.get("reason")) in ("StartError", "ContainerCannotRun"):
        return _not_started(key, what, text(died.get("message")), seen)
    ended = _ended(died)
    again = f", {number(status.get('restartCount'))} restarts" if number(status.get("restartCount")) else ""
    return Cause(
        "init-container-failed" if is_init else "crash",
        key,
        f"{'does not get started' if is_init else 'crashes'}: {what} ends with {ended}{again}",
        Depth.ROOT,
        seen,
        (f"read its last words above; see what changed: gitops history, {get(key)}",),
    )


def _not_started(key: ObjectKey, what: str, said: str, seen: tuple[Evidence, ...]) -> Cause:
    match = _NO_COMMAND.search(said)
    why = (
        f"the command {match['command']} can't be run in this image"
        if match
        else said or "no reason is given"
    )
    return Cause(
        "command-not-found" if match else "container-not-started",
        key,
        f"can't start {what}: {why}",
        Depth.ROOT,
        seen,
        ("correct command and args, or the image",),
    )


def _ended(died: Mapping[str, Any]) -> str:
    code = died.get("exitCode")
    if code is None:
        return "an exit code that nobody has kept"
    reason = text(died.get("reason"))
    meaning = _EXITS.get(number(code)) or ("it was ended by a signal" if number(code) > 128 else "")
    named = reason if reason not in ("", "Error", "Completed") else meaning
    return f"exit code {number(code)}" + (f" ({named})" if named else "")


def _last_words(
    key: ObjectKey, world: World, status: Mapping[str, Any], died: Mapping[str, Any]
) -> tuple[Evidence, ...]:
    name = text(status.get("name"))
    place = f"{key.name} -c {name}{namespace_flag(key.namespace)}"
    when = f" at {text(died.get('finishedAt'))}" if died.get("finishedAt") else ""
    found = [Evidence(f"container {name}: {_ended(died)}{when}", describe(key))]
    # A termination message is the program's own text, and may hold anything.
    if said := text(died.get("message")):
        found.append(
            Evidence(said.strip()[-500:], f"kubectl describe pod/{place.split(' ', maxsplit=1)[0]}", log=True)
        )
    found += [
        Evidence(line, f"kubectl logs {place} --previous", log=True)
        for line in world.logs.get((key, name), ())[-5:]
    ]
    if (key, name) not in world.logs:
        found.append(Evidence("its log before the last end", f"kubectl logs {place} --previous"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Probe:
    """A failed probe: which, what can be told in a sentence, and what the kubelet reported."""

    kind: str
    told: str
    said: str
    is_log: bool


def _failed_probe(key: ObjectKey, world: World, container: str, kinds: tuple[str, ...]) -> _Probe | None:
    """The newest failed probe of a container, of one of these kinds."""
    for event in world.events.get(key, ()):
        place = text(part(event, "involvedObject").get("fieldPath"))
        if place and f"{{{container}}}" not in place:
            continue
        message = text(event.get("message")) or text(event.get("note"))
        for kind in kinds:
            head = f"{kind} probe failed"
            if message.startswith(head):
                return _probe(kind, message.removeprefix(head).lstrip(": ").strip())
    return None


def _probe(kind: str, said: str) -> _Probe:
    """What a command printed is the program's own text; what the kubelet says of a connection is not."""
    for pattern in _CONNECTIONS:
        if match := pattern.search(said):
            return _Probe(kind, match["why"], said, is_log=False)
    return _Probe(kind, "what it printed is below" if said else "no reason is given", said, is_log=True)


def _unready(key: ObjectKey, world: World, name: str, status: Mapping[str, Any]) -> Cause | None:
    probe = _failed_probe(key, world, name, ("Readiness", "Startup"))
    if probe is None:
        started = part(status, "state", "running").get("startedAt")
        return Cause(
            "container-not-ready",
            key,
            f"is not ready: container {name} runs{f' since {started}' if started else ''}, and is not ready",
            Depth.STATE,
            (Evidence(f"container {name}: ready is false", describe(key)),),
            (
                "wait for its readiness probe, or see its log",
                f"kubectl logs {key.name} -c {name}{namespace_flag(key.namespace)}",
            ),
        )
    kind = probe.kind.lower()
    return Cause(
        f"{kind}-probe",
        key,
        f"is not ready: container {name} runs, but its {kind} probe fails ({probe.told})",
        Depth.ROOT,
        (
            Evidence(f"{probe.kind} probe failed: {probe.said}", describe(key), log=probe.is_log),
            Evidence("its log", f"kubectl logs {key.name} -c {name}{namespace_flag(key.namespace)}"),
        ),
        ("correct path and port of the probe, or what the program waits for",),
    )


def _spec(pod: Object, name: str) -> Mapping[str, Any]:
    for field in ("containers", "initContainers"):
        for one in items(pod, "spec", field):
            if one.get("name") == name:
                return one
    return {}
