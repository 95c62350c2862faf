"""The reflector tells what is there through everything that happens to a watch."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from gitops.core.model import ObjectKey
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.kube.client import JSON, MERGE_PATCH, Access, Client
from gitops.kube.reflector import Reflector
from gitops.local.controlplane import ControlPlane

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS)
MINE = "gitops.example/test=reflector"


@dataclass
class Copy:
    """A sink that keeps what it was told, as the cache of the controller does."""

    objects: dict[str, Any] = field(default_factory=dict)
    replacements: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        self.objects = {obj["metadata"]["name"]: obj for obj in objects}
        self.replacements += 1

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self.objects[obj["metadata"]["name"]] = obj

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self.objects.pop(obj["metadata"]["name"], None)

    def failed(self, resource: Resource, status: int, message: str) -> None:
        self.failures.append((status, message))

    @property
    def names(self) -> set[str]:
        return set(self.objects)


class Relay:
    """A TCP relay to the API server that cuts connections or refuses them when told to."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        there = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(there[1])
        await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Reset all connections, as a restarted proxy or API server does."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def close(self) -> None:
        """Take no more connections, and cut those that are there."""
        assert self._server
        self._server.close()
        self.cut()


class World:
    """ConfigMaps in one namespace, written as the administrator."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace

    async def write(self, name: str, **data: str) -> None:
        labels = dict([MINE.split("=")])
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels},
            "data": data,
        }
        reply = await self.client.request("POST", CONFIG_MAPS.collection(self.namespace), orjson.dumps(body))
        if reply.status == 409:
            path = self.path(name)
            patch = orjson.dumps({"data": data})
            reply = await self.client.request("PATCH", path, patch, content_type=MERGE_PATCH)
        assert reply.ok, reply.failure

    async def delete(self, name: str) -> None:
        assert (await self.client.request("DELETE", self.path(name))).ok

    def path(self, name: str) -> str:
        return CONFIG_MAPS.path(ObjectKey("", "ConfigMap", self.namespace, name))


@asynccontextmanager
async def reflecting(client: Client, namespace: str) -> AsyncIterator[tuple[Copy, Reflector]]:
    sink = Copy()
    reflector = Reflector(client, CONFIG_MAPS, sink, selector=MINE, namespace=namespace)
    running = asyncio.create_task(reflector.run())
    try:
        await asyncio.wait_for(reflector.synced.wait(), 30)
        yield sink, reflector
        assert not running.done(), "a reflector ends only when it is cancelled"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is told by a sink
            await asyncio.sleep(0.02)


async def served(client: Client, path: str) -> None:
    """Wait until a new type is listed and watched: later than its definition is established.

    As long as its cache in the server is being filled, a watch is answered with a 429.
    """
    async with asyncio.timeout(30):
        while True:
            if (await client.request("GET", path)).ok:
                async with client.stream(path, {"watch": "1", "timeoutSeconds": "1"}, JSON) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.05)


@pytest.fixture
def world(client: Client, namespace: str) -> World:
    return World(client, namespace)


@pytest.fixture
async def relay(control_plane: ControlPlane) -> AsyncIterator[Relay]:
    relay = Relay(int(control_plane.url.rpartition(":")[2]))
    await relay.open()
    yield relay
    relay.close()


@pytest.fixture
async def relayed(control_plane: ControlPlane, relay: Relay, tmp_path: Path) -> AsyncIterator[Client]:
    """A client that reaches the API server through the relay."""
    kubeconfig = tmp_path / "relayed"
    text = control_plane.kubeconfig.read_text()
    kubeconfig.write_text(text.replace(control_plane.url, f"https://127.0.0.1:{relay.port}"))
    client = await Client.connect(Access(kubeconfig))
    yield client
    await client.close()


async def test_what_is_there_and_what_comes_changes_and_goes(world: World) -> None:
    await world.write("there")
    async with reflecting(world.client, world.namespace) as (sink, _):
        assert sink.names == {"there"}
        await world.write("new", k="1")
        await until(lambda: "new" in sink.names)
        await world.write("new", k="2")
        await until(lambda: sink.objects["new"]["data"] == {"k": "2"})
        await world.delete("there")
        await until(lambda: sink.names == {"new"})
        assert sink.replacements == 1
        assert not sink.failures


async def test_a_list_of_more_than_a_page_is_told_whole(world: World) -> None:
    names = {f"n{index}" for index in range(501)}
    for start in range(0, 501, 50):
        await asyncio.gather(*(world.write(name) for name in sorted(names)[start : start + 50]))
    async with reflecting(world.client, world.namespace) as (sink, _):
        assert sink.names == names
        assert sink.replacements == 1


async def test_a_big_object_does_not_break_the_line_reader(world: World) -> None:
    async with reflecting(world.client, world.namespace) as (sink, _):
        await world.write("big", k="x" * (2**20 - 100))
        await until(lambda: "big" in sink.names)
        await world.write("small", k="1")
        await until(lambda: "small" in sink.names)
        assert len(sink.objects["big"]["data"]["k"]) == 2**20 - 100
        assert sink.replacements == 1


async def test_an_object_whose_json_is_six_times_its_size_is_read_too(world: World) -> None:
    """Control characters and quotes are escaped: a line may be much longer than etcd's limit."""
    async with reflecting(world.client, world.namespace) as (sink, _):
        await world.write("quoted", k="\x01" * 400_000)
        await until(lambda: "quoted" in sink.names)
        assert sink.replacements == 1


async def test_a_cut_connection_is_made_good(world: World, relay: Relay, relayed: Client) -> None:
    async with reflecting(relayed, world.namespace) as (sink, _):
        await world.write("before")
        await until(lambda: "before" in sink.names)
        relay.cut()
        await world.write("meanwhile")
        await world.delete("before")
        await until(lambda: sink.names == {"meanwhile"})


async def test_an_api_server_that_is_away_is_waited_for_and_reported(
    world: World, relay: Relay, relayed: Client
) -> None:
    async with reflecting(relayed, world.namespace) as (sink, reflector):
        await world.write("before")
        await until(lambda: "before" in sink.names)  # the watch is open
        relay.close()
        await until(lambda: sink.failures)
        await world.write("meanwhile")
        assert sink.names == {"before"}, "what can't be read is not absent"
        await relay.open()
        await until(lambda: sink.names == {"before", "meanwhile"})
        assert reflector.restarts > 0


async def test_a_version_that_is_too_old_means_to_list_again(
    world: World, widgets: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says 410; the answer is a list, not the same request again.

    Of a type that is new, the server remembers nothing as old as version 1.
    """
    path = widgets.collection(world.namespace)
    await served(world.client, path)
    reflector = Reflector(world.client, widgets, sink := Copy(), namespace=world.namespace)
    listed = reflector._list

    async def list_as_of_long_ago() -> str:
        version = await listed()
        return "1" if sink.replacements == 1 else version

    monkeypatch.setattr(reflector, "_list", list_as_of_long_ago)
    running = asyncio.create_task(reflector.run())
    await until(lambda: sink.replacements == 2)
    assert not sink.failures, "nothing is wrong: it was only away for long"
    widget = {"apiVersion": widgets.api_version, "kind": "Widget", "metadata": {"name": "new"}}
    assert (await world.client.request("POST", path, orjson.dumps(widget))).ok
    await until(lambda: sink.names == {"new"})
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_type_that_is_not_served_is_a_failure_and_never_an_empty_list(client: Client) -> None:
    nothing = Resource("", "v1", "Nope", "nopes", namespaced=True, verbs=NEEDED_VERBS)
    sink = Copy()
    running = asyncio.create_task(Reflector(client, nothing, sink).run())
    await until(lambda: sink.failures)
    assert sink.failures[0][0] == 404
    assert sink.replacements == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_only_what_the_selectors_match_is_told(world: World) -> None:
    await asyncio.gather(world.write("one"), world.write("two"))
    sink = Copy()
    reflector = Reflector(
        world.client, CONFIG_MAPS, sink, fields="metadata.name=two", namespace=world.namespace
    )
    running = asyncio.create_task(reflector.run())
    await asyncio.wait_for(reflector.synced.wait(), 30)
    assert sink.names == {"two"}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
