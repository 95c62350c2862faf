"""Renders from a tree: sends the files that the render needs and no more, and says which these were."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gitops.core.model import Rendered, Tree, TreeFile
from gitops.core.problem import GitopsError, Reason
from gitops.core.render_options import RendererUsed
from gitops.render.client import RendererClient
from gitops.render.errors import RenderError, problems_of, unavailable
from gitops.render.limits import check_input
from gitops.render.outcome import Done
from gitops.render.protocol import RenderRequest
from gitops.render.sent_files import normal

_MOST_ROUNDS = 50  # each follows the references one step further


@dataclass(frozen=True, slots=True)
class RenderedTree:
    """A render, and all it could see: path to digest, None for what it looked for in vain."""

    rendered: Rendered
    renderer: RendererUsed
    reads: Mapping[str, str | None]


async def render_tree(
    tree: Tree, request: RenderRequest, client: RendererClient, known: Iterable[str] = ()
) -> RenderedTree:
    """Render `request` (whose files and roots are filled in here) from `tree`.

    `known` are the reads of the last render: they save rounds. Those that nothing refers to any
    more are dropped again, or a folder would stay in the key for ever. Raises what the client
    raises; a failure of the source carries the reads, so that it need not be tried again
    before they change.
    """
    path = normal(request.path)
    remembered = {normal(root) for root in known} - {path}
    roots = {path, *remembered}
    for _ in range(_MOST_ROUNDS):
        reads, files = await asyncio.to_thread(_read, tree, roots)
        filled = replace(request, files=tuple(files), roots=tuple(sorted(roots)))
        try:
            check_input(files, request.limits)
            answer = await client.render(filled)
        except GitopsError as error:
            if error.problem.reason is Reason.RENDERER_UNAVAILABLE:
                raise
            raise RenderError(problems_of(error), reads) from error
        if isinstance(answer, Done):
            stale = {root for root in remembered if not _is_used(root, answer.used)}
            if not stale:
                return RenderedTree(answer.rendered, answer.renderer, reads)
            roots -= stale
            remembered = set()
        else:
            wanted = {normal(wanted) for wanted in answer.paths} - roots
            if not wanted:
                break
            roots |= wanted
    raise unavailable(f"the files that {path or 'the root'} needs could not be found")


def _read(tree: Tree, roots: Iterable[str]) -> tuple[dict[str, str | None], list[TreeFile]]:
    reads = {root: tree.digest(root) for root in sorted(roots)}
    return reads, tree.files([root for root, digest in reads.items() if digest is not None])


def _is_used(root: str, used: Iterable[str]) -> bool:
    """Whether something at, below or above `root` was asked for."""
    return any(
        path == root or path.startswith(f"{root}/") or root.startswith(f"{path}/") or not path
        for path in used
    )
