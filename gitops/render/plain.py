"""Plain manifests: every YAML and JSON file of a folder."""

import posixpath
from collections.abc import Iterator

from gitops.core.model import Rendered
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.render_options import PlainOptions
from gitops.render.errors import RenderError
from gitops.render.globs import matches
from gitops.render.json_reader import read_json
from gitops.render.limits import Budget
from gitops.render.manifests import Collector
from gitops.render.sent_files import Found, SentFiles, join
from gitops.render.yaml_reader import Document, read_yaml

_YAML = (".yaml", ".yml")
_JSON = (".json",)
_MARK = b"# gitops: not-a-manifest"
_MARK_LINES = 5  # the mark has to stand in the first lines


def render_plain(files: SentFiles, path: str, options: PlainOptions, budget: Budget) -> Rendered:
    """Read all manifests at and below `path`; raises RenderError with everything that is wrong."""
    collector = Collector(budget)
    for shown, real in _manifest_files(files, path, options, collector):
        data = files.content(real)
        marked = _is_marked(data)
        reader = read_json if shown.endswith(_JSON) else read_yaml
        try:
            for document in reader(data, shown, budget):
                _add(collector, document, shown, marked=marked)
        except GitopsError as error:
            if error.problem.reason is not Reason.INVALID_MANIFEST or isinstance(error, RenderError):
                raise
            collector.report(error.problem)
    return collector.finish()


def _add(collector: Collector, document: Document, path: str, *, marked: bool) -> None:
    value = document.value
    place = f"{path}:{document.line}"
    if value is None:
        return
    if isinstance(value, dict) and "apiVersion" not in value and "kind" not in value:
        if not marked:
            advice = f"exclude the file, or write `{_MARK.decode()}` in its first line"
            message = "a document without apiVersion and kind is no manifest"
            collector.report(
                fail(Reason.INVALID_MANIFEST, message, Blame.REPOSITORY, where=place, advice=advice).problem
            )
        return
    if marked and not isinstance(value, dict):
        return
    collector.add(value, place)


def _is_marked(data: bytes) -> bool:
    return any(line.strip() == _MARK for line in data[:4096].splitlines()[:_MARK_LINES])


def _manifest_files(
    files: SentFiles, path: str, options: PlainOptions, collector: Collector
) -> Iterator[tuple[str, str]]:
    """The files to read: the path to show, and where its content is (it may be a link)."""
    what, real = files.find(path)
    if what is Found.FILE:
        yield path, real
        return
    for found in files.below(real):
        relative = found[len(real) :].lstrip("/")
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if hidden or not relative.endswith((*_YAML, *_JSON)) or matches(options.exclude, relative):
            continue
        if options.include and not matches(options.include, relative):
            continue
        shown = posixpath.normpath(join(path, relative))
        kind, target = files.find(found)
        if kind is Found.FILE:
            yield shown, target
        elif kind is Found.FOLDER:
            collector.warn(f"{shown}: a symbolic link to a folder is not followed")
        else:
            message = f"the symbolic link leads to {target}, which does not exist"
            raise fail(Reason.PATH_NOT_FOUND, message, Blame.REPOSITORY, where=shown)
