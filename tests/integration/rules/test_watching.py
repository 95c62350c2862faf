"""Section 2 of the engine's design: watches of metadata only, and a label that was taken off."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from gitops.api.group import APPLYSET_PART_OF_LABEL
from gitops.core.health import HEALTHY
from gitops.core.inventory import Membership, observe
from gitops.core.resources import Resource
from gitops.kube.client import METADATA
from gitops.kube.reflector import Reflector
from tests.integration.rules.support import (
    SHOP,
    Place,
    config_map,
    digest_of,
    entry_of,
    eventually,
    secret,
)

SELECTOR = f"{APPLYSET_PART_OF_LABEL}={SHOP.applyset_id}"


@dataclass
class Recording:
    """A sink that remembers what it was told."""

    told: list[tuple[str, Any]] = field(default_factory=list)

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        self.told.append(("replaced", objects))

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self.told.append(("changed", obj))

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self.told.append(("deleted", obj))

    def failed(self, resource: Resource, status: int, message: str) -> None:
        self.told.append(("failed", f"{status}: {message}"))

    def last(self, what: str) -> Any:
        return next((about for told, about in reversed(self.told) if told == what), None)


@asynccontextmanager
async def reflected(place: Place, kind: str) -> AsyncIterator[Recording]:
    """The members of SHOP of one type in this place, as a metadata-only reflector tells of them."""
    resource = place.catalog.at_version("v1", kind)
    assert resource
    sink = Recording()
    reflector = Reflector(
        place.client, resource, sink, selector=SELECTOR, namespace=place.namespace, metadata_only=True
    )
    running = asyncio.create_task(reflector.run())
    try:
        await asyncio.wait_for(reflector.synced.wait(), 30)
        yield sink
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_metadata_only_watch_has_managed_fields_and_never_the_data_of_secrets(place: Place) -> None:
    await place.apply(place.marked(secret("listed", {"k": "aHVudGVyMg=="})))
    async with reflected(place, "Secret") as sink:
        whole = await place.apply(place.marked(secret("watched", {"k": "aHVudGVyMw=="})))
        await eventually(lambda: sink.last("changed"))
        seen = sink.last("changed")
        assert entry_of(seen) == entry_of(whole)
        assert digest_of(seen) == digest_of(whole)
        assert [one["metadata"]["name"] for one in sink.last("replaced")] == ["listed"]
        assert b"aHVudGVy" not in orjson.dumps(sink.told)


async def test_a_label_that_is_taken_off_reads_as_a_deletion_though_the_object_lives(place: Place) -> None:
    obj = place.marked(config_map("a"))
    await place.apply(obj)
    async with reflected(place, "ConfigMap") as sink:
        await place.merge(obj, {"metadata": {"labels": {APPLYSET_PART_OF_LABEL: None}}})
        await eventually(lambda: sink.last("deleted"))
        assert sink.last("deleted")["metadata"]["name"] == "a"
    assert await place.is_there(obj), "so a DELETED event means: look"
    assert (await place.observed(obj)).membership(SHOP) is Membership.DAMAGED


async def test_an_object_that_gets_the_label_appears_in_the_watch_and_is_foreign(place: Place) -> None:
    """Labels get copied; only a look at the rest tells that it is none of ours."""
    async with reflected(place, "ConfigMap") as sink:
        marks = place.marked(config_map("a"))["metadata"]
        copy = config_map("copy")
        copy["metadata"] |= {"labels": marks["labels"], "annotations": marks["annotations"]}
        await place.create(copy, by="human")
        await eventually(lambda: sink.last("changed"))
        kind = place.resource(copy).group_kind
        assert observe(sink.last("changed"), kind, HEALTHY).membership(SHOP) is Membership.FOREIGN


async def test_a_metadata_only_streaming_list_ends_with_a_bookmark(place: Place) -> None:
    await place.apply(place.marked(config_map("a")))
    params = {
        "watch": "1",
        "labelSelector": SELECTOR,
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "30",
    }
    path = f"/api/v1/namespaces/{place.namespace}/configmaps"
    events: list[Any] = []
    async with place.client.stream(path, params, METADATA) as response:
        assert response.status == 200
        async for line in response.content:
            events.append(orjson.loads(line))
            if events[-1]["type"] == "BOOKMARK":
                break
    added, bookmark = events
    assert added["type"] == "ADDED"
    assert added["object"]["kind"] == "PartialObjectMetadata"
    assert "data" not in added["object"]
    assert entry_of(added["object"])
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
