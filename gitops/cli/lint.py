"""`gitops lint`: traps in the manifests of a folder, a repository, a file or standard input."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gitops.cli.ahead import renderer
from gitops.cli.lint_show import as_data, print_text
from gitops.cli.options import Exit, Output
from gitops.cli.requests import request_for, split, warn
from gitops.cli.sources import Place, is_repository, of_folder, of_repository, of_revision
from gitops.cli.terminal import console, print_data
from gitops.core.lint.linting import lint
from gitops.core.lint.model import Report
from gitops.core.lint.severity import Severity
from gitops.core.model import TreeFile
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.render.client import RendererClient
from gitops.render.closure import render_tree

_STDIN = "-"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be linted, and for which namespace and release."""

    target: str
    path: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Text:
    """`gitops.core.model.Tree` of a single file, which nobody has written anywhere."""

    name: str
    content: bytes = field(repr=False)

    def digest(self, path: str) -> str | None:
        return self.name if path in ("", self.name) else None

    def files(self, paths: Iterable[str]) -> list[TreeFile]:
        here = any(path in ("", self.name) for path in paths)
        return [TreeFile(self.name, 0o100644, self.content)] if here else []


async def run(
    asked: Asked, *, diff: str, level: Severity, fail_on: Severity, output: Output, color: bool
) -> int:
    """Print the findings; exit code 1 when one is at least as bad as `fail_on`.

    With `diff` (`A..B`) only what B brings. Raises GitopsError: the first of all problems of the source.
    """
    async with renderer() as client:
        if diff:
            before, after = await _two(asked, diff)
            earlier = await _lint(client, asked, before) if before else (Report(()), ())
            report, warnings = await _lint(client, asked, after)
            report = report.since(earlier[0])
        else:
            report, warnings = await _lint(client, asked, await _one(asked))
    warn(warnings)
    shown = min(level, fail_on, key=lambda one: one.rank)
    if output is Output.TEXT:
        print_text(report, shown, console(color=color))
    else:
        print_data(as_data(report, shown), output)
    bad = any(one.severity.rank >= fail_on.rank for one in report.findings)
    return Exit.DIFFERENT if bad else Exit.DONE


async def _lint(client: RendererClient, asked: Asked, place: Place) -> tuple[Report, tuple[str, ...]]:
    request = request_for(asked.target, place, namespace=asked.namespace, name=asked.name)
    rendered = (await render_tree(place.tree, request, client)).rendered
    return lint(rendered.manifests, asked.namespace), rendered.warnings


async def _one(asked: Asked) -> Place:
    if asked.target == _STDIN:
        return Place(_Text("stdin", sys.stdin.buffer.read()), "stdin", "work tree")
    if is_repository(asked.target):
        url, revision = split(asked.target)
        return await of_repository(url, revision, asked.path)
    target = Path(asked.target)
    if not target.is_file():
        return of_folder(target)
    folder = of_folder(target.parent)
    return Place(folder.tree, f"{folder.path}/{target.name}".lstrip("/"), folder.revision, folder.remote)


async def _two(asked: Asked, diff: str) -> tuple[Place | None, Place]:
    """Both sides of `A..B`; without B the second is what is there now, without A's folder the first None."""
    old, dots, new = diff.partition("..")
    if not old or not dots or new.startswith("."):
        raise _wrong("--diff is to be REVISION..REVISION, or REVISION.. for what is not committed", diff)
    if asked.target == _STDIN:
        raise _wrong("standard input has no revisions", "--diff")
    try:
        before = await _at(asked, old)
    except GitopsError as error:
        if error.problem.reason is not Reason.PATH_NOT_FOUND:
            raise
        before = None  # the folder is new: all that is in it is
    return before, await _at(asked, new)


async def _at(asked: Asked, revision: str) -> Place:
    if not revision:
        return await _one(asked)
    if is_repository(asked.target):
        return await of_repository(split(asked.target)[0], revision, asked.path)
    return await of_revision(Path(asked.target), revision)


def _wrong(message: str, where: str) -> GitopsError:
    return fail(Reason.INVALID_OBJECT, message, Blame.SPEC, where=where, advice="see gitops lint --help")
