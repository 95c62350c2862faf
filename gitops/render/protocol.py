"""The messages between controller and renderer: a fixed prefix, a JSON header, raw bytes.

No pickle: neither side trusts the other's objects, and the renderer may have been taken over
by what it renders. Lengths come first, so that a bound is checked before anything is read.
"""

import json
import math
import struct
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from gitops.core.model import Json, Manifest, ObjectKey, Rendered, TreeFile
from gitops.core.problem import Blame, GitopsError, Problem, Reason
from gitops.core.render_options import (
    GivenValues,
    HelmOptions,
    KustomizeOptions,
    PlainOptions,
    RenderOptions,
)
from gitops.render.errors import RenderError, unavailable
from gitops.render.health import (
    HEALTH_LIMITS,
    Faults,
    HealthRequest,
    Verdicts,
    faults_of,
    header_of,
    request_of,
    verdicts_of,
)
from gitops.render.limits import MEBIBYTE, Limits
from gitops.render.outcome import Done, NeedPaths

# Magic, length of the header, length of the body, seconds, bytes of memory. A request's prefix
# is all that the renderer's parent process reads; the child does the rest.
PREFIX = struct.Struct("!4sIQdQ")
_MAGIC = b"GOR1"
HEADER_LIMIT = 64 * MEBIBYTE
_LONGEST_SECONDS = 3600.0
_MESSAGE_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One render: the files that it may see, and how to render them.

    `application` is "namespace/name" and `namespace` the destination's. `roots` are the paths
    of which all that the tree has at and below them is in `files`; empty: only `path`.
    """

    application: str
    namespace: str
    path: str
    files: tuple[TreeFile, ...] = field(default=(), repr=False)
    options: RenderOptions = field(default_factory=RenderOptions)
    limits: Limits = field(default_factory=Limits)
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The reply to a question about health."""

    verdicts: Verdicts = ()
    faults: Faults = ()


Reply: TypeAlias = Done | NeedPaths | Judged | str


@dataclass(frozen=True, slots=True)
class Prefix:
    """The decoded start of a message."""

    header: int  # bytes
    body: int  # bytes
    seconds: float
    memory_bytes: int


def encode_request(request: RenderRequest) -> list[bytes]:
    """The message for one render, in pieces (files are not copied)."""
    header: dict[str, Json] = {
        "application": request.application,
        "namespace": request.namespace,
        "path": request.path,
        "roots": list(request.roots or (request.path,)),
        "files": [[file.path, file.mode, len(file.content)] for file in request.files],
        "options": asdict(request.options),
        "limits": asdict(request.limits),
    }
    return _message(header, [file.content for file in request.files], request.limits)


def encode_health_request(request: HealthRequest) -> list[bytes]:
    """The message that asks for the health of objects by rules of users."""
    return _message(header_of(request), list(request.objects), HEALTH_LIMITS)


def encode_version_request() -> list[bytes]:
    """The message that asks for the versions of renderer and tools."""
    return _message({"version": True}, [], Limits())


def decode_prefix(data: bytes) -> Prefix:
    """Raises ValueError when it can't be the start of a message."""
    magic, header, body, seconds, memory = PREFIX.unpack(data)
    if magic != _MAGIC or header > HEADER_LIMIT or not math.isfinite(seconds) or memory <= 0:
        raise ValueError("this is no message of the renderer's protocol")
    return Prefix(header, body, min(max(seconds, 0.0), _LONGEST_SECONDS), memory)


def decode_request(header: bytes, body: bytes) -> RenderRequest | HealthRequest | None:
    """The request, None when it asks for the version; only for messages of `encode_*`."""
    fields = json.loads(header)
    if fields.get("version"):
        return None
    if "health" in fields:
        return request_of(fields, body)
    position = 0
    files: list[TreeFile] = []
    for path, mode, size in fields["files"]:
        files.append(TreeFile(path, mode, body[position : position + size]))
        position += size
    options = fields["options"]
    helm = options["helm"]
    versions = helm["api_versions"]
    return RenderRequest(
        application=fields["application"],
        namespace=fields["namespace"],
        path=fields["path"],
        files=tuple(files),
        options=RenderOptions(
            renderer=options["renderer"],
            plain=PlainOptions(**{name: tuple(globs) for name, globs in options["plain"].items()}),
            kustomize=KustomizeOptions(
                **{**options["kustomize"], "images": tuple(options["kustomize"]["images"])}
            ),
            helm=HelmOptions(
                release_name=helm["release_name"],
                values_files=tuple(helm["values_files"]),
                values=helm["values"],
                values_from=tuple(GivenValues(**one) for one in helm["values_from"]),
                kube_version=helm["kube_version"],
                api_versions=None if versions is None else tuple(versions),
            ),
        ),
        limits=Limits(**fields["limits"]),
        roots=tuple(fields["roots"]),
    )


def encode_done(done: Done) -> list[bytes]:
    """The reply with a result."""
    manifests = done.rendered.manifests
    header: dict[str, Json] = {
        "manifests": [
            [
                each.api_version,
                each.kind,
                each.namespace,
                each.name,
                each.origin,
                len(each.metadata),
                len(each.rest),
            ]
            for each in manifests
        ],
        "warnings": list(done.rendered.warnings),
        "hidden": list(done.rendered.hidden),
        "renderer": done.renderer,
        "used": list(done.used),
    }
    return _message(header, [part for each in manifests for part in (each.metadata, each.rest)])


def encode_need(need: NeedPaths) -> list[bytes]:
    """The reply that asks for more files."""
    return _message({"need": list(need.paths)}, [])


def encode_problems(problems: tuple[Problem, ...]) -> list[bytes]:
    """The reply of a render that failed."""
    described: list[Json] = [
        {
            "reason": problem.reason.value,
            "message": problem.message,
            "blame": problem.blame.value,
            "where": problem.where,
            "advice": problem.advice,
            "key": [problem.key.group, problem.key.kind, problem.key.namespace, problem.key.name]
            if problem.key
            else None,
        }
        for problem in problems
    ]
    return _message({"problems": described}, [])


def encode_answer(header: dict[str, Json]) -> list[bytes]:
    """The reply to a question about health."""
    return _message(header, [])


def encode_version(version: str) -> list[bytes]:
    """The reply with the versions."""
    return _message({"version": version}, [])


def decode_reply(header: bytes, body: bytes) -> Reply | GitopsError:
    """A reply as the controller reads it; RENDERER_UNAVAILABLE for anything malformed."""
    try:
        fields = json.loads(header)
        if "manifests" in fields:
            return _decode_done(fields, body)
        if "need" in fields:
            return NeedPaths(_text(path) for path in fields["need"])
        if "problems" in fields:
            return RenderError([_problem(each) for each in fields["problems"]])
        if "verdicts" in fields:
            return Judged(verdicts_of(fields["verdicts"]))
        if "faults" in fields:
            return Judged(faults=faults_of(fields["faults"]))
        return _text(fields["version"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise unavailable("the renderer's reply makes no sense") from error


def _decode_done(fields: dict[str, Any], body: bytes) -> Done:
    position = 0
    manifests: list[Manifest] = []
    for version, kind, namespace, name, origin, metadata_size, rest_size in fields["manifests"]:
        end = position + _size(metadata_size)
        metadata = body[position:end]
        position = end + _size(rest_size)
        described = json.loads(metadata)
        # The metadata decides over what an apply touches; it must be the object that was named.
        if described["name"] != name or (described.get("namespace") or "") != namespace:
            raise ValueError("metadata of another object")
        rest = body[end:position]
        texts = map(_text, (version, kind, namespace, name, origin))
        manifests.append(_manifest(*texts, metadata=metadata, rest=rest))
    if position != len(body):
        raise ValueError("the body has another length")
    if fields["renderer"] not in ("plain", "kustomize", "helm"):
        raise ValueError("an unknown renderer")
    warnings = tuple(_text(warning) for warning in fields["warnings"])
    hidden = tuple(_text(value) for value in fields["hidden"])
    rendered = Rendered(tuple(manifests), warnings, hidden)
    return Done(rendered, fields["renderer"], tuple(map(_text, fields["used"])))


def _manifest(
    version: str, kind: str, namespace: str, name: str, origin: str, *, metadata: bytes, rest: bytes
) -> Manifest:
    return Manifest(version, kind, namespace, name, metadata, rest, origin)


def _problem(fields: dict[str, Any]) -> Problem:
    key = fields["key"]
    return Problem(
        Reason(fields["reason"]),
        _text(fields["message"])[:_MESSAGE_CHARACTERS],
        Blame(fields["blame"]),
        _text(fields["where"]),
        _text(fields["advice"]),
        ObjectKey(*map(_text, key)) if key else None,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text is expected")
    return value


def _size(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("a size is expected")
    return value


def _message(header: dict[str, Json], parts: list[bytes], limits: Limits | None = None) -> list[bytes]:
    encoded = json.dumps(header, separators=(",", ":")).encode()
    seconds, memory = (limits.seconds, limits.memory_bytes) if limits else (0.0, 1)
    prefix = PREFIX.pack(_MAGIC, len(encoded), sum(map(len, parts)), seconds, memory)
    return [prefix, encoded, *parts]
