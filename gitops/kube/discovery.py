"""Discovery by the aggregated endpoint: two requests tell everything that a server serves."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.problem import Blame, Reason, fail
from gitops.core.resources import Catalog, Resource
from gitops.kube.client import Client
from gitops.kube.reach import raise_unanswered

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
)


async def discover(client: Client) -> Catalog:
    """Read what is served now. Raises GitopsError APIUnavailable when the server can't say.

    Source: KEP-3352, aggregated discovery (on by default since Kubernetes 1.27).
    """
    replies = await asyncio.gather(
        *(client.request("GET", path, accept=_AGGREGATED, label="discovery") for path in ("/api", "/apis"))
    )
    resources: list[Resource] = []
    unavailable: list[str] = []
    for reply in replies:
        raise_unanswered(client, reply)
        document = reply.json if reply.ok else {}
        if document.get("kind") != "APIGroupDiscoveryList":
            raise fail(
                Reason.API_UNAVAILABLE,
                f"the API server at {client.server} doesn't answer discovery "
                f"(status {reply.status}: {reply.failure.get('message', '')})",
                Blame.CLUSTER,
                advice="aggregated discovery needs Kubernetes 1.27 or newer",
            )
        for group in document["items"]:
            name = group["metadata"].get("name", "")
            for version in group["versions"]:
                if version.get("freshness") == "Stale":
                    unavailable.append(f"{name}/{version['version']}")
                resources.extend(_resources(name, version))
    return Catalog(resources, unavailable)


def _resources(group: str, version: Mapping[str, Any]) -> Iterator[Resource]:
    for one in version.get("resources", ()):
        kind = one.get("responseKind") or {}
        yield Resource(
            group=group,
            version=version["version"],
            kind=kind.get("kind", ""),
            plural=one["resource"],
            namespaced=one.get("scope") == "Namespaced",
            verbs=frozenset(one.get("verbs", ())),
            short=tuple(one.get("shortNames", ())),
        )
