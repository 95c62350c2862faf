"""Helm: a chart with its local dependencies and value files, and `helm template` of it."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gitops.core.model import Json, Rendered
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.render_options import HelmOptions
from gitops.render.errors import RenderError
from gitops.render.given_values import Given, written
from gitops.render.limits import Budget
from gitops.render.manifests import Collector
from gitops.render.outcome import NeedPaths
from gitops.render.sent_files import Found, SentFiles, join, refuse_absolute
from gitops.render.tools import Binaries, missed_paths, run_tool
from gitops.render.yaml_reader import read_yaml

CHART_FILE = "Chart.yaml"
# Helm's own rules; checked here also so that a name can't be taken for an option.
_LONGEST_RELEASE = 53
_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_SOURCE = re.compile(rb"^---\n# Source: (.+)\n", re.MULTILINE)
# Helm names a template by its chart, and often with its line: web/templates/deploy.yaml:12:20.
_PLACE = re.compile(r"(?P<chart>[\w.-]+)/(?P<file>[^\s:()\"]+\.\w+)(?::(?P<line>\d+))?(?::(?P<column>\d+))?")
_FILE_PREFIX = "file://"


def render_helm(
    files: SentFiles,
    path: str,
    options: HelmOptions,
    budget: Budget,
    binaries: Binaries,
    folder: Path,
    *,
    release: str,
    namespace: str,
) -> Rendered:
    """Template the chart at `path`; raises NeedPaths for files that were not sent."""
    if len(release) > _LONGEST_RELEASE or not _RELEASE.fullmatch(release):
        message = (
            f"{release!r} is no release name: lower case, digits, `-` and `.`, {_LONGEST_RELEASE} at most"
        )
        raise fail(Reason.INVALID_MANIFEST, message, Blame.SPEC, where="spec.render.helm.releaseName")
    inputs = _Inputs(files, budget)
    links = inputs.dependencies(path)
    value_files = inputs.value_files(path, options.values_files)
    if inputs.missing:
        raise NeedPaths(inputs.missing)
    tree = folder / "tree"
    files.write(tree)
    for link, target in links.items():
        _link(tree, link, target)
    given = written(options.values_from, folder, budget)
    (folder / "values.json").write_text(json.dumps(dict(options.values)))
    argv = _command(binaries.helm, f"tree/{path}" if path else "tree", release, namespace, options)
    for value_file in value_files:
        argv += ["--values", f"tree/{value_file}"]
    for name in (*given.files, "values.json"):
        argv += ["--values", name]
    with given.hidden_in_errors():
        return given.hidden_in(_templated(argv, files, path, budget, folder, given))


def _templated(
    argv: list[str], files: SentFiles, path: str, budget: Budget, folder: Path, given: Given
) -> Rendered:
    tree = folder / "tree"
    homes = {f"HELM_{name}_HOME": str(folder / "helm" / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    result = run_tool(argv, folder, {**homes, "HELM_PLUGINS": str(folder / "helm" / "none")}, budget.limits)
    if not result.succeeded:
        missed = missed_paths(result.raw_error, tree)
        if unsent := {real for what, real in map(files.find, sorted(missed)) if what is Found.UNSENT}:
            raise NeedPaths(unsent)
        raise _failed(given.hide(result.error), path)  # before it is shortened: half a value is not found
    return _collected(result.output, path, budget)


def _command(helm: str, chart: str, release: str, namespace: str, options: HelmOptions) -> list[str]:
    argv = [helm, "template", release, chart, f"--namespace={namespace}", "--include-crds"]
    if options.kube_version:
        argv.append(f"--kube-version={options.kube_version}")
    argv += [f"--api-versions={version}" for version in options.api_versions or ()]
    return argv


def _collected(output: bytes, path: str, budget: Budget) -> Rendered:
    """Each document with the template it came from, which Helm names in a comment before it."""
    collector = Collector(budget)
    starts = [*_SOURCE.finditer(output)]
    ends = [*(found.start() for found in starts[1:]), len(output)]
    for found, end in zip(starts, ends, strict=False):  # without any object there is an end alone
        # The first part is the chart's name, which is not its folder's.
        origin = join(path, found[1].decode(errors="replace").partition("/")[2])
        try:
            for document in read_yaml(output[found.end() : end], f"{origin} (its output)", budget):
                if document.value is not None:
                    collector.add(document.value, origin)
        except GitopsError as error:
            if error.problem.reason is not Reason.INVALID_MANIFEST or isinstance(error, RenderError):
                raise
            collector.report(error.problem)
    return collector.finish()


def _failed(error: str, path: str) -> GitopsError:
    """Helm's message, with the place in the repository that it speaks of."""
    errors = [line for line in error.splitlines() if not line.startswith(("level=", "time=", "walk.go:"))]
    message = "\n".join(errors).strip()
    message = message[message.find("Error: ") + 7 :] if "Error: " in message else message
    message = message.removesuffix("\n\nUse --debug flag to render out invalid YAML")[:2000]
    if "missing in charts/ directory" in message:
        return _missing_dependency(message.partition("directory:")[2].strip(), path)
    message = " ".join(message.split())
    where = join(path, CHART_FILE)
    for found in _PLACE.finditer(message):
        if "templates/" in found["file"] or found["file"].startswith("crds/"):
            where = join(path, found["file"])
            if found["line"]:
                where += f":{found['line']}"
            break
    return fail(Reason.RENDER_FAILED, f"helm: {message}", Blame.REPOSITORY, where=where)


def _missing_dependency(names: str, path: str) -> GitopsError:
    return fail(
        Reason.RENDER_FAILED,
        f"the chart's dependencies are not in charts/: {names}",
        Blame.REPOSITORY,
        where=join(path, CHART_FILE),
        advice="run `helm dependency build` and commit charts/: nothing is fetched while rendering",
    )


class _Inputs:
    """What a render of a chart reads besides the chart's own folder."""

    def __init__(self, files: SentFiles, budget: Budget) -> None:
        self._files = files
        self._budget = Budget(budget.limits)  # its own: this reading must not use up the result's
        self.missing = files.unsent_link_targets()

    def value_files(self, path: str, references: Sequence[str]) -> list[str]:
        """Where the value files are; PATH_NOT_FOUND names the one that isn't there."""
        found: list[str] = []
        for reference in references:
            where = "spec.render.helm.valuesFiles"
            if "://" in reference:
                advice = "copy it into the repository: nothing is fetched while rendering"
                message = f"the values file {reference} is a URL"
                raise fail(Reason.UNSUPPORTED_SOURCE, message, Blame.SPEC, where=where, advice=advice)
            refuse_absolute(reference, where)
            what, real = self._files.find(join(path, reference))
            if what is Found.UNSENT:
                self.missing.add(real)
            elif what is not Found.FILE:
                message = f"there is no values file {reference} (it would be {real})"
                raise fail(Reason.PATH_NOT_FOUND, message, Blame.SPEC, where=where)
            found.append(real)
        return found

    def dependencies(self, path: str) -> Mapping[str, str]:
        """The `file://` dependencies that are not vendored: where each belongs, and where it is.

        Helm itself wants them in charts/; `helm dependency build` would copy them there.
        """
        links: dict[str, str] = {}
        todo, visited = [path], set[str]()
        while todo:
            what, chart = self._files.find(todo.pop())
            if what is not Found.FOLDER or chart in visited:
                continue
            visited.add(chart)
            for name, repository in self._declared(chart):
                if not repository.startswith(_FILE_PREFIX) or self._is_vendored(chart, name):
                    continue
                reference = repository.removeprefix(_FILE_PREFIX)
                where = join(chart, CHART_FILE)
                refuse_absolute(reference, where)
                what, real = self._files.find(join(chart, reference))
                if what is Found.UNSENT:
                    self.missing.add(real)
                elif what is Found.FOLDER:
                    if real == chart or f"{chart}/".startswith(f"{real}/"):
                        message = f"the dependency {name} contains the chart itself"
                        raise fail(Reason.RENDER_FAILED, message, Blame.REPOSITORY, where=where)
                    links[join(chart, f"charts/{name}")] = real
                    todo.append(real)
                else:
                    message = f"there is no chart at {reference}, the dependency {name}"
                    raise fail(Reason.PATH_NOT_FOUND, message, Blame.REPOSITORY, where=where)
        return links

    def _declared(self, chart: str) -> list[tuple[str, str]]:
        """Name and repository of each dependency; charts of API v1 list them in requirements.yaml."""
        declared: list[tuple[str, str]] = []
        for name in (CHART_FILE, "requirements.yaml"):
            shown = join(chart, name)
            what, real = self._files.find(shown)
            if what is not Found.FILE:
                continue
            for document in read_yaml(self._files.content(real), shown, self._budget):
                value: Json = document.value
                dependencies = value.get("dependencies") if isinstance(value, dict) else None
                declared.extend(
                    (_file_name(item.get("name"), shown), str(item.get("repository") or ""))
                    for item in (dependencies if isinstance(dependencies, list) else ())
                    if isinstance(item, dict)
                )
        return declared

    def _is_vendored(self, chart: str, name: str) -> bool:
        if self._files.find(join(chart, f"charts/{name}"))[0] is not Found.ABSENT:
            return True
        archives = self._files.below(join(chart, "charts"))
        return any(re.search(rf"/{re.escape(name)}-\d[^/]*\.tgz$", archive) for archive in archives)


def _file_name(name: Json, where: str) -> str:
    """A dependency's name becomes a folder's name, so it must not be able to be a path."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise fail(Reason.INVALID_MANIFEST, "a dependency has no proper name", Blame.REPOSITORY, where=where)
    return name


def _link(tree: Path, link: str, target: str) -> None:
    place = tree / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(tree / target)
