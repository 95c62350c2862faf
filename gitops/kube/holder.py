"""Who holds a Lease, looked at from outside: nothing is taken or renewed here."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gitops.kube.client import Client
from gitops.kube.lease import is_dead

_LOOK_AGAIN = 5.0  # a holder renews every 4 s


@dataclass(frozen=True, slots=True)
class Holder:
    """A Lease. `identity` is empty when nobody holds it; `alive`: it is being renewed."""

    namespace: str
    identity: str = ""
    alive: bool = False


async def find(client: Client, name: str, home: str) -> Holder | None:
    """The Lease of this name that is held, else any; in `home` alone where all can't be listed.

    None: there is none that the caller may see.
    """
    params = {"fieldSelector": f"metadata.name={name}"}
    reply = await client.request("GET", "/apis/coordination.k8s.io/v1/leases", params=params, label="leases")
    items: list[Any] = reply.json.get("items") or [] if reply.ok else []
    if not reply.ok:
        one = await _get(client, home, name)
        items = [one] if one else []
    found = [await _holder(client, one) for one in items]
    found.sort(key=lambda one: (not one.alive, one.namespace != home))
    return found[0] if found else None


async def _get(client: Client, namespace: str, name: str) -> dict[str, Any] | None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"
    reply = await client.request("GET", path, label="leases")
    return reply.json if reply.ok else None


async def _holder(client: Client, lease: dict[str, Any]) -> Holder:
    namespace, name = lease["metadata"]["namespace"], lease["metadata"]["name"]
    spec = lease.get("spec") or {}
    identity = spec.get("holderIdentity") or ""
    if not identity or is_dead(identity):
        return Holder(namespace, identity)
    renewed = spec.get("renewTime") or ""
    if not _is_fresh(renewed, float(spec.get("leaseDurationSeconds") or 15)):
        # Clocks of hosts differ: what counts is whether it moves.
        await asyncio.sleep(_LOOK_AGAIN)
        again = await _get(client, namespace, name)
        moved = ((again or {}).get("spec") or {}).get("renewTime") or ""
        return Holder(namespace, identity, alive=moved != renewed)
    return Holder(namespace, identity, alive=True)


def _is_fresh(renewed: str, seconds: float) -> bool:
    try:
        moment = datetime.fromisoformat(renewed)
    except ValueError:
        return False
    return abs((datetime.now(UTC) - moment).total_seconds()) <= seconds
