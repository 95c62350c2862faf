"""The bare ceiling of a first sync: one apply per object, sixteen at a time, and nothing else at all."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

import aiohttp
import orjson

from gitops.core.model import GroupKind
from gitops.core.order import stage_of
from tests.bench.workload import Object

_CONCURRENCY = 16
_PLURALS = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "Namespace": "namespaces",
    "Role": "roles",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
}


def seconds_for(objects: Iterable[Object], url: str, token: str, ca_file: Path) -> float:
    """How long the requests take, with the barriers between stages that a sync has too."""
    stages = [
        [(_path(one), orjson.dumps(one)) for one in stage]
        for _, stage in groupby(sorted(objects, key=_stage), key=_stage)
    ]
    return asyncio.run(_apply(stages, url, token, ca_file))


async def _apply(stages: list[list[tuple[str, bytes]]], url: str, token: str, ca_file: Path) -> float:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/apply-patch+yaml"}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(ca_file)), limit=_CONCURRENCY)
    async with aiohttp.ClientSession(url, headers=headers, connector=connector) as session:
        began = time.perf_counter()
        for stage in stages:
            bodies = iter(stage)
            await asyncio.gather(*(_work(session, bodies) for _ in range(_CONCURRENCY)))
        return time.perf_counter() - began


async def _work(session: aiohttp.ClientSession, bodies: Iterable[tuple[str, bytes]]) -> None:
    params: Mapping[str, str] = {"fieldManager": "ceiling", "force": "true"}
    for path, body in bodies:
        async with session.patch(path, params=params, data=body) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")


def _group(obj: Object) -> str:
    return str(obj["apiVersion"].rpartition("/")[0])


def _stage(obj: Object) -> int:
    return stage_of(GroupKind(_group(obj), obj["kind"]))


def _path(obj: Object) -> str:
    root = f"/apis/{obj['apiVersion']}" if _group(obj) else "/api/v1"
    metadata = obj["metadata"]
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{place}/{_PLURALS[obj['kind']]}/{metadata['name']}"
