"""The members of one Application by LIST: what the controller knows from its watches, for the command."""

import asyncio
from collections.abc import Iterable

from gitops.api.group import APPLYSET_PART_OF_LABEL
from gitops.core.inventory import Live
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Problem, Reason
from gitops.core.resources import Resource
from gitops.kube.client import Client
from gitops.kube.objects import look_at_all


async def list_members(
    client: Client, applyset_id: str, resources: Iterable[Resource], namespaces: Iterable[str]
) -> tuple[dict[ObjectKey, Live], dict[GroupKind, Problem]]:
    """Members by key, and the types that could not be read: one LIST per type.

    Who may not list a type across the cluster is asked for each of `namespaces` instead.
    """
    selector = f"{APPLYSET_PART_OF_LABEL}={applyset_id}"
    places = sorted(set(namespaces))

    async def one(resource: Resource) -> dict[ObjectKey, Live] | Problem:
        found = await look_at_all(client, resource, "", selector=selector)
        if isinstance(found, Problem) and found.reason is Reason.FORBIDDEN and resource.namespaced:
            parts = await asyncio.gather(
                *(look_at_all(client, resource, place, selector=selector) for place in places)
            )
            found = {}
            for part in parts:
                if isinstance(part, Problem):
                    return part
                found |= part
        return found

    wanted = list(resources)
    members: dict[ObjectKey, Live] = {}
    unreadable: dict[GroupKind, Problem] = {}
    for resource, found in zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True):
        if isinstance(found, Problem):
            unreadable[resource.group_kind] = found
        else:
            members |= found
    return members, unreadable
