"""All objects of a type, page by page, as the API server gives them."""

from collections.abc import Mapping
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
    times as fast, but holds the whole answer in memory. For types of which there are thousands at most.
    """
    chosen = {"limit": "" if at_once else _PAGE, "labelSelector": selector, "fieldSelector": fields}
    first = {name: value for name, value in chosen.items() if value}
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
                return objects
            params = {**first, "continue": token}
        if reply.status != 410:
            break
    return reply
