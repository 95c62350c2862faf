"""Manifests and requests for the rules: our own request code, and plain requests in other people's names."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.core.drift import compare
from gitops.core.fields import apply_entry, ownership_digest
from gitops.core.identity import Owner
from gitops.core.inventory import Live, Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift
from gitops.core.resources import Catalog, Resource
from gitops.core.verdict import Verdict, judge
from gitops.kube import objects
from gitops.kube.client import JSON_PATCH, MERGE_PATCH, Client, Reply

SHOP = Owner("team-a", "shop", "6a3f8d1e-0000-4000-8000-000000000001")
CAFE = Owner("team-b", "cafe", "6a3f8d1e-0000-4000-8000-000000000002")
KUBECTL = "kubectl-client-side-apply"
NO_UID = "00000000-0000-4000-8000-000000000000"

Obj = dict[str, Any]


def config_map(name: str, data: Mapping[str, str] | None = None) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": dict(data or {"k": "1"}),
    }


def secret(name: str, data: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def pod_spec(image: str = "main:1") -> Obj:
    return {
        "containers": [
            {
                "name": "main",
                "image": image,
                "args": ["a", "b"],
                "env": [
                    {"name": "ONE", "value": "1"},
                    {"name": "TWO", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "ports": [{"name": "http", "containerPort": 80}],
            },
            {"name": "side", "image": "side:1"},
        ]
    }


def deployment(name: str, **spec: Any) -> Obj:
    """Without replicas to run, so that no Pods and no status come in between."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec()},
            **spec,
        },
    }


def service(name: str) -> Obj:
    ports = [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


def changed(obj: Obj, path: str, value: Any) -> Obj:
    """A copy with one field set: `changed(o, "spec.replicas", 3)`; None removes it."""
    result = copy.deepcopy(obj)
    *way, last = path.split(".")
    node: Any = result
    for segment in way:
        node = node[int(segment)] if isinstance(node, list) else node.setdefault(segment, {})
    if value is None:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return result


@dataclass(frozen=True)
class Place:
    """One namespace of the API server, and an account (the administrator) to write to it."""

    client: Client
    catalog: Catalog
    namespace: str

    def acting_as(self, client: Client) -> "Place":
        return replace(self, client=client)

    def resource(self, obj: Obj) -> Resource:
        found = self.catalog.at_version(obj["apiVersion"], obj["kind"])
        assert found, f"{obj['apiVersion']} {obj['kind']} is not served"
        return found

    def key(self, obj: Obj) -> ObjectKey:
        resource = self.resource(obj)
        namespace = obj["metadata"].get("namespace", self.namespace) if resource.namespaced else ""
        return ObjectKey(resource.group, resource.kind, namespace, obj["metadata"]["name"])

    def path(self, obj: Obj) -> str:
        return self.resource(obj).path(self.key(obj))

    def marked(self, obj: Obj, owner: Owner = SHOP) -> Obj:
        """With the label and the annotation that a member carries."""
        result = copy.deepcopy(obj)
        metadata = result["metadata"]
        metadata.setdefault("labels", {})[APPLYSET_PART_OF_LABEL] = owner.applyset_id
        mark = f"{owner.identity_of(self.key(obj))}.{owner.content_of(orjson.dumps(obj))}"
        metadata.setdefault("annotations", {})[APPLIED_ANNOTATION] = mark
        return result

    async def try_apply(
        self, obj: Obj, owner: Owner = SHOP, *, force: bool = False, dry_run: bool = False, manager: str = ""
    ) -> Reply:
        body = orjson.dumps(obj)
        return await objects.apply(
            self.client,
            self.resource(obj),
            self.key(obj),
            body,
            manager or owner.manager,
            force=force,
            dry_run=dry_run,
        )

    async def apply(self, obj: Obj, owner: Owner = SHOP, *, force: bool = False) -> Any:
        return success(await self.try_apply(obj, owner, force=force))

    async def reapply(self, obj: Obj, owner: Owner = SHOP, *, dry_run: bool = False) -> Any:
        """As every later apply goes out: forced, with the uid that is there."""
        uid = (await self.get(obj))["metadata"]["uid"]
        return success(
            await self.try_apply(changed(obj, "metadata.uid", uid), owner, force=True, dry_run=dry_run)
        )

    async def get(self, obj: Obj) -> Any:
        return success(await self.client.request("GET", self.path(obj)))

    async def create(self, obj: Obj, by: str = "somebody") -> Any:
        collection = self.resource(obj).collection(self.namespace)
        return success(
            await self.client.request("POST", collection, orjson.dumps(obj), params={"fieldManager": by})
        )

    async def put(self, obj: Obj, by: str = "somebody") -> Any:
        return success(
            await self.client.request("PUT", self.path(obj), orjson.dumps(obj), params={"fieldManager": by})
        )

    async def merge(self, obj: Obj, patch: Obj, by: str = "somebody", *, sub: str = "") -> Any:
        return success(await self._patch(obj, patch, by, MERGE_PATCH, sub))

    async def json_patch(self, obj: Obj, operations: list[Obj], by: str = "somebody") -> Any:
        return success(await self._patch(obj, operations, by, JSON_PATCH, ""))

    async def _patch(self, obj: Obj, body: Any, by: str, kind: str, sub: str) -> Reply:
        path = f"{self.path(obj)}/{sub}" if sub else self.path(obj)
        params = {"fieldManager": by}
        return await self.client.request("PATCH", path, orjson.dumps(body), params=params, content_type=kind)

    async def delete(self, obj: Obj) -> None:
        success(await self.client.request("DELETE", self.path(obj)))

    async def delete_if_allowed(self, obj: Obj) -> None:
        await self.client.request("DELETE", self.path(obj))

    async def is_there(self, obj: Obj) -> bool:
        return (await self.client.request("GET", self.path(obj))).status == 200

    async def look(self, obj: Obj) -> Live:
        found = await objects.look(self.client, self.resource(obj), self.key(obj))
        assert isinstance(found, Live), found
        return found

    async def observed(self, obj: Obj) -> Observed:
        return (await self.look(obj)).observed

    async def drift(self, obj: Obj, owner: Owner = SHOP) -> Drift:
        """What a dry run says about a member: the comparison of the real code."""
        while True:
            live = await self.get(obj)
            dry = await self.reapply(obj, owner, dry_run=True)
            # Controllers write too; two answers compare only at the same resourceVersion.
            if live["metadata"]["resourceVersion"] == dry["metadata"]["resourceVersion"]:
                return compare(self.key(obj), live, dry, owner.manager)

    def verdict(self, obj: Obj, reply: Reply) -> Verdict:
        assert not reply.ok, "the server didn't refuse it"
        return judge(reply.status, reply.failure, self.key(obj))


def success(reply: Reply) -> Any:
    assert reply.ok, f"{reply.status}: {reply.failure.get('message')}"
    return reply.json


def entry_of(obj: Mapping[str, Any], owner: Owner = SHOP) -> Mapping[str, Any] | None:
    return apply_entry(obj["metadata"].get("managedFields") or (), owner.manager)


def fields_of(obj: Mapping[str, Any], owner: Owner = SHOP) -> Any:
    entry = entry_of(obj, owner)
    return entry["fieldsV1"] if entry else None


def digest_of(obj: Mapping[str, Any], owner: Owner = SHOP) -> str:
    metadata = obj["metadata"]
    return ownership_digest(metadata["uid"], metadata.get("deletionTimestamp"), entry_of(obj, owner))


def managers_of(obj: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(one["manager"], one["operation"]) for one in obj["metadata"].get("managedFields") or ()]


async def a_second() -> None:
    """The times of managedFields have a resolution of one second."""
    await asyncio.sleep(1.1)


async def eventually(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until a condition holds; fails when it still doesn't."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still not so after {seconds:.0f} s")


async def eventually_async(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait until a condition that has to be asked for holds."""
    for _ in range(int(seconds / 0.1)):
        if await condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"still not so after {seconds:.0f} s")
