"""From a commit to manifests: renders only when something that the render reads has changed."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops.api.application import Application
from gitops.core.model import Rendered, Tree
from gitops.core.problem import GitopsError
from gitops.core.render_options import (
    GivenValues,
    HelmOptions,
    KustomizeOptions,
    PlainOptions,
    Renderer,
    RendererUsed,
    RenderOptions,
)
from gitops.core.renderkey import render_key
from gitops.render.client import RendererClient
from gitops.render.closure import RenderedTree, render_tree
from gitops.render.errors import RenderError
from gitops.render.protocol import RenderRequest

if TYPE_CHECKING:  # a command renders without it
    from gitops.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Target:
    """What of the cluster a chart can ask for, and what is given to it from there."""

    kube_version: str
    api_versions: tuple[str, ...]
    values: tuple[GivenValues, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderMemory:
    """What a render read, and its key; `failure` when it failed: it isn't tried again before it changes."""

    path: str
    reads: Mapping[str, str | None]
    used: RendererUsed
    key: str
    failure: GitopsError | None = None


def options_of(app: Application, target: Target | None) -> RenderOptions:
    """The render options that an Application's spec asks for."""
    render = app.spec.render
    chosen: Renderer = "auto"
    if render.kustomize:
        chosen = "kustomize"
    elif render.helm:
        chosen = "helm"
    elif render.plain:
        chosen = "plain"
    plain, kustomize, helm = render.plain, render.kustomize, render.helm
    return RenderOptions(
        renderer=chosen,
        plain=PlainOptions(plain.include, plain.exclude) if plain else PlainOptions(),
        kustomize=KustomizeOptions(
            tuple(_image(one.name, one.new_name, one.new_tag, one.digest) for one in kustomize.images),
            kustomize.name_prefix or "",
            kustomize.name_suffix or "",
        )
        if kustomize
        else KustomizeOptions(),
        helm=HelmOptions(
            release_name=(helm.release_name if helm else None) or app.metadata.name,
            values_files=helm.values_files if helm else (),
            values=helm.values if helm else {},
            kube_version=target.kube_version if target else None,
            api_versions=target.api_versions if target else None,
            values_from=target.values if target else (),
        ),
    )


def _image(name: str, new_name: str | None, new_tag: str | None, digest: str | None) -> str:
    """The spelling of `kustomize edit set image`."""
    end = f"@{digest}" if digest else f":{new_tag}" if new_tag else ""
    return f"{name}={new_name}{end}" if new_name else f"{name}{end}"


class Renders:
    """Asks the renderer, when it has to be asked."""

    def __init__(self, client: RendererClient, metrics: "Metrics") -> None:
        self._client = client
        self._metrics = metrics

    async def unchanged(
        self, app: Application, tree: Tree, target: Target | None, last: RenderMemory
    ) -> bool:
        """Whether a render of this tree would be the one that `last` describes."""
        if app.spec.source.path != last.path:  # what was read elsewhere may all be unchanged
            return False
        reads = await asyncio.to_thread(lambda: {path: tree.digest(path) for path in last.reads})
        return await self._key(app, reads, last.used, target) == last.key

    async def recall(self, app: Application, tree: Tree, target: Target | None) -> RenderMemory | None:
        """What the status says of the applied render, if a render of this tree would be the same."""
        known, key = app.status.render_reads, app.status.render_key
        if known is None or not key:
            return None
        reads = await asyncio.to_thread(lambda: {path: tree.digest(path) for path in known.paths})
        if await self._key(app, reads, known.renderer, target) != key:
            return None
        return RenderMemory(app.spec.source.path, reads, known.renderer, key)

    async def render(
        self, app: Application, tree: Tree, target: Target | None, last: RenderMemory | None
    ) -> tuple[Rendered, RenderMemory]:
        """Render; `last` saves rounds. Raises GitopsError: a RenderError carries what it read."""
        request = RenderRequest(
            application=f"{app.metadata.namespace}/{app.metadata.name}",
            namespace=app.destination_namespace,
            path=app.spec.source.path,
            options=options_of(app, target),
        )
        began = time.monotonic()
        done: RenderedTree = await render_tree(tree, request, self._client, last.reads if last else ())
        self._metrics.rendered(done.renderer, time.monotonic() - began)
        self._metrics.phase("render", time.monotonic() - began)
        key = await self._key(app, done.reads, done.renderer, target)
        return done.rendered, RenderMemory(request.path, done.reads, done.renderer, key)

    async def remember_failure(
        self, app: Application, target: Target | None, error: RenderError, used: RendererUsed
    ) -> RenderMemory:
        """A failure of the source as a memory: the same input fails again, so it isn't rendered again."""
        reads = dict(error.reads)
        key = await self._key(app, reads, used, target)
        return RenderMemory(app.spec.source.path, reads, used, key, error)

    async def _key(
        self,
        app: Application,
        reads: Mapping[str, str | None],
        used: RendererUsed,
        target: Target | None,
    ) -> str:
        return key_of_render(app, reads, used, target, await self._client.version())


def key_of_render(
    app: Application,
    reads: Mapping[str, str | None],
    used: RendererUsed,
    target: Target | None,
    renderer_version: str,
) -> str:
    """The render key of what an Application asks for."""
    return render_key(
        reads,
        options_of(app, target),
        used,
        application=f"{app.metadata.namespace}/{app.metadata.name}",
        namespace=app.destination_namespace,
        renderer_version=renderer_version,
        # These make other digests of the same manifests.
        placed=(repr(app.spec.ignore) if app.spec.ignore else "")
        + ("rollout" if app.spec.sync.rollout_on_config_change else ""),
    )
