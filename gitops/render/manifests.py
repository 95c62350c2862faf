"""From parsed documents to manifests: lists expanded, canonical bytes, all errors."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import cast

import orjson

from gitops.core.directives import Reading, read
from gitops.core.hook_annotations import GENERATED, DirectiveError
from gitops.core.identity import digest
from gitops.core.model import Json, Manifest, Rendered
from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.render.associative import duplicate_items
from gitops.render.errors import MAX_PROBLEMS, RenderError
from gitops.render.limits import Budget, exceeded

# A manifest that carries one of these was copied from a cluster or claims to be another's member.
RESERVED_LABEL = "applyset.kubernetes.io/part-of"
RESERVED_ANNOTATION = "gitops.dev/applied"

_SERVER_OWNED = frozenset(
    ("creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink")
)
_WARN_WHEN_SET = ("uid", "resourceVersion")
_LOCAL_CONFIG = "config.kubernetes.io/local-config"


class Collector:
    """Gathers the manifests of one render, or everything that is wrong with them."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._manifests: list[Manifest] = []
        self._places: dict[tuple[str, str, str, str], str] = {}
        self._bytes = 0
        self._warnings: list[str] = []
        self._problems: list[Problem] = []

    def warn(self, message: str) -> None:
        self._warnings.append(message)

    def report(self, problem: Problem) -> None:
        """Remember an error; with MAX_PROBLEMS of them it is time to stop reading."""
        self._problems.append(problem)
        if len(self._problems) >= MAX_PROBLEMS:
            raise RenderError(self._problems)

    def add(self, value: Json, origin: str) -> None:
        """Take one parsed document; `origin` is its place for messages and for the manifest."""
        try:
            for item, place in _expanded(value, origin):
                self._add_object(item, place)
        except GitopsError as error:
            if isinstance(error, RenderError) or error.problem.reason is Reason.RENDER_LIMIT_EXCEEDED:
                raise
            self.report(error.problem)

    def finish(self) -> Rendered:
        """The result; raises RenderError with all that was reported."""
        if self._problems:
            raise RenderError(self._problems)
        return Rendered(tuple(self._manifests), tuple(self._warnings))

    def _add_object(self, body: Mapping[str, Json], origin: str) -> None:
        limits = self._budget.limits
        if len(self._manifests) >= limits.objects:
            raise exceeded(f"more than {limits.objects} documents and objects", origin)
        metadata = _metadata(body, origin)
        annotations = _texts(metadata, "annotations", origin)
        labels = _texts(metadata, "labels", origin)
        if str(annotations.get(_LOCAL_CONFIG, "")).lower() == "true":
            return
        reading = _directives(body, annotations, origin)
        if reading.directives.skip:
            return
        for warning in reading.warnings:
            self.warn(f"{origin}: {_title(body)}: {warning}")
        _refuse_reserved(labels, annotations, origin)
        if reading.directives.hook and not metadata.get("name") and metadata.get("generateName"):
            metadata = _named_by_content(body, metadata)
        manifest = self._manifest(body, metadata, origin)
        key = (manifest.group, manifest.kind, manifest.namespace, manifest.name)
        if key in self._places:
            message = f"{_title(body)} is already defined at {self._places[key]}"
            advice = "remove one of the two"
            raise fail(Reason.DUPLICATE_OBJECT, message, Blame.REPOSITORY, where=origin, advice=advice)
        self._places[key] = origin
        self._bytes += len(manifest.metadata) + len(manifest.rest)
        if self._bytes > limits.output_bytes:
            raise exceeded(f"more than {limits.output_bytes} bytes of objects", origin)
        for duplicate in duplicate_items(manifest.group, manifest.kind, body):
            self.report(_invalid(f"{_title(body)}: {duplicate} is given twice", origin).problem)
        self._manifests.append(manifest)

    def _manifest(self, body: Mapping[str, Json], metadata: Mapping[str, Json], origin: str) -> Manifest:
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if not isinstance(name, str) or not name:
            if metadata.get("generateName"):
                message = f"{_title(body)} has only metadata.generateName"
                raise _invalid(
                    message, origin, "give it a fixed metadata.name, or it would be made anew each time"
                )
            raise _invalid(f"{_title(body)} has no metadata.name", origin, "add it, as a string")
        if namespace is not None and not isinstance(namespace, str):
            raise _invalid(f"metadata.namespace of {_title(body)} must be a string", origin, "quote it")
        for field in _WARN_WHEN_SET:
            if metadata.get(field):
                self.warn(f"{origin}: metadata.{field} of {_title(body)} is the cluster's own; it is ignored")
        kept = {
            field: value
            for field, value in metadata.items()
            if field not in _SERVER_OWNED and value is not None
        }
        rest = {field: value for field, value in body.items() if field not in ("metadata", "status")}
        if body["kind"] == "Secret" and body["apiVersion"] == "v1":
            rest = _with_encoded_data(rest, origin)
        try:
            return Manifest(
                api_version=cast("str", body["apiVersion"]),
                kind=cast("str", body["kind"]),
                namespace=namespace or "",
                name=name,
                metadata=orjson.dumps(kept, option=orjson.OPT_SORT_KEYS),
                rest=orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)[1:-1],
                origin=origin,
            )
        except orjson.JSONEncodeError as error:
            # Surrogates in JSON's \uD800 escapes, or aliases that nest deeper than JSON is written.
            raise _invalid(f"{_title(body)} can't be written as JSON: {error}", origin) from error


def _invalid(message: str, where: str, advice: str = "") -> GitopsError:
    return fail(Reason.INVALID_MANIFEST, message, Blame.REPOSITORY, where=where, advice=advice)


def _title(body: Mapping[str, Json]) -> str:
    """`Deployment web`: how messages name an object that is not known to be valid."""
    metadata = body.get("metadata")
    name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, dict) else None
    return f"{body.get('kind')} {name}" if name else f"{body.get('kind')}"


def _expanded(value: Json, origin: str) -> Iterable[tuple[Mapping[str, Json], str]]:
    """The object itself, or a list's items with their places.

    A typed list (`ConfigMapList`) has no name; a custom kind that merely ends in List has one.
    """
    if not isinstance(value, dict):
        raise _invalid(f"an object is expected, not {_type_name(value)}", origin)
    kind, version, items = value.get("kind"), value.get("apiVersion"), value.get("items")
    metadata = value.get("metadata")
    named = isinstance(metadata, dict) and bool(metadata.get("name"))
    if not isinstance(kind, str) or not kind.endswith("List") or named or "items" not in value:
        return [(value, origin)]
    if items is None:
        return []
    if not isinstance(items, list):
        raise _invalid(f"items of {kind} must be a list", origin)
    default = {} if kind == "List" else {"apiVersion": version, "kind": kind.removesuffix("List")}
    found: list[tuple[Mapping[str, Json], str]] = []
    for position, item in enumerate(items):
        place = f"{origin} items[{position}]"
        if not isinstance(item, dict):
            raise _invalid(f"an object is expected, not {_type_name(item)}", place)
        found.extend(_expanded({**default, **item}, place))
    return found


def _type_name(value: Json) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "null")


def _metadata(body: Mapping[str, Json], origin: str) -> Mapping[str, Json]:
    for field in ("apiVersion", "kind"):
        value = body.get(field)
        if not isinstance(value, str) or not value:
            other = "kind" if field == "apiVersion" else "apiVersion"
            raise _invalid(f"{field} is missing or no string ({other}: {body.get(other)})", origin)
    metadata = body.get("metadata")
    if metadata is None:
        raise _invalid(f"{_title(body)} has no metadata.name", origin, "add it, as a string")
    if not isinstance(metadata, dict):
        raise _invalid(f"metadata of {_title(body)} must be a mapping", origin)
    return metadata


def _directives(body: Mapping[str, Json], annotations: Mapping[str, Json], origin: str) -> Reading:
    try:
        return read({name: value for name, value in annotations.items() if isinstance(value, str)})
    except DirectiveError as error:
        raise _invalid(f"{_title(body)}: {error}", origin) from error


def _named_by_content(body: Mapping[str, Json], metadata: Mapping[str, Json]) -> Mapping[str, Json]:
    """A hook may leave its name to the server; ours is known before, so that it never runs twice."""
    try:
        content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        content = b""  # refused with its reason when the manifest is written
    return {**metadata, "name": f"{metadata['generateName']}{digest(content)[:GENERATED]}"}


def _texts(metadata: Mapping[str, Json], field: str, origin: str) -> Mapping[str, Json]:
    """Labels or annotations: the API server takes strings only, and says so without a place."""
    found = metadata.get(field)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _invalid(f"metadata.{field} must be a mapping", origin)
    for name, value in found.items():
        if value is not None and not isinstance(value, str):
            raise _invalid(f"metadata.{field}[{name}] must be a string", origin, "quote it")
    return found


def _refuse_reserved(labels: Mapping[str, Json], annotations: Mapping[str, Json], origin: str) -> None:
    for names, reserved, what in (
        (labels, RESERVED_LABEL, "label"),
        (annotations, RESERVED_ANNOTATION, "annotation"),
    ):
        if reserved in names:
            message = f"the {what} {reserved} says who owns an object and may not come from Git"
            advice = f"remove the {what}"
            raise fail(Reason.RESERVED_METADATA, message, Blame.REPOSITORY, where=origin, advice=advice)


def _with_encoded_data(secret: Mapping[str, Json], origin: str) -> dict[str, Json]:
    """`stringData` as `data`: nobody owns a write-only field, so its drift would go unseen.

    Messages name keys and never values.
    """
    data = _secret_part(secret, "data", origin)
    for key, value in data.items():
        if value is None:
            continue
        try:
            # Go's decoder, the API server's, ignores line breaks as well.
            binascii.a2b_base64(value.replace("\n", "").replace("\r", ""), strict_mode=True)
        except ValueError:
            advice = "encode it, or put the text under stringData"
            raise _invalid(f"data[{key}] of a Secret is not Base64", origin, advice) from None
    encoded: dict[str, Json] = dict(data)
    for key, value in _secret_part(secret, "stringData", origin).items():
        encoded[key] = base64.b64encode((value or "").encode()).decode()
    rest = {field: value for field, value in secret.items() if field != "stringData"}
    if encoded:
        rest["data"] = encoded
    return rest


def _secret_part(secret: Mapping[str, Json], field: str, origin: str) -> Mapping[str, str | None]:
    part = secret.get(field)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise _invalid(f"{field} of a Secret must be a mapping", origin)
    for key, value in part.items():
        if value is not None and not isinstance(value, str):
            raise _invalid(f"{field}[{key}] of a Secret must be a string", origin, "quote it")
    return cast("Mapping[str, str | None]", part)
