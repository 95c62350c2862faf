"""What `gitops install` asks of the API server: look, try, apply, wait."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gitops.api.group import LEASE_NAME
from gitops.core.health import HealthState, assess
from gitops.core.installation import MANAGER, key_of
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import Resource
from gitops.kube import objects
from gitops.kube.client import Client, Reply
from gitops.kube.installed import RESOURCES
from gitops.kube.reach import raise_unanswered

_PAUSE = 0.3  # seconds between two looks


def resource_of(key: ObjectKey) -> Resource:
    """The type of one of the manifests."""
    return RESOURCES[key.group_kind]


async def find(client: Client, key: ObjectKey) -> Mapping[str, Any] | None:
    """The object as it is; None: the API server says that there is none. Raises GitopsError."""
    resource = resource_of(key)
    reply = await client.request("GET", resource.path(key), label=resource.plural)
    if reply.ok:
        return objects.typed(reply.json, key.group_kind)
    if reply.status == 404 and objects.is_absent(reply):
        return None
    raise_unanswered(client, reply)
    raise GitopsError(objects.unreadable(reply, key))


async def apply(client: Client, wanted: Mapping[str, Any], *, uid: str, dry_run: bool = False) -> Reply:
    """Server-side apply. `uid` not empty: also where others hold fields, but on this very object only."""
    key = key_of(wanted)
    body = {**wanted, "metadata": {**wanted["metadata"], **({"uid": uid} if uid else {})}}
    return await objects.apply(
        client, resource_of(key), key, orjson.dumps(body), MANAGER, force=bool(uid), dry_run=dry_run
    )


async def established(client: Client, key: ObjectKey, end: float) -> None:
    """Wait until a definition is served; `end` on the monotonic clock. Raises GitopsError after it."""
    while True:
        found = await find(client, key)
        conditions = ((found or {}).get("status") or {}).get("conditions") or ()
        states = {one["type"]: one for one in conditions}
        if states.get("Established", {}).get("status") == "True":
            return
        if time.monotonic() > end:
            said = states.get("NamesAccepted", {}).get("message") or "no reason is given"
            raise fail(
                Reason.WAITING,
                f"is not established: {said}",
                Blame.CLUSTER,
                advice="look at its conditions; what was applied stays, so that the next call goes on",
                key=key,
            )
        await asyncio.sleep(_PAUSE)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the Deployment is available, and if not, in words why."""

    ready: bool
    why: str


async def available(client: Client, key: ObjectKey, end: float, tell: Callable[[str], object]) -> Readiness:
    """Wait until the Deployment is available or the time is up; `tell` hears each new reason to wait."""
    said = ""
    while True:
        now = await _readiness(client, key)
        if now.ready or time.monotonic() > end:
            return now
        if now.why != said:
            said = now.why
            tell(said)
        await asyncio.sleep(_PAUSE)


async def _readiness(client: Client, key: ObjectKey) -> Readiness:
    deployment = await find(client, key)
    if deployment is None:
        return Readiness(ready=False, why="the Deployment is gone")
    health = assess(deployment)
    if health.state is HealthState.HEALTHY:
        return Readiness(ready=True, why="")
    reasons = [health.message or health.state.value, *await _pods(client, key, deployment)]
    return Readiness(ready=False, why="; ".join(reason for reason in reasons if reason))


async def _pods(client: Client, key: ObjectKey, deployment: Mapping[str, Any]) -> list[str]:
    """What its Pods that don't work say."""
    labels = deployment["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    path = f"/api/v1/namespaces/{key.namespace}/pods"
    reply = await client.request("GET", path, params={"labelSelector": selector}, label="pods")
    pods = (
        [{**one, "apiVersion": "v1", "kind": "Pod"} for one in reply.json.get("items") or ()]
        if reply.ok
        else []
    )
    judged = [(pod["metadata"]["name"], assess(pod)) for pod in pods]
    return [
        f"Pod {name}: {health.message}"
        for name, health in judged
        if health.state is not HealthState.HEALTHY and health.message
    ]


async def holder(client: Client, namespace: str) -> str:
    """Which controller holds the lease; empty: none does, or it can't be read."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE_NAME}"
    reply = await client.request("GET", path, label="leases")
    return str((reply.json.get("spec") or {}).get("holderIdentity") or "") if reply.ok else ""
