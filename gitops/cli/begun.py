"""What of a preview needs no planner: the cluster's types, the render, and the lists of what is there.

The planner takes as long to import as a render takes, so a command begins with this.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from gitops.api.application import Application
from gitops.cli.sources import Place
from gitops.cli.values import values_of
from gitops.controller.applications import Registry, owner_of
from gitops.controller.rendering import Target, options_of
from gitops.core.model import GroupKind
from gitops.core.problem import GitopsError
from gitops.core.resources import Catalog, Resource
from gitops.kube.client import Client
from gitops.kube.discovery import discover
from gitops.kube.members import MemberLists
from gitops.render.client import RendererClient
from gitops.render.closure import RenderedTree, render_tree
from gitops.render.protocol import RenderRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """What the renderer is asked for an Application in this cluster; `path` is filled in for each tree."""

    catalog: Catalog
    target: Target
    request: RenderRequest


async def ask(client: Client, app: Application, path: str = "") -> Asked:
    """Read what a render depends on. Raises GitopsError."""
    catalog, version, values = await asyncio.gather(
        discover(client), client.request("GET", "/version", label="version"), values_of(client, app)
    )
    target = Target(str(version.json.get("gitVersion", "")), catalog.api_versions(), values)
    request = RenderRequest(
        application=f"{app.metadata.namespace}/{app.metadata.name}",
        namespace=app.destination_namespace,
        path=path,
        options=options_of(app, target),
    )
    return Asked(catalog, target, request)


@dataclass(frozen=True, slots=True)
class Begun:
    """A render and lists under way."""

    app: Application
    place: Place
    asked: Asked
    renderer: RendererClient
    lists: MemberLists
    _render: "asyncio.Task[RenderedTree]"

    async def rendered(self) -> RenderedTree:
        """Wait for the render. Raises GitopsError; nothing is under way then."""
        try:
            return await self._render
        except GitopsError:
            self.lists.cancel()
            raise


async def begin(client: Client, renderer: RendererClient, app: Application, where: Place) -> Begun:
    """Have the source rendered, and ask what is there of the types that the Application had so far."""
    asked = await ask(client, app, where.path)
    render = asyncio.create_task(render_tree(where.tree, asked.request, renderer))
    lists = MemberLists(client, owner_of(app).applyset_id)
    lists.begin(served(asked.catalog, Registry.kinds_of(app)))
    return Begun(app, where, asked, renderer, lists, render)


def served(catalog: Catalog, kinds: Iterable[GroupKind]) -> list[Resource]:
    """The types that the cluster has, at their preferred version."""
    return [found for kind in kinds if (found := catalog.preferred(kind))]
