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


class MemberLists:
    """One metadata LIST per type, which may be begun before it is known what else is to be read."""

    def __init__(self, client: Client, applyset_id: str) -> None:
        self._client = client
        self._selector = f"{APPLYSET_PART_OF_LABEL}={applyset_id}"
        self._lists: dict[Resource, asyncio.Task[dict[ObjectKey, Live] | Problem]] = {}

    def begin(self, resources: Iterable[Resource]) -> None:
        """Ask for these types, unless they have been asked for."""
        for resource in resources:
            if resource not in self._lists:
                self._lists[resource] = asyncio.create_task(self._list(resource, ""))

    def cancel(self) -> None:
        """End what is under way."""
        for task in self._lists.values():
            task.cancel()

    async def members(
        self, resources: Iterable[Resource], namespaces: Iterable[str]
    ) -> tuple[dict[ObjectKey, Live], dict[GroupKind, Problem]]:
        """Members by key, and the types that could not be read.

        Who may not list a type across the cluster is asked for each of `namespaces` instead.
        """
        wanted = list(resources)
        places = sorted(set(namespaces))
        self.begin(wanted)
        members: dict[ObjectKey, Live] = {}
        unreadable: dict[GroupKind, Problem] = {}
        answers = await asyncio.gather(*(self._answer(resource, places) for resource in wanted))
        for resource, found in zip(wanted, answers, strict=True):
            if isinstance(found, Problem):
                unreadable[resource.group_kind] = found
            else:
                members |= found
        return members, unreadable

    async def _answer(self, resource: Resource, places: list[str]) -> dict[ObjectKey, Live] | Problem:
        found = await self._lists[resource]
        if isinstance(found, Problem) and found.reason is Reason.FORBIDDEN and resource.namespaced:
            parts = await asyncio.gather(*(self._list(resource, place) for place in places))
            found = {}
            for part in parts:
                if isinstance(part, Problem):
                    return part
                found |= part
        return found

    async def _list(self, resource: Resource, namespace: str) -> dict[ObjectKey, Live] | Problem:
        return await look_at_all(self._client, resource, namespace, selector=self._selector)


async def list_members(
    client: Client, applyset_id: str, resources: Iterable[Resource], namespaces: Iterable[str]
) -> tuple[dict[ObjectKey, Live], dict[GroupKind, Problem]]:
    """Members by key, and the types that could not be read; see `MemberLists.members`."""
    return await MemberLists(client, applyset_id).members(resources, namespaces)
