"""Release: give up an object without touching any of its fields."""

from typing import Any

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.core.identity import Owner
from gitops.core.inventory import Live
from gitops.core.resources import Resource
from gitops.kube.client import Client, Reply
from gitops.kube.objects import patch


async def release(client: Client, resource: Resource, live: Live, owner: Owner) -> Reply:
    """Remove label, annotation and our Apply entry in one patch.

    Never by an empty apply, which would delete the fields that we own.
    """
    metadata = live.metadata
    operations: list[dict[str, Any]] = []
    if (metadata.get("labels") or {}).get(APPLYSET_PART_OF_LABEL) == owner.applyset_id:
        operations.append({"op": "remove", "path": f"/metadata/labels/{_escaped(APPLYSET_PART_OF_LABEL)}"})
    if APPLIED_ANNOTATION in (metadata.get("annotations") or {}):
        operations.append({"op": "remove", "path": f"/metadata/annotations/{_escaped(APPLIED_ANNOTATION)}"})
    entries = metadata.get("managedFields") or []
    kept = [entry for entry in entries if not _is_ours(entry, owner)]
    if len(kept) < len(entries):
        # An empty list clears field management altogether; then the next manager starts afresh.
        operations.append({"op": "replace", "path": "/metadata/managedFields", "value": kept or [{}]})
    return await patch(
        client,
        resource,
        live.observed.key,
        operations,
        f"{owner.manager}",
        resource_version=live.observed.resource_version,
    )


def _is_ours(entry: dict[str, Any], owner: Owner) -> bool:
    return entry.get("manager") == owner.manager and not entry.get("subresource")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
