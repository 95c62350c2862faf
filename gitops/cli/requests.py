"""What the commands ask of the renderer, and say of it, that need no Application and no cluster."""

import sys
from pathlib import Path

from gitops.cli.sources import Place, is_repository
from gitops.core.render_options import HelmOptions, RenderOptions
from gitops.render.protocol import RenderRequest


def request_for(target: str, place: Place, *, namespace: str, name: str) -> RenderRequest:
    """What to render of a place, as it would be for an Application of this name."""
    folder = place.path.rpartition("/")[2] if is_repository(target) else Path(target).resolve().name
    application = name or folder.lower() or "app"
    return RenderRequest(
        application=f"{namespace}/{application}",
        namespace=namespace,
        path=place.path,
        options=RenderOptions(helm=HelmOptions(release_name=application)),
    )


def split(target: str) -> tuple[str, str | None]:
    """`https://host/repo@v1` → URL and revision; the @ of `user@host:path` is none."""
    head, at, tail = target.rpartition("@")
    if at and ("://" in head or ":" in head):
        return head, tail
    return target, None


def warn(warnings: tuple[str, ...]) -> None:
    """What could not be honoured, beside the output."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
