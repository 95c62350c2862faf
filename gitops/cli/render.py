"""`gitops render`: the desired objects of a folder or a repository."""

import json
from pathlib import Path
from typing import Any

import yaml

from gitops.cli.options import Exit, Output
from gitops.cli.requests import request_for, split, warn
from gitops.cli.sources import is_repository, of_folder, of_repository, renderer
from gitops.cli.terminal import print_data
from gitops.core.mask import masked
from gitops.render.closure import render_tree


async def run(
    target: str, *, path: str, namespace: str, name: str, output: Output, with_secrets: bool
) -> int:
    """Print the objects. Raises GitopsError: the first of all problems of the source."""
    if is_repository(target):
        url, revision = split(target)
        place = await of_repository(url, revision, path)
    else:
        place = of_folder(Path(target))
    request = request_for(target, place, namespace=namespace, name=name)
    async with renderer() as client:
        rendered = (await render_tree(place.tree, request, client)).rendered
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
    warn(rendered.warnings)
    return Exit.DONE
