"""Why a container doesn't run: how it died, what it waits for, which probe it fails."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.health.reading import items, number, part, text
from gitops.core.model import ObjectKey
from gitops.core.why.images import REASONS, image_cause
from gitops.core.why.lookups import describe, get, messages, namespace_flag
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
    if not is_init and part(status, "state", "running") and status.get("ready") is False:
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
    if probe := _failed_probe(key, world, ("Liveness", "Startup")):
        kind, said = probe
        return Cause(
            f"{kind.lower()}-probe",
            key,
            f"is restarted again and again: {what} fails its {kind.lower()} probe ({said})",
            Depth.ROOT,
            (*seen, Evidence(f"Event: {kind} probe failed: {said}", describe(key))),
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


def _failed_probe(key: ObjectKey, world: World, kinds: tuple[str, ...]) -> tuple[str, str] | None:
    """The newest failed probe of the Pod, of one of these kinds, and what the kubelet says of it."""
    for said in messages(world, key):
        for kind in kinds:
            head = f"{kind} probe failed"
            if said.startswith(head):
                return kind, said.removeprefix(head).lstrip(": ").strip() or "no reason is given"
    return None


def _unready(key: ObjectKey, world: World, name: str, status: Mapping[str, Any]) -> Cause | None:
    probe = _failed_probe(key, world, ("Readiness", "Startup"))
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
    kind, said = probe
    return Cause(
        f"{kind.lower()}-probe",
        key,
        f"is not ready: container {name} runs, but its {kind.lower()} probe fails ({said})",
        Depth.ROOT,
        (
            Evidence(f"Event: {kind} probe failed: {said}", describe(key)),
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
