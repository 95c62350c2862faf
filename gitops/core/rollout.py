"""Restart workloads whose configuration changes: a checksum of what they use, in their Pods' template.

Only ConfigMaps and Secrets of the same render count: of others nothing is known when it is planned.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from gitops.api.group import CONFIG_CHECKSUM_ANNOTATION
from gitops.core.identity import Owner, digest
from gitops.core.model import GroupKind, Manifest, ObjectKey
from gitops.core.reading import at, part
from gitops.core.references import references

# A Job runs once and a CronJob's next run reads what is there then: nothing to restart.
WORKLOADS = frozenset(GroupKind("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet"))
_CONFIGS = frozenset({GroupKind("", "ConfigMap"), GroupKind("", "Secret")})
_DATA = ("data", "binaryData", "stringData")


def is_config(key: ObjectKey) -> bool:
    """Whether Pods may read it as configuration."""
    return key.group_kind in _CONFIGS


def with_checksums(
    asking: Mapping[ObjectKey, Manifest], configs: Mapping[ObjectKey, Manifest], owner: Owner
) -> Iterator[tuple[ObjectKey, Manifest]]:
    """The workloads among `asking` that use any of `configs`, with their checksum in the Pods' template.

    The checksum is salted with the Application's uid, like the digest on each object, and covers all
    that a workload uses at once: who doesn't know the uid and all of it can't even confirm a guess.
    """
    digests: dict[ObjectKey, str] = {}
    for key, manifest in asking.items():
        if key.group_kind not in WORKLOADS:
            continue
        used = sorted(configs.keys() & uses_of(manifest, key.namespace))
        if not used:
            continue
        for one in used:
            if one not in digests:
                digests[one] = _digest_of(configs[one], owner)
        checksum = digest(owner.uid.encode(), *(f"{one} {digests[one]}".encode() for one in used))
        if changed := _with_annotation(manifest, checksum):
            yield key, changed


def uses_of(manifest: Manifest, namespace: str) -> set[ObjectKey]:
    """The ConfigMaps and Secrets that the Pods of a workload in `namespace` read."""
    pod = part(_rest(manifest), "spec", "template", "spec")
    return {ObjectKey("", one.kind, namespace, one.name) for one in references(pod)}


def checksum_of(obj: Mapping[str, Any]) -> str | None:
    """The checksum in the Pods' template of a workload; None if it has none."""
    found = _annotations(obj).get(CONFIG_CHECKSUM_ANNOTATION)
    return found if isinstance(found, str) else None


def without_checksum(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object as people should see it: a digest over Secrets is nobody's business."""
    if CONFIG_CHECKSUM_ANNOTATION not in _annotations(obj):
        return dict(obj)
    template = obj["spec"]["template"]
    kept = {name: value for name, value in _annotations(obj).items() if name != CONFIG_CHECKSUM_ANNOTATION}
    metadata = {name: value for name, value in template["metadata"].items() if name != "annotations"}
    if kept:
        metadata["annotations"] = kept
    return {**obj, "spec": {**obj["spec"], "template": {**template, "metadata": metadata}}}


def _digest_of(config: Manifest, owner: Owner) -> str:
    """Over the data alone: another label restarts nothing."""
    fields = _rest(config)
    data = {name: fields[name] for name in _DATA if fields.get(name)}
    return owner.content_of(orjson.dumps(data, option=orjson.OPT_SORT_KEYS))


def _with_annotation(manifest: Manifest, checksum: str) -> Manifest | None:
    """None where the template is none: the server says what is wrong with it."""
    fields = _rest(manifest)
    template = at(fields, ("spec", "template"))
    if not template or not isinstance(template, dict):
        return None
    metadata = {} if template.get("metadata") is None else template["metadata"]
    if not isinstance(metadata, dict):
        return None
    annotations = {} if metadata.get("annotations") is None else metadata["annotations"]
    if not isinstance(annotations, dict):
        return None
    metadata["annotations"] = {**annotations, CONFIG_CHECKSUM_ANNOTATION: checksum}
    template["metadata"] = metadata
    return replace(manifest, rest=orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)[1:-1])


def _rest(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(b"{" + manifest.rest + b"}")
    return found


def _annotations(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return part(obj, "spec", "template", "metadata", "annotations")
