"""Kustomize: what a kustomization refers to, and `kustomize build` of it.

The tool runs without its load restrictor, since monorepos share files by `../`; its place is
taken by the private folder, which holds only files of the repository, and by a check of every
reference here (an absolute one would read the renderer's machine).
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from gitops.core.model import Json, Rendered
from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.core.render_options import KustomizeOptions
from gitops.render.errors import RenderError
from gitops.render.limits import Budget
from gitops.render.manifests import Collector
from gitops.render.outcome import NeedPaths
from gitops.render.sent_files import Found, SentFiles, join, refuse_absolute
from gitops.render.tools import Binaries, missed_paths, run_tool
from gitops.render.yaml_reader import read_yaml

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

# Entries that are a path each, or (where the value says so) the content itself.
_PATHS = ("resources", "bases", "components", "crds", "configurations")
_PATHS_OR_CONTENT = ("patchesStrategicMerge", "generators", "transformers", "validators")
_PLUGIN_CONFIGS = ("generators", "transformers", "validators")
_WITH_PATH = ("patches", "patchesJson6902", "replacements")
_GENERATORS = ("configMapGenerator", "secretGenerator")
_HELM_FIELDS = ("helmCharts", "helmChartInflationGenerator")

# How kustomize tells a repository or URL from a path (its "repospec"), where no such path exists.
_REMOTE = re.compile(
    r"^[a-z][a-z0-9+.-]*::|://|^[\w.-]+@[\w.-]+:|^(?:github\.com|gitlab\.com|bitbucket\.org)[/:]|\?ref="
)


def render_kustomize(
    files: SentFiles, path: str, options: KustomizeOptions, budget: Budget, binaries: Binaries, folder: Path
) -> Rendered:
    """Build the kustomization at `path`; raises NeedPaths for files that were not sent."""
    closure = _Closure(files, budget)
    closure.follow(path)
    if closure.missing:
        raise NeedPaths(closure.missing)
    if closure.absent:
        raise RenderError(closure.absent)
    files.write(folder / "tree")
    target = f"tree/{path}" if path else "tree"
    if options != KustomizeOptions():
        target = _overlay(folder, target, options)
    argv = [binaries.kustomize, "build", "--load-restrictor", "LoadRestrictionsNone", target]
    result = run_tool(argv, folder, {}, budget.limits)
    origin = closure.kustomization_of(path)
    if not result.succeeded:
        missed = missed_paths(result.raw_error, folder / "tree")
        if unsent := {real for what, real in map(files.find, sorted(missed)) if what is Found.UNSENT}:
            raise NeedPaths(unsent)
        raise _failed(result.error, origin)
    collector = Collector(budget)
    for document in read_yaml(result.output, origin, budget):
        if document.value is not None:
            collector.add(document.value, origin)
    return collector.finish()


def _failed(error: str, origin: str) -> GitopsError:
    message = " ".join(error.split()).removeprefix("Error: ")[:2000]
    if "--enable-helm" in message or "--enable-exec" in message or "--enable-alpha-plugins" in message:
        return _unsupported(message, origin, "exec plugins and charts inside a kustomization are not run")
    return fail(Reason.RENDER_FAILED, f"kustomize: {message}", Blame.REPOSITORY, where=origin)


def _unsupported(message: str, where: str, advice: str) -> GitopsError:
    return fail(Reason.UNSUPPORTED_SOURCE, message, Blame.REPOSITORY, where=where, advice=advice)


class _Closure:
    """All files that a kustomization reads, found from the files themselves."""

    def __init__(self, files: SentFiles, budget: Budget) -> None:
        self._files = files
        self._budget = Budget(budget.limits)  # its own: this reading must not use up the result's
        self._visited: set[str] = set()
        self.missing = files.unsent_link_targets()
        self.absent: list[Problem] = []

    def kustomization_of(self, path: str) -> str:
        """The path of the kustomization file in a folder; the folder itself when there is none."""
        for name in KUSTOMIZATION_NAMES:
            if self._files.find(join(path, name))[0] is Found.FILE:
                return join(path, name)
        return path

    def follow(self, path: str) -> None:
        """Take in the folder at `path` and, recursively, what its kustomization refers to."""
        todo = [path]
        while todo:
            what, real = self._files.find(todo.pop())
            if what is Found.UNSENT:
                self.missing.add(real)
            if what is not Found.FOLDER or real in self._visited:
                continue
            self._visited.add(real)
            name = self.kustomization_of(real)
            what, content = self._files.find(name)
            if what is Found.FILE:
                todo.extend(self._folders_of(name, content, real))

    def _folders_of(self, shown: str, content: str, folder: str) -> Iterator[str]:
        """Check each reference of a kustomization file; yield those that lead to folders."""
        for kustomization in self._documents(content, shown):
            for reference in self._references(kustomization, shown, folder):
                refuse_absolute(reference, shown)
                what, real = self._files.find(join(folder, reference))
                if what in (Found.ABSENT, Found.UNSENT) and _REMOTE.search(reference):
                    advice = "copy it into the repository: nothing is fetched while rendering"
                    raise _unsupported(f"{reference} is a remote base", shown, advice)
                if what is Found.UNSENT:
                    self.missing.add(real)
                elif what is Found.FOLDER:
                    yield real
                elif what is Found.ABSENT and not reference.startswith("{"):  # no patch in one line
                    message = f"there is no {reference} (it would be {real})"
                    self.absent.append(
                        fail(Reason.PATH_NOT_FOUND, message, Blame.REPOSITORY, where=shown).problem
                    )

    def _documents(self, content: str, shown: str) -> list[dict[str, Json]]:
        documents = read_yaml(self._files.content(content), shown, self._budget)
        return [document.value for document in documents if isinstance(document.value, dict)]

    def _references(self, kustomization: Json, shown: str, folder: str) -> Iterator[str]:
        for field in _HELM_FIELDS:
            if any(_fields(kustomization, field)):
                advice = "render the chart by itself as an Application, or vendor its output"
                raise _unsupported(f"{field} of a kustomization is not supported", shown, advice)
        for field in _PATHS:
            yield from _texts(kustomization, field)
        for field in _PATHS_OR_CONTENT:
            for entry in _texts(kustomization, field):
                if "\n" not in entry:
                    yield entry
                if field in _PLUGIN_CONFIGS:
                    yield from self._plugin_references(entry, shown, folder)
        for field in _WITH_PATH:
            for item in _items(kustomization, field):
                yield from _texts(item, "path")
        for field in _GENERATORS:
            for item in _items(kustomization, field):
                yield from (entry.partition("=")[2] or entry for entry in _texts(item, "files"))
                yield from (*_texts(item, "envs"), *_texts(item, "env"))
        for openapi in _fields(kustomization, "openapi"):
            yield from _texts(openapi, "path")

    def _plugin_references(self, entry: str, shown: str, folder: str) -> Iterator[str]:
        """A generator or transformer of its own file is a part of a kustomization by other means."""
        if "\n" in entry:
            configs = [document.value for document in read_yaml(entry.encode(), shown, self._budget)]
        else:
            refuse_absolute(entry, shown)
            what, real = self._files.find(join(folder, entry))
            if what is Found.FOLDER:
                # What a folder builds as plugins could read any file, and isn't known beforehand.
                message = f"{entry} is a folder of generators or transformers"
                raise _unsupported(message, shown, "name its files one by one")
            configs = [*self._documents(real, entry)] if what is Found.FILE else []
        for config in configs:
            for item in _with_items(config):
                yield from self._references(_as_kustomization(item), shown, folder)


def _with_items(config: Json) -> Iterator[Mapping[str, Json]]:
    """The configuration, or those in a list, which kustomize takes apart."""
    if isinstance(config, dict):
        yield config
        for item in _items(config, "items"):
            yield from _with_items(item)


def _as_kustomization(config: Mapping[str, Json]) -> Json:
    parts: dict[str, dict[str, Json]] = {
        "ConfigMapGenerator": {"configMapGenerator": [dict(config)]},
        "SecretGenerator": {"secretGenerator": [dict(config)]},
        "PatchTransformer": {"patches": [dict(config)]},
        "PatchJson6902Transformer": {"patchesJson6902": [dict(config)]},
        "PatchStrategicMergeTransformer": {"patchesStrategicMerge": [*_texts(config, "paths")]},
        "ReplacementTransformer": {"replacements": [*_items(config, "replacements")]},
        "HelmChartInflationGenerator": {"helmCharts": [dict(config)]},
    }
    return parts.get(str(config.get("kind")), {})


def _fields(value: object, name: str) -> Iterator[Json]:
    """The values of a field however it is capitalised: Go's JSON decoder doesn't mind."""
    if isinstance(value, Mapping):
        folded = name.casefold()
        yield from (found for field, found in value.items() if field.casefold() == folded)


def _texts(value: object, name: str) -> Iterator[str]:
    """The texts of a field, which is one or a list of them."""
    for found in _fields(value, name):
        yield from (
            item for item in (found if isinstance(found, list) else [found]) if isinstance(item, str) and item
        )


def _items(value: object, name: str) -> Iterator[dict[str, Json]]:
    for found in _fields(value, name):
        yield from (
            item for item in (found if isinstance(found, list) else [found]) if isinstance(item, dict)
        )


def _overlay(folder: Path, target: str, options: KustomizeOptions) -> str:
    """A kustomization around the user's, beside the tree, so that no file of it is changed."""
    overlay: dict[str, Json] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"../{target}"],
        "images": [dict(image_override(image)) for image in options.images],
    }
    if options.name_prefix:
        overlay["namePrefix"] = options.name_prefix
    if options.name_suffix:
        overlay["nameSuffix"] = options.name_suffix
    (folder / "overlay").mkdir()
    (folder / "overlay" / KUSTOMIZATION_NAMES[0]).write_text(json.dumps(overlay))
    return "overlay"


def image_override(text: str) -> Mapping[str, str]:
    """An image as `kustomize edit set image` takes it: `name=new:tag`, `name:tag`, `name@digest`."""
    name, separator, replacement = text.partition("=")
    image = replacement if separator else text
    before, at, digest = image.partition("@")
    path, colon, tag = before.rpartition(":")
    if at or not colon or "/" in tag:  # a port of a registry is no tag
        path, tag = before, ""
    if not path or not name:
        message = f"{text!r} is no image override"
        advice = "write name=newName:newTag, name:newTag or name@digest"
        raise fail(
            Reason.INVALID_MANIFEST, message, Blame.SPEC, where="spec.render.kustomize.images", advice=advice
        )
    made = {"name": name if separator else path}
    if separator:
        made["newName"] = path
    if at:
        made["digest"] = digest
    elif tag:
        made["newTag"] = tag
    return made
