"""All objects of a type, page by page, as the API server gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops.core.resources import Resource
from gitops.kube.client import JSON, Client, Reply

_PAGE = "500"


async def list_all(
    client: Client,
    resource: Resource,
    namespace: str = "",
    *,
    selector: str = "",
    fields: str = "",
    accept: str = JSON,
    at_once: bool = False,
) -> list[Mapping[str, Any]] | Reply:
    """Every object, in one namespace or (empty) in all; the Reply of the request that failed, if one did.

    A list whose token expires between two pages (410) is begun again once: it must be of one moment.
    `at_once` asks for no pages: the API server then answers from its cache and not from etcd, three
    times as fast, but holds the whole answer in memory. For metadata, and for types of which there are
    thousands at most.
    """
    params = _params("" if at_once else _PAGE, selector, fields)
    found = await _pages(client, resource, namespace, params, accept)
    return found if isinstance(found, Reply) else found.objects


@dataclass(frozen=True, slots=True)
class Listed:
    """Objects of a type; all there are, unless it says that it is not `complete`."""

    objects: list[Mapping[str, Any]]
    complete: bool = True


async def list_up_to(
    most: int,
    client: Client,
    resource: Resource,
    namespace: str = "",
    *,
    selector: str = "",
    fields: str = "",
    accept: str = JSON,
) -> Listed | Reply:
    """As `list_all`, but no page is asked for once `most` objects are known."""
    return await _pages(client, resource, namespace, _params(_PAGE, selector, fields), accept, most)


def _params(limit: str, selector: str, fields: str) -> dict[str, str]:
    chosen = {"limit": limit, "labelSelector": selector, "fieldSelector": fields}
    return {name: value for name, value in chosen.items() if value}


async def _pages(
    client: Client,
    resource: Resource,
    namespace: str,
    first: Mapping[str, str],
    accept: str,
    most: int | None = None,
) -> Listed | Reply:
    for _ in range(2):
        objects: list[Mapping[str, Any]] = []
        params = first
        while True:
            path = resource.collection(namespace)
            reply = await client.request("GET", path, params=params, accept=accept, label=resource.plural)
            if not reply.ok:
                break
            page = reply.json
            objects.extend(page.get("items") or ())
            token = page["metadata"].get("continue")
            if not token:
                return Listed(objects)
            if most is not None and len(objects) >= most:
                return Listed(objects, complete=False)
            params = {**first, "continue": token}
        if reply.status != 410:
            break
    return reply
