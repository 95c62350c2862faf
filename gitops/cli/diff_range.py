"""`gitops diff --rev A..B`: two revisions, as they render or as the server would have them."""

import os
from dataclasses import replace
from pathlib import Path

from gitops.api.application import Application
from gitops.cli.ahead import Ready
from gitops.cli.applications import list_applications, named
from gitops.cli.diff_revisions import Sides, as_rendered, checked, of_checkout, render_both
from gitops.cli.diff_revisions import report_of as revisions_report
from gitops.cli.diff_values import Report
from gitops.cli.sources import Place, of_repository
from gitops.cli.target import credentials_of, resolve
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.render_options import HelmOptions, RenderOptions
from gitops.core.revision_range import RevisionRange
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace
from gitops.render.protocol import RenderRequest


async def as_rendered_only(
    target: str,
    wanted: RevisionRange,
    namespace: str | None,
    app_name: str | None,
    renderer: Ready,
    *,
    offline: bool,
) -> Report:
    """Both revisions of a local checkout, as they render. Raises GitopsError."""
    if app_name is not None:
        raise wrong("--app", "an Application is read from a cluster", "leave out --app or --offline")
    sides = of_checkout(Path(target), wanted)
    name = (Path(target).resolve().name or "app").lower()
    home = namespace or "default"
    options = RenderOptions(helm=HelmOptions(release_name=name))
    request = RenderRequest(application=f"{home}/{name}", namespace=home, path="", options=options)
    before, after = await render_both(await renderer(), sides, request)
    notices = () if offline else ("no kubeconfig: the renders are compared, and no cluster is asked",)
    hidden = tuple(dict.fromkeys((*before.hidden, *after.hidden)))
    pairs = as_rendered(before, after)
    told = f"{home}/{name}"
    return revisions_report(
        told, sides, pairs, hidden=hidden, live=False, notices=notices, warnings=after.warnings
    )


async def on_server(
    target: str,
    wanted: RevisionRange,
    access: Access,
    namespace: str | None,
    app_name: str | None,
    renderer: Ready,
) -> Report:
    """Both revisions, as the API server would have them by dry run. Raises GitopsError."""
    from gitops.cli.diff_both import compare

    client = await Client.connect(access)
    try:
        home = namespace or context_namespace(access)
        applications = await list_applications(client, home)
        if app_name is None and not os.path.lexists(target):
            app = named(target, home, applications)
            sides = await _of_application(client, app, wanted)
        else:
            sides = of_checkout(Path(target), wanted)
            app, _, _ = await resolve(client, Path(target), app_name, home, applications)
        return await compare(client, await renderer(), app, sides)
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
        raise wrong("--rev", "A...B needs the history of a local checkout", "give a folder, or A..B")
    source = app.spec.source
    applied = app.status.revision.applied if app.status.revision else None
    secret = await credentials_of(client, app)

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


def wrong(where: str, message: str, advice: str) -> GitopsError:
    """The error of an option that can't be followed."""
    return fail(Reason.INVALID_OBJECT, message, Blame.SPEC, where=where, advice=advice)
