"""What a dry run can't show by itself: fields that others owned go with them when an object is taken over."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gitops.controller.gather import DryRun
from gitops.core.coowned import retained, shares
from gitops.core.fields import covers, paths, uncovered
from gitops.core.identity import Owner
from gitops.core.ignore import fill
from gitops.core.mask import LAST_APPLIED
from gitops.core.model import ObjectKey
from gitops.core.plan import Step
from gitops.core.problem import Reason
from gitops.core.resources import Resource
from gitops.kube.client import MERGE_PATCH, Client
from gitops.kube.objects import typed


def without_shared(result: DryRun, step: Step, owner: Owner) -> DryRun:
    """An update also removes what left Git and belongs to a manager that has let go (`core.coowned`)."""
    before, after = result.before, result.after
    if before is None:
        return result
    entries = before["metadata"].get("managedFields") or []
    if after is None:
        invalid = result.problem and result.problem.reason is Reason.INVALID_OBJECT
        taken = shares(entries, None, owner.manager, step.take) if invalid else []
        return DryRun(before, None) if taken else result
    found = shares(entries, after["metadata"].get("managedFields") or [], owner.manager, step.take)
    kept = [share.fields for share in found if not share.taken]
    shown = dict(after)
    for share in found:
        for path in sorted(paths(share.fields), key=len) if share.taken else ():
            if not any(covers(fields, path) for fields in kept):
                shown = _removed(shown, path)
    return replace(result, after=shown, problem=next(iter(retained(found, step.key)), None))


async def without_taken(client: Client, resource: Resource, result: DryRun, step: Step) -> DryRun:
    """An adoption also removes what the former managers owned and Git doesn't say.

    A dry run of the apply can't show it, since their entries are merged into ours by a request of its
    own before. What the server puts back by itself, defaults above all, is no change: so it is asked.
    """
    before, after = result.before, result.after
    if before is None or after is None:
        return result
    entries = after["metadata"].get("managedFields") or ()
    kept = [one.get("fieldsV1") or {} for one in entries if one.get("manager") not in step.take]
    going = [
        path
        for entry in entries
        if entry.get("manager") in step.take and not entry.get("subresource")
        for path in uncovered(entry.get("fieldsV1") or {}, kept)
    ]
    if not going and not result.left:
        return result
    shown = dict(after)
    for path in going:
        shown = _removed(shown, path)
    for left in result.left:
        shown = fill(shown, left, before)
    if _without_last_applied(shown) == _without_last_applied(after):
        return replace(result, after=shown)
    return replace(result, after=await _as_stored(client, resource, step.key, before, shown))


async def _as_stored(
    client: Client, resource: Resource, key: ObjectKey, before: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What the server would make of an object; as it is wanted, where the server won't say."""
    patch = merge_patch(_own_fields(before), _own_fields(wanted))
    reply = await client.request(
        "PATCH",
        resource.path(key),
        orjson.dumps(patch),
        params={"dryRun": "All"},
        content_type=MERGE_PATCH,
        label=resource.plural,
    )
    return typed(reply.json, key.group_kind) if reply.ok else wanted


def merge_patch(before: Any, after: Any) -> Any:
    """The RFC 7386 patch that makes `after` of `before`."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    patch = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before:
            patch[name] = value
        elif value != before[name]:
            patch[name] = merge_patch(before[name], value)
    return patch


def _own_fields(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the server writes: of it, nothing is to be asked."""
    metadata = {name: value for name, value in obj["metadata"].items() if name in ("labels", "annotations")}
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    return {**rest, "metadata": metadata}


def _without_last_applied(obj: Mapping[str, Any]) -> dict[str, Any]:
    own = _own_fields(obj)
    annotations = dict(own["metadata"].get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    return {**own, "metadata": {**own["metadata"], "annotations": annotations or None}}


def _removed(node: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """A copy without what is at a FieldsV1 path."""
    head, rest = path[0], path[1:]
    name = head[2:]
    if not head.startswith("f:") or name not in node:
        return node
    below = node[name]
    if not rest:
        return {key: value for key, value in node.items() if key != name}
    if isinstance(below, dict):
        return {**node, name: _removed(below, rest)}
    return {**node, name: _removed_item(below, rest)} if isinstance(below, list) else node


def _removed_item(items: list[Any], path: tuple[str, ...]) -> list[Any]:
    """A copy of a list without an item, or without what is at a path inside an item."""
    head, rest = path[0], path[1:]
    wanted = json.loads(head[2:])

    def is_meant(item: Any) -> bool:
        if head.startswith("v:"):
            return bool(item == wanted)
        return isinstance(item, dict) and all(item.get(key) == value for key, value in wanted.items())

    if rest:
        return [_removed(item, rest) if is_meant(item) else item for item in items]
    return [item for item in items if not is_meant(item)]
