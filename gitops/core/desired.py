"""From rendered manifests to wanted objects: their place in the cluster, digests, and the body to apply."""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.api.spec import Ignore
from gitops.core.directives import PLAIN, ApplyMode, Directives, read
from gitops.core.hooks import WantedHook
from gitops.core.identity import Owner, digest
from gitops.core.ignore import REPLICAS, Ignored, Rules, autoscaled, omit, without
from gitops.core.model import GroupKind, Manifest, ObjectKey, Rendered
from gitops.core.order import stage_of
from gitops.core.plan import Wanted
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.reading import part
from gitops.core.resources import Catalog, Resource
from gitops.core.rollout import is_config, with_checksums
from gitops.core.waves import PLAIN_ORDER, Order, order_of

_CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")


@dataclass(frozen=True, slots=True)
class Desired:
    """What a render wants of one cluster. `problems` are objects that have no place in it.

    `left_alone` are neither applied nor pruned; `contents` is a digest over all that is wanted;
    `notes` say what is done otherwise than the repository reads.
    """

    wanted: Mapping[ObjectKey, Wanted]
    manifests: Mapping[ObjectKey, Manifest]  # the hooks' too
    problems: tuple[Problem, ...] = ()
    hooks: tuple[WantedHook, ...] = ()
    left_alone: frozenset[ObjectKey] = frozenset()
    contents: str = ""
    order: Order = PLAIN_ORDER
    notes: tuple[str, ...] = ()

    @property
    def waits_for_definitions(self) -> bool:
        return any(one.unserved for one in self.wanted.values())


def place(
    rendered: Rendered,
    owner: Owner,
    namespace: str,
    catalog: Catalog,
    ignore: Iterable[Ignore] = (),
    *,
    rollout: bool = False,
) -> Desired:
    """Give each manifest its key, with `namespace` where a namespaced object has none.

    `ignore` are fields that are left to others; with `rollout` every workload restarts when its
    configuration changes, unless it says otherwise itself.

    Duplicates that only show now (one manifest names the namespace, its twin relies on the
    default) are refused, both places named.
    """
    coming = dict(_definitions(rendered.manifests))
    rules = Rules(ignore, autoscaled(rendered.manifests, namespace))
    notes: list[str] = []
    wanted: dict[ObjectKey, Wanted] = {}
    manifests: dict[ObjectKey, Manifest] = {}
    problems: list[Problem] = []
    hooks: list[WantedHook] = []
    alone: set[ObjectKey] = set()
    for manifest in rendered.manifests:
        resource = catalog.at_version(manifest.api_version, manifest.kind)
        key = _key(manifest, resource, namespace, catalog, coming)
        if isinstance(key, Problem):
            problems.append(key)
            continue
        if key in manifests:
            problems.append(_duplicate(key, manifest, manifests[key].origin))
            continue
        directives = _directives(manifest)
        if directives.apply is ApplyMode.IGNORE:
            alone.add(key)
            continue
        manifests[key] = manifest
        if directives.hook:
            hooks.append(_hook(key, manifest, owner.content_of(manifest.body), directives))
            continue
        ignored = rules.of(key)
        wanted[key] = Wanted(
            key,
            manifest.api_version,
            owner.content_of(_counted(manifest, ignored)),
            manifest.origin,
            directives,
            resource is None,
            ignored,
        )
        if ignored.scaler and (note := _note(key, manifest, ignored)):
            notes.append(note)
    _add_checksums(wanted, manifests, owner, rollout=rollout)
    contents = _contents(wanted.values(), hooks)
    order = order_of(wanted, hooks)
    problems += order.blocked.values()
    return Desired(
        wanted, manifests, tuple(problems), tuple(hooks), frozenset(alone), contents, order, tuple(notes)
    )


def _key(
    manifest: Manifest,
    resource: Resource | None,
    namespace: str,
    catalog: Catalog,
    coming: Mapping[tuple[str, str], bool],
) -> ObjectKey | Problem:
    """Where the object goes; `coming` are kinds that the render itself defines."""
    namespaced = resource.namespaced if resource else coming.get((manifest.api_version, manifest.kind))
    if namespaced is None:
        return _unknown(manifest, catalog)
    if resource and resource.missing_verbs:
        return _unmanageable(manifest, resource)
    home = (manifest.namespace or namespace) if namespaced else ""
    return ObjectKey(manifest.group, manifest.kind, home, manifest.name)


def _counted(manifest: Manifest, ignored: Ignored) -> bytes:
    """The part of a manifest whose change is a change: a path that is left to others is none."""
    if not ignored:
        return manifest.body
    body = without(manifest, ignored.paths).body if ignored.paths else manifest.body
    # When a manager's fields are ours again, they have to be sent again.
    return body + b"".join(b"\0" + name.encode() for name in ignored.managers)


def _note(key: ObjectKey, manifest: Manifest, ignored: Ignored) -> str:
    body = orjson.loads(manifest.body)
    if omit(body, REPLICAS) is body:
        return ""
    return (
        f"{key}: its replicas are left to {ignored.scaler}; spec.replicas in {manifest.origin} counts only "
        "when it is created"
    )


def _add_checksums(
    wanted: dict[ObjectKey, Wanted], manifests: dict[ObjectKey, Manifest], owner: Owner, *, rollout: bool
) -> None:
    """Let workloads that ask for it carry the checksum of their configuration, as if Git had it."""
    asking = {
        key: manifests[key]
        for key, one in wanted.items()
        if (rollout if one.directives.rollout is None else one.directives.rollout)
    }
    if not asking:
        return
    configs = {
        key: manifests[key]
        for key in filter(is_config, manifests)
        if key not in wanted or wanted[key].directives.apply is ApplyMode.ALWAYS
    }
    for key, changed in with_checksums(asking, configs, owner):
        manifests[key] = changed
        wanted[key] = replace(wanted[key], content=owner.content_of(_counted(changed, wanted[key].ignored)))


def _directives(manifest: Manifest) -> Directives:
    """Only few objects have annotations that ask for something: the others' metadata is not parsed."""
    if b'"annotations"' not in manifest.metadata:
        return PLAIN
    annotations = orjson.loads(manifest.metadata).get("annotations") or {}
    return read(annotations).directives


def _hook(key: ObjectKey, manifest: Manifest, content: str, directives: Directives) -> WantedHook:
    assert directives.hook is not None  # noqa: S101 (for the type checker; the caller has just looked)
    return WantedHook(
        key,
        manifest.api_version,
        content,
        manifest.origin,
        directives.wave,
        directives.hook,
        generated=b'"generateName"' in manifest.metadata,
    )


def _contents(wanted: Iterable[Wanted], hooks: Iterable[WantedHook]) -> str:
    lines = [f"{one.key} {one.content}" for one in wanted]
    lines += [f"{one.key} {one.content}" for one in hooks]
    return digest("\n".join(sorted(lines)).encode())


def _definitions(manifests: Iterable[Manifest]) -> Iterable[tuple[tuple[str, str], bool]]:
    """(apiVersion, kind) → namespaced, of the CustomResourceDefinitions in the render.

    One that makes no sense defines nothing: the server says what is wrong with it when it is applied.
    """
    for manifest in manifests:
        if manifest.group_kind != _CRD:
            continue
        spec = part(orjson.loads(manifest.body), "spec")
        kind = str(part(spec, "names").get("kind", ""))
        versions = spec.get("versions")
        for version in versions if isinstance(versions, list) else ():
            api_version = f"{spec.get('group')}/{part(version).get('name')}"
            yield (api_version, kind), spec.get("scope") == "Namespaced"


def _unknown(manifest: Manifest, catalog: Catalog) -> Problem:
    served = catalog.versions_of(manifest.group_kind)
    versions = f"; it is served as {', '.join(served)}" if served else ""
    return Problem(
        Reason.UNKNOWN_KIND,
        f"the cluster doesn't know {manifest.kind} of {manifest.api_version}{versions}",
        Blame.CLUSTER,
        manifest.origin,
        "use a served version" if served else "install its CustomResourceDefinition, or correct the manifest",
        _unplaced(manifest),
    )


def _unmanageable(manifest: Manifest, resource: Resource) -> Problem:
    verbs = ", ".join(sorted(resource.missing_verbs))
    return Problem(
        Reason.UNSUPPORTED_API,
        f"{manifest.kind} of {manifest.api_version} can't be managed: its API lacks {verbs}",
        Blame.REPOSITORY,
        manifest.origin,
        "remove it from the repository",
        _unplaced(manifest),
    )


def _unplaced(manifest: Manifest) -> ObjectKey:
    return ObjectKey(manifest.group, manifest.kind, manifest.namespace, manifest.name)


def _duplicate(key: ObjectKey, manifest: Manifest, first: str) -> Problem:
    return Problem(
        Reason.DUPLICATE_OBJECT,
        f"is defined twice: in {first} and in {manifest.origin}",
        Blame.REPOSITORY,
        manifest.origin,
        "remove one of them",
        key,
    )


def body_of(manifest: Manifest, wanted: Wanted, owner: Owner, *, uid: str = "", version: str = "") -> bytes:
    """The bytes of an apply: the manifest, our label and annotation, and what it must be applied to.

    The marks are in the same request as the object itself, so that a crash can't leave an
    object that nobody owns. Only the metadata is parsed; the rest stays the bytes it was.
    """
    metadata: dict[str, Any] = orjson.loads(manifest.metadata)
    if wanted.key.namespace:
        metadata["namespace"] = wanted.key.namespace
    else:
        metadata.pop("namespace", None)
    metadata["labels"] = {**(metadata.get("labels") or {}), APPLYSET_PART_OF_LABEL: owner.applyset_id}
    mark = f"{owner.identity_of(wanted.key)}.{wanted.content}"
    metadata["annotations"] = {**(metadata.get("annotations") or {}), APPLIED_ANNOTATION: mark}
    if uid:
        metadata["uid"] = uid
    if version:
        metadata["resourceVersion"] = version
    return b'{"metadata":' + orjson.dumps(metadata) + b"," + manifest.rest + b"}"


_Packed: TypeAlias = tuple[str, str, str, str, str, str, str, str]
_Order: TypeAlias = tuple[int, str, str, str, str]


class ManifestStore:
    """Manifests by key, compressed in blocks: healing needs them at once, memory wants them small.

    A block is inflated whole, so it is kept at some ten objects: well below a millisecond. It
    holds objects that are applied one after the other, so that a sync inflates each block once.
    """

    _BLOCK = 16

    def __init__(self, manifests: Mapping[ObjectKey, Manifest]) -> None:
        keys = sorted(manifests, key=_in_order)
        parts = [keys[start : start + self._BLOCK] for start in range(0, len(keys), self._BLOCK)]
        self._count = len(keys)
        self._firsts = [_in_order(part[0]) for part in parts]  # a dictionary would be half of all memory
        self._blocks = [_deflate([_packed(key, manifests[key]) for key in part]) for part in parts]

    def __getitem__(self, key: ObjectKey) -> Manifest:
        index = bisect_right(self._firsts, _in_order(key)) - 1
        for packed in _inflate(self._blocks[index]) if index >= 0 else ():
            place_, api_version, kind, namespace, name, metadata, rest, origin = packed
            if (name, place_, kind) == (key.name, key.namespace, key.kind):
                found = Manifest(api_version, kind, namespace, name, metadata.encode(), rest.encode(), origin)
                if found.group == key.group:
                    return found
        raise KeyError(key)

    def __len__(self) -> int:
        return self._count


def _packed(key: ObjectKey, manifest: Manifest) -> _Packed:
    return (
        key.namespace,
        manifest.api_version,
        manifest.kind,
        manifest.namespace,
        manifest.name,
        manifest.metadata.decode(),
        manifest.rest.decode(),
        manifest.origin,
    )


def _deflate(block: list[_Packed]) -> bytes:
    return zlib.compress(orjson.dumps(block), level=1)


def _in_order(key: ObjectKey) -> _Order:
    """As the plan orders them."""
    return (stage_of(key.group_kind), key.group, key.kind, key.namespace, key.name)


# Few: the objects of a block are applied at the same time, and what is kept may hold Secrets' data.
@lru_cache(maxsize=4)
def _inflate(block: bytes) -> list[_Packed]:
    unpacked: list[_Packed] = orjson.loads(zlib.decompress(block))
    return unpacked
