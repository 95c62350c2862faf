"""`gitops diff`: what a sync would change, by object and field path."""

import base64
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from gitops.api.application import Application, InvalidApplication
from gitops.api.group import API_VERSION, KIND
from gitops.cli.applications import list_applications, named
from gitops.cli.diff_data import as_data
from gitops.cli.diff_revisions import Sides, as_rendered, checked, of_checkout, render_both
from gitops.cli.diff_revisions import report_of as revisions_report
from gitops.cli.diff_text import print_report
from gitops.cli.diff_values import Report
from gitops.cli.options import DiffOutput as Format
from gitops.cli.options import Exit, Output
from gitops.cli.preview import Preview, preview, refusals
from gitops.cli.show import report_of
from gitops.cli.sources import Place, of_folder, of_repository, renderer
from gitops.cli.terminal import console, print_data
from gitops.controller.gather import each
from gitops.core.conditions import NOTICES
from gitops.core.hold import hold_of
from gitops.core.model import ObjectKey
from gitops.core.plan import Verb
from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.core.render_options import HelmOptions, RenderOptions
from gitops.core.revision import parse_repository
from gitops.core.revision_range import RevisionRange, parse_range
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace, has_access
from gitops.kube.discovery import discover
from gitops.render.protocol import RenderRequest

# What our own guards refuse, as opposed to the server.
_GUARDS = frozenset(
    {Reason.OWNED_BY_ANOTHER, Reason.NOT_ADOPTED, Reason.PRUNE_REFUSED, Reason.RESERVED_METADATA}
)
_LOCAL = "file:///work-tree"


async def run(
    target: str,
    *,
    access: Access,
    namespace: str | None,
    app_name: str | None,
    output: Format,
    thorough: bool,
    color: bool,
    revisions: str | None = None,
    offline: bool = False,
) -> int:
    """Print the differences; the exit code says whether there are any, or what went wrong."""
    if revisions is None:
        if offline:
            raise _wrong("--offline", "compares revisions only", "give --rev A..B, or use `gitops render`")
        return await _against_cluster(target, access, namespace, app_name, output, thorough, color)
    wanted = parse_range(revisions)
    if offline or not has_access(access):
        report = await _as_rendered(target, wanted, namespace, app_name, offline=offline)
    else:
        report = await _both(target, wanted, access, namespace, app_name)
    _write(report, output, color=color)
    if report.problems:
        return _exit_of(list(report.problems))
    return Exit.DIFFERENT if report.entries else Exit.DONE


def _write(report: Report, output: Format, *, color: bool) -> None:
    if output is Format.TEXT:
        print_report(report, console(color=color))
    elif output is Format.MARKDOWN:
        from gitops.cli.diff_markdown import as_markdown

        print(as_markdown(report))
    else:
        print_data(as_data(report), Output(output.value))


async def _against_cluster(
    target: str,
    access: Access,
    namespace: str | None,
    app_name: str | None,
    output: Format,
    thorough: bool,
    color: bool,
) -> int:
    client = await Client.connect(access)
    try:
        home = namespace or context_namespace(access)
        applications = await list_applications(client)
        app, place, new = await _resolve(client, Path(target), app_name, home, applications)
        async with renderer() as render:
            shown = await preview(client, render, app, place, applications, new=new, thorough=thorough)
        gone = await _doomed(client, shown)
    finally:
        await client.close()
    _write(report_of(shown, gone), output, color=color)
    return exit_code(shown)


async def _doomed(client: Client, shown: Preview) -> dict[ObjectKey, Mapping[str, Any]]:
    """The live objects that would be pruned, to be shown whole; one that can't be read is only named."""
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


async def _as_rendered(
    target: str, wanted: RevisionRange, namespace: str | None, app_name: str | None, *, offline: bool
) -> Report:
    if app_name is not None:
        raise _wrong("--app", "an Application is read from a cluster", "leave out --app or --offline")
    sides = of_checkout(Path(target), wanted)
    name = (Path(target).resolve().name or "app").lower()
    home = namespace or "default"
    options = RenderOptions(helm=HelmOptions(release_name=name))
    request = RenderRequest(application=f"{home}/{name}", namespace=home, path="", options=options)
    async with renderer() as render:
        before, after = await render_both(render, sides, request)
    notices = () if offline else ("no kubeconfig: the renders are compared, and no cluster is asked",)
    hidden = tuple(dict.fromkeys((*before.hidden, *after.hidden)))
    pairs = as_rendered(before, after)
    told = f"{home}/{name}"
    return revisions_report(
        told, sides, pairs, hidden=hidden, live=False, notices=notices, warnings=after.warnings
    )


async def _both(
    target: str, wanted: RevisionRange, access: Access, namespace: str | None, app_name: str | None
) -> Report:
    from gitops.cli.diff_both import compare

    client = await Client.connect(access)
    try:
        home = namespace or context_namespace(access)
        applications = await list_applications(client)
        if app_name is None and not os.path.lexists(target):
            app = named(target, home, applications)
            sides = await _of_application(client, app, wanted)
        else:
            sides = of_checkout(Path(target), wanted)
            app, _, _ = await _resolve(client, Path(target), app_name, home, applications)
        async with renderer() as render:
            return await compare(client, render, app, sides)
    except GitopsError as error:
        problem = error.problem
        if problem.reason is Reason.API_UNAVAILABLE:
            advice = f"{problem.advice}; or compare the renders alone with --offline"
            raise GitopsError(replace(problem, advice=advice)) from None
        raise
    finally:
        await client.close()


async def _of_application(client: Client, app: Application, wanted: RevisionRange) -> Sides:
    """`A..` ends at the Application's newest revision, `..B` begins at the applied one."""
    if wanted.from_fork:
        raise _wrong("--rev", "A...B needs the history of a local checkout", "give a folder, or A..B")
    source = app.spec.source
    applied = app.status.revision.applied if app.status.revision else None
    secret = await _credentials(client, app)

    async def side(revision: str | None) -> tuple[Place | None, str]:
        try:
            found = await of_repository(source.repository, revision, source.path, secret)
        except GitopsError as error:
            problem = error.problem
            if problem.reason is Reason.PATH_NOT_FOUND:
                return None, str(revision)
            if problem.reason is Reason.REVISION_NOT_FOUND:
                raise GitopsError(replace(problem, blame=Blame.SPEC, where="--rev")) from None
            raise
        return found, found.revision

    before, since = await side(wanted.before or applied or source.revision)
    after, revision = await side(wanted.after or source.revision)
    return checked(Sides(before, after, since, revision), source.path)


def _wrong(where: str, message: str, advice: str) -> GitopsError:
    return fail(Reason.INVALID_OBJECT, message, Blame.SPEC, where=where, advice=advice)


def exit_code(shown: Preview) -> int:
    """Whose fault a refusal is comes before whether there are differences."""
    problems = [
        one for one in refusals(shown) if one.reason not in NOTICES and one.reason is not Reason.DRIFTED
    ]
    if problems:
        return _exit_of(problems)
    drifted = any(one.reason is Reason.DRIFTED for one in refusals(shown))
    return Exit.DIFFERENT if shown.acts or drifted else Exit.DONE


def _exit_of(problems: list[Problem]) -> int:
    if any(one.reason in _GUARDS for one in problems):
        return Exit.REFUSED
    if any(one.blame is Blame.REPOSITORY for one in problems):
        return Exit.REPOSITORY
    return Exit.CLUSTER


async def _resolve(
    client: Client, folder: Path, app_name: str | None, home: str, applications: list[Application]
) -> tuple[Application, Place, bool]:
    target = str(folder)
    if app_name is None and not os.path.lexists(folder):
        app = named(target, home, applications)
        return app, await _newest(client, app), False
    place = of_folder(folder)
    if app_name is not None:
        return named(app_name, home, applications), place, False
    matching = [app for app in applications if _reads(app, place)]
    if len(matching) > 1:
        names = ", ".join(f"{app.metadata.namespace}/{app.metadata.name}" for app in matching)
        raise fail(
            Reason.INVALID_OBJECT,
            f"several Applications read this path: {names}",
            Blame.SPEC,
            where=target,
            advice="choose one with --app",
        )
    if matching:
        return matching[0], place, False
    name = os.path.basename(os.path.abspath(folder)).lower()  # noqa: PTH100, PTH119
    fresh = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": home},
        "spec": {"source": {"repository": place.remote or _LOCAL, "path": place.path}},
    }
    try:
        return Application.parse(fresh), place, True
    except InvalidApplication:  # a remote may be any path; nothing is fetched from it here
        fresh["spec"] = {"source": {"repository": _LOCAL, "path": place.path}}
    try:
        return Application.parse(fresh), place, True
    except InvalidApplication as error:
        raise fail(
            Reason.INVALID_OBJECT,
            str(error),
            Blame.SPEC,
            where=target,
            advice="name an Application with --app",
        ) from None


def _reads(app: Application, place: Place) -> bool:
    if place.remote is None or app.spec.source.path.strip("/") != place.path:
        return False
    here = parse_repository(place.remote, allow_file=True).place
    return parse_repository(app.spec.source.repository, allow_file=True).place == here


async def _credentials(client: Client, app: Application) -> dict[str, bytes] | None:
    source = app.spec.source
    if not source.credentials:
        return None
    name = source.credentials.secret_name
    path = f"/api/v1/namespaces/{app.metadata.namespace}/secrets/{name}"
    reply = await client.request("GET", path, label="secrets")
    if not reply.ok:
        raise fail(
            Reason.CREDENTIALS_NOT_FOUND,
            f"the Secret can't be read: {reply.failure.get('message')}",
            Blame.CREDENTIALS,
            key=ObjectKey("", "Secret", app.metadata.namespace, name),
            advice="you need the right to get it, or give a local checkout instead",
        )
    data = reply.json.get("data") or {}
    return {key: base64.b64decode(value) for key, value in data.items()}


async def _newest(client: Client, app: Application) -> Place:
    source = app.spec.source
    # What a sync would do is what it does where the Application is held.
    revision = hold_of(app.metadata.annotations) or source.revision
    return await of_repository(source.repository, revision, source.path, await _credentials(client, app))
