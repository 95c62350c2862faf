"""One render from its files to its manifests: detection, then the renderer that fits."""

from pathlib import Path

from gitops.core.model import Rendered
from gitops.core.problem import Blame, Reason, fail
from gitops.core.render_options import RendererUsed
from gitops.render.helm import CHART_FILE, render_helm
from gitops.render.kustomize import KUSTOMIZATION_NAMES, render_kustomize
from gitops.render.limits import Budget
from gitops.render.outcome import Done, NeedPaths
from gitops.render.plain import render_plain
from gitops.render.protocol import RenderRequest
from gitops.render.sent_files import Found, SentFiles, join, normal, unsafe
from gitops.render.tools import Binaries


def render(request: RenderRequest, binaries: Binaries, folder: Path) -> Done:
    """Render a request in its private, empty `folder`.

    Raises NeedPaths for more files, GitopsError (RenderError with all problems) on failure.
    """
    path = normal(request.path)
    if path.startswith(("/", "../")) or path == ".." or "\0" in path:
        raise unsafe(f"the path {request.path!r} leaves the repository", "spec.source.path")
    files = SentFiles(request.files, request.roots or (path,))
    what, _ = files.find(path)
    if missing := files.unsent_link_targets():
        raise NeedPaths(missing)
    if what is Found.ABSENT:
        message = f"there is no {path!r} in this revision"
        raise fail(Reason.PATH_NOT_FOUND, message, Blame.SPEC, where="spec.source.path")
    renderer = request.options.renderer
    used = detect(files, path) if renderer == "auto" else renderer
    rendered = _render_as(used, files, path, request, binaries, folder)
    return Done(rendered, used, tuple(sorted(files.used)))


def detect(files: SentFiles, path: str) -> RendererUsed:
    """A chart, a kustomization, or plain manifests, by the file that marks each."""
    if files.find(join(path, CHART_FILE))[0] is Found.FILE:
        return "helm"
    if any(files.find(join(path, name))[0] is Found.FILE for name in KUSTOMIZATION_NAMES):
        return "kustomize"
    return "plain"


def _render_as(
    used: RendererUsed,
    files: SentFiles,
    path: str,
    request: RenderRequest,
    binaries: Binaries,
    folder: Path,
) -> Rendered:
    budget = Budget(request.limits)
    options = request.options
    if used == "plain":
        return render_plain(files, path, options.plain, budget)
    if used == "kustomize":
        return render_kustomize(files, path, options.kustomize, budget, binaries, folder)
    release = options.helm.release_name or request.application.rpartition("/")[2]
    return render_helm(
        files, path, options.helm, budget, binaries, folder, release=release, namespace=request.namespace
    )
