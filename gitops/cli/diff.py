"""`gitops diff`: what a sync would change, by object and field path."""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gitops.cli.ahead import Ready
from gitops.cli.applications import list_applications
from gitops.cli.options import DiffOutput as Format
from gitops.cli.options import Exit, Output
from gitops.cli.target import is_name, resolve
from gitops.core.conditions import NOTICES
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Problem, Reason
from gitops.git.process import prepare
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace, has_access
from gitops.kube.discovery import discover

if TYPE_CHECKING:
    from gitops.cli.diff_values import Report
    from gitops.cli.preview import Preview

# What our own guards refuse, as opposed to the server.
GUARDS = frozenset(
    {Reason.OWNED_BY_ANOTHER, Reason.NOT_ADOPTED, Reason.PRUNE_REFUSED, Reason.RESERVED_METADATA}
)


async def run(
    target: str,
    *,
    access: Access,
    namespace: str | None,
    app_name: str | None,
    output: Format,
    thorough: bool,
    color: bool,
    renderer: Ready,
    revisions: str | None = None,
    offline: bool = False,
) -> int:
    """Print the differences; the exit code says whether there are any, or what went wrong."""
    if revisions is None and not offline:
        shown, report = await _against_cluster(target, access, namespace, app_name, thorough, renderer)
        _write(report, output, color=color)
        return exit_code(shown)
    from gitops.cli.diff_range import as_rendered_only, on_server, wrong
    from gitops.core.revision_range import parse_range

    if revisions is None:
        raise wrong("--offline", "compares revisions only", "give --rev A..B, or use `gitops render`")
    wanted = parse_range(revisions)
    if offline or not has_access(access):
        report = await as_rendered_only(target, wanted, namespace, app_name, renderer, offline=offline)
    else:
        report = await on_server(target, wanted, access, namespace, app_name, renderer)
    _write(report, output, color=color)
    if report.problems:
        return code_of(list(report.problems))
    return Exit.DIFFERENT if report.entries else Exit.DONE


def _write(report: "Report", output: Format, *, color: bool) -> None:
    if output is Format.TEXT:
        from gitops.cli.diff_text import as_text
        from gitops.cli.look import Screen

        print(as_text(report, Screen(color)), end="")
    elif output is Format.MARKDOWN:
        from gitops.cli.diff_markdown import as_markdown

        print(as_markdown(report))
    else:
        from gitops.cli.diff_data import as_data
        from gitops.cli.terminal import print_data

        print_data(as_data(report), Output(output.value))


async def _against_cluster(
    target: str,
    access: Access,
    namespace: str | None,
    app_name: str | None,
    thorough: bool,
    renderer: Ready,
) -> tuple["Preview", "Report"]:
    client = await Client.connect(access)
    try:
        home = namespace or context_namespace(access)
        applications = await list_applications(client, home)
        # Imported while Git works, and then the renderer. Not so what needs Rich: gitops.observe.logs,
        # which anything may import meanwhile, pretends to all threads for a moment that there is none.
        if is_name(target, app_name):
            prepare()  # first, or Git would be started only when both imports are done
        (app, place, new), begun = await asyncio.gather(
            resolve(client, Path(target), app_name, home, applications), _imported("begun")
        )
        under_way = await begun.begin(client, await renderer(), app, place)
        for name in ("preview", "show", "diff_text"):
            await _imported(name)
        from gitops.cli.preview import preview

        shown = await preview(client, under_way, applications, new=new, thorough=thorough)
        gone = await _doomed(client, shown)
    finally:
        await client.close()
    from gitops.cli.show import report_of

    return shown, report_of(shown, gone)


async def _imported(name: str) -> Any:
    """A module of ours, imported in a thread."""
    return await asyncio.to_thread(import_module, f"gitops.cli.{name}")


async def _doomed(client: Client, shown: "Preview") -> dict[ObjectKey, Mapping[str, Any]]:
    """The live objects that would be pruned, to be shown whole; one that can't be read is only named."""
    from gitops.controller.gather import each
    from gitops.core.plan import Verb

    keys = [step.key for step in shown.plan.prunes if step.verb is Verb.DELETE]
    if not keys:
        return {}
    catalog = await discover(client)

    async def one(key: ObjectKey) -> Mapping[str, Any] | None:
        resource = catalog.preferred(key.group_kind)
        if resource is None:
            return None
        reply = await client.request("GET", resource.path(key), label=resource.plural)
        return cast("Mapping[str, Any]", reply.json) if reply.ok else None

    found = await each(keys, one)
    return {key: obj for key, obj in zip(keys, found, strict=True) if obj is not None}


def exit_code(shown: "Preview") -> int:
    """Whose fault a refusal is comes before whether there are differences."""
    from gitops.cli.preview import refusals

    problems = [
        one for one in refusals(shown) if one.reason not in NOTICES and one.reason is not Reason.DRIFTED
    ]
    if problems:
        return code_of(problems)
    drifted = any(one.reason is Reason.DRIFTED for one in refusals(shown))
    return Exit.DIFFERENT if shown.acts or drifted else Exit.DONE


def code_of(problems: list[Problem]) -> int:
    """The exit code of what stands in the way."""
    if any(one.reason in GUARDS for one in problems):
        return Exit.REFUSED
    if any(one.blame is Blame.REPOSITORY for one in problems):
        return Exit.REPOSITORY
    return Exit.CLUSTER
