"""The requests that one object needs: look, apply, patch, delete. One function per request."""

from collections.abc import Mapping
from typing import Any

import orjson

from gitops.core.health import assess, counted, needs_body
from gitops.core.inventory import Absent, Live, Look, Observed, Unreadable, observe
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Problem, Reason
from gitops.core.resources import Resource
from gitops.core.verdict import judge
from gitops.kube.client import APPLY, JSON, JSON_PATCH, METADATA, METADATA_LIST, Client, Reply
from gitops.kube.listing import list_all


def remember(obj: Mapping[str, Any], kind: GroupKind, key: ObjectKey | None = None) -> Observed:
    """What is kept of a live object, its health included; `key` as in `observe`."""
    return observe(obj, kind, counted(typed(obj, kind)), key)


def typed(obj: Mapping[str, Any], kind: GroupKind) -> dict[str, Any]:
    """The object with its own type, whatever the request that it answers."""
    return {**obj, "kind": kind.kind, "apiVersion": _api_version(obj, kind)}


def _api_version(obj: Mapping[str, Any], kind: GroupKind) -> str:
    # Items of a list have no apiVersion, and PartialObjectMetadata has its own.
    given = str(obj.get("apiVersion", ""))
    return given if given.rpartition("/")[0] == kind.group else f"{kind.group}/v1" if kind.group else "v1"


def to_live(obj: Mapping[str, Any], kind: GroupKind) -> Live:
    """What a read by name says of an object."""
    return Live(remember(obj, kind), obj["metadata"])


async def look(client: Client, resource: Resource, key: ObjectKey) -> Look:
    """GET one object by name: its metadata where that is enough for its health.

    A GET without a resourceVersion is a quorum read: it can't be stale.
    """
    accept = JSON if needs_body(key.group_kind) else METADATA
    reply = await client.request("GET", resource.path(key), accept=accept, label=resource.plural)
    if reply.ok:
        return to_live(reply.json, key.group_kind)
    if reply.status == 404 and is_absent(reply):
        return Absent()
    return Unreadable(unreadable(reply, key))


def is_absent(reply: Reply) -> bool:
    """Whether a 404 speaks of the object, and not of its type, its namespace's API or a proxy."""
    failure = reply.failure
    return failure.get("kind") == "Status" and bool((failure.get("details") or {}).get("name"))


def unreadable(reply: Reply, key: ObjectKey) -> Problem:
    """The problem of a read that failed: nobody knows whether the object is there."""
    verdict = judge(reply.status, reply.failure, key)
    reason = Reason.FORBIDDEN if verdict.problem.reason is Reason.FORBIDDEN else Reason.UNREADABLE
    return Problem(
        reason,
        f"can't be read: {verdict.problem.message}",
        verdict.problem.blame,
        advice=verdict.problem.advice,
        key=key,
    )


async def look_at_all(
    client: Client, resource: Resource, namespace: str, *, selector: str = ""
) -> dict[ObjectKey, Live] | Problem:
    """A metadata-only LIST of a type in a namespace, as `Live` by key; a Problem when it failed."""
    listed = await list_all(
        client, resource, namespace, selector=selector, accept=METADATA_LIST, at_once=True
    )
    if isinstance(listed, Reply):
        return unreadable(listed, ObjectKey(resource.group, resource.kind, namespace, "*"))
    unknown = assess({})  # metadata says nothing of health
    lives = [Live(observe(item, resource.group_kind, unknown), item["metadata"]) for item in listed]
    return {live.observed.key: live for live in lives}


async def read_page(
    client: Client, resource: Resource, namespace: str, limit: int
) -> tuple[dict[ObjectKey, dict[str, Any]], bool]:
    """Up to `limit` whole objects of a type in a namespace, and whether these are all; none if it fails."""
    reply = await client.request(
        "GET", resource.collection(namespace), params={"limit": str(limit)}, label=resource.plural
    )
    if not reply.ok:
        return {}, False
    page = reply.json
    own = {"apiVersion": resource.api_version, "kind": resource.kind}
    found = {}
    for item in page.get("items") or ():
        metadata = item["metadata"]
        key = ObjectKey(resource.group, resource.kind, metadata.get("namespace", ""), metadata["name"])
        found[key] = {**own, **item}
    return found, not page["metadata"].get("continue")


async def apply(
    client: Client,
    resource: Resource,
    key: ObjectKey,
    body: bytes,
    manager: str,
    *,
    force: bool,
    dry_run: bool = False,
) -> Reply:
    """Server-side apply. `force` only with `metadata.uid` in the body (engine.md section 1)."""
    params = {"fieldManager": manager, "fieldValidation": "Strict"}
    if force:
        params["force"] = "true"
    if dry_run:
        params["dryRun"] = "All"
    return await client.request(
        "PATCH", resource.path(key), body, params=params, content_type=APPLY, label=resource.plural
    )


async def patch(
    client: Client,
    resource: Resource,
    key: ObjectKey,
    operations: list[dict[str, Any]],
    manager: str,
    *,
    resource_version: str,
) -> Reply:
    """A JSON patch that fails (422: look again) when the object moved since `resource_version`."""
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": resource_version}
    return await client.request(
        "PATCH",
        resource.path(key),
        orjson.dumps([test, *operations]),
        params={"fieldManager": manager},
        content_type=JSON_PATCH,
        label=resource.plural,
    )


async def delete(client: Client, resource: Resource, observed: Observed) -> Reply:
    """Delete exactly this object in exactly this state, its dependents in the background.

    Never the server's default propagation: a Job's Pods would stay behind.
    """
    state = {"uid": observed.uid, "resourceVersion": observed.resource_version}
    return await _delete(client, resource, observed.key, "Background", state)


async def delete_exactly(client: Client, resource: Resource, key: ObjectKey, uid: str) -> Reply:
    """Delete the object with this uid in whatever state; it is gone when its dependents are."""
    return await _delete(client, resource, key, "Foreground", {"uid": uid})


async def _delete(
    client: Client, resource: Resource, key: ObjectKey, propagation: str, preconditions: Mapping[str, str]
) -> Reply:
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": propagation,
        "preconditions": preconditions,
    }
    return await client.request("DELETE", resource.path(key), orjson.dumps(options), label=resource.plural)
