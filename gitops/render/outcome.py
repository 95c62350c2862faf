"""What a render can answer besides an error: a result, or the paths that it needs as well."""

from collections.abc import Iterable
from dataclasses import dataclass

from gitops.core.model import Rendered
from gitops.core.render_options import RendererUsed


class NeedPaths(Exception):
    """The render needs files that were not sent; `paths` are relative to the tree."""

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__("more files are needed")
        self.paths = tuple(sorted(paths))


@dataclass(frozen=True, slots=True)
class Done:
    """A finished render; `used` are the sent roots that something refers to."""

    rendered: Rendered
    renderer: RendererUsed
    used: tuple[str, ...]
