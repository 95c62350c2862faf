"""A renderer process for the whole run, with the real tools, and trees on disk to render."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from gitops.core.problem import GitopsError
from gitops.core.render_options import RenderOptions
from gitops.git.folder import FolderTree
from gitops.local.binaries import ensure
from gitops.local.progress import Printed
from gitops.render.client import RendererClient
from gitops.render.closure import RenderedTree, render_tree
from gitops.render.errors import RenderError
from gitops.render.limits import Limits
from gitops.render.process import RendererProcess
from gitops.render.protocol import RenderRequest


@dataclass(frozen=True)
class Link:
    """A symbolic link in a tree."""

    target: str


Files = Mapping[str, str | bytes | Link]


class Render(Protocol):
    """Renders files as the Application shop/web with the destination namespace `shop`."""

    async def __call__(
        self,
        files: Files,
        path: str = "app",
        *,
        limits: Limits | None = None,
        known: tuple[str, ...] = (),
        **options: Any,
    ) -> RenderedTree: ...


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config, can_not_be_had: Callable[[str], None]) -> Mapping[str, Path]:
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    try:
        with capture.global_and_fixture_disabled():
            return ensure(["helm", "kustomize"], Printed())
    except GitopsError as error:
        can_not_be_had(str(error))
        raise


@pytest_asyncio.fixture(scope="session")
async def renderer(tools: Mapping[str, Path]) -> AsyncIterator[RendererProcess]:
    process = RendererProcess(helm=str(tools["helm"]), kustomize=str(tools["kustomize"]))
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
def client(renderer: RendererProcess) -> RendererClient:
    return renderer.client


@pytest.fixture
def render(client: RendererClient, tmp_path: Path) -> Render:
    async def run(
        files: Files,
        path: str = "app",
        *,
        limits: Limits | None = None,
        known: tuple[str, ...] = (),
        **options: Any,
    ) -> RenderedTree:
        folder = tmp_path / f"tree-{len(list(tmp_path.iterdir()))}"
        write(folder, files)
        request = RenderRequest(
            "shop/web", "shop", path, options=RenderOptions(**options), limits=limits or Limits()
        )
        return await render_tree(FolderTree(folder), request, client, known)

    return run


@pytest.fixture
def link() -> type[Link]:
    """Makes a symbolic link's entry of a tree from its target."""
    return Link


@pytest.fixture
def failure(render: Render) -> Callable[..., Any]:
    """Like `render`, for what has to fail: returns the RenderError."""

    async def run(*arguments: Any, **options: Any) -> RenderError:
        with pytest.raises(RenderError) as caught:
            await render(*arguments, **options)
        return caught.value

    return run


def write(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            place.symlink_to(content.target)
        else:
            place.write_bytes(content.encode() if isinstance(content, str) else content)
