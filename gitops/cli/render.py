"""`gitops render`: the desired objects of a folder or a repository."""

import json
from pathlib import Path
from typing import Any

import yaml

from gitops.cli.ahead import Ready
from gitops.cli.options import Exit, Output
from gitops.cli.sources import is_repository, of_folder, of_repository
from gitops.cli.terminal import print_data
from gitops.core.mask import masked
from gitops.core.render_options import HelmOptions, RenderOptions
from gitops.render.closure import render_tree
from gitops.render.protocol import RenderRequest


async def run(
    target: str,
    *,
    path: str,
    namespace: str,
    name: str,
    output: Output,
    with_secrets: bool,
    renderer: Ready,
) -> int:
    """Print the objects. Raises GitopsError: the first of all problems of the source."""
    if is_repository(target):
        url, revision = _split(target)
        place = await of_repository(url, revision, path)
    else:
        place = of_folder(Path(target))
    folder = place.path.rpartition("/")[2] if is_repository(target) else Path(target).resolve().name
    application = name or folder.lower() or "app"
    request = RenderRequest(
        application=f"{namespace}/{application}",
        namespace=namespace,
        path=place.path,
        options=RenderOptions(helm=HelmOptions(release_name=application)),
    )
    rendered = (await render_tree(place.tree, request, await renderer())).rendered
    objects: list[dict[str, Any]] = [json.loads(manifest.body) for manifest in rendered.manifests]
    shown = objects if with_secrets else [masked(one) for one in objects]
    if output is Output.JSON:
        print_data(shown, output)
    else:
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        print(
            yaml.dump_all(shown, Dumper=dumper, sort_keys=False, explicit_start=True, allow_unicode=True),
            end="",
        )
    _warn(rendered.warnings)
    return Exit.DONE


def _split(target: str) -> tuple[str, str | None]:
    """`https://host/repo@v1` → URL and revision; the @ of `user@host:path` is none."""
    head, at, tail = target.rpartition("@")
    if at and ("://" in head or ":" in head):
        return head, tail
    return target, None


def _warn(warnings: tuple[str, ...]) -> None:
    import sys

    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
