"""`gitops diff`: what a sync would change, by object and field path."""

import base64
import os
from pathlib import Path

from gitops.api.application import Application, InvalidApplication
from gitops.api.group import API_VERSION, KIND
from gitops.cli.applications import list_applications, named
from gitops.cli.options import Exit, Output
from gitops.cli.preview import Preview, preview, refusals
from gitops.cli.show import as_data, print_text
from gitops.cli.sources import Place, of_folder, of_repository, renderer
from gitops.cli.terminal import console, print_data
from gitops.core.conditions import NOTICES
from gitops.core.hold import hold_of
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Problem, Reason, fail
from gitops.core.revision import parse_repository
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace

# What our own guards refuse, as opposed to the server.
GUARDS = frozenset(
    {Reason.OWNED_BY_ANOTHER, Reason.NOT_ADOPTED, Reason.PRUNE_REFUSED, Reason.RESERVED_METADATA}
)
_LOCAL = "file:///work-tree"


async def run(
    target: str,
    *,
    access: Access,
    namespace: str | None,
    app_name: str | None,
    output: Output,
    thorough: bool,
    color: bool,
) -> int:
    """Print the differences; the exit code says whether there are any, or what went wrong."""
    client = await Client.connect(access)
    try:
        home = namespace or context_namespace(access)
        applications = await list_applications(client)
        app, place, new = await resolve(client, Path(target), app_name, home, applications)
        async with renderer() as render:
            shown = await preview(client, render, app, place, applications, new=new, thorough=thorough)
    finally:
        await client.close()
    if output is Output.TEXT:
        print_text(shown, console(color=color))
    else:
        print_data(as_data(shown), output)
    return exit_code(shown)


def exit_code(shown: Preview) -> int:
    """Whose fault a refusal is comes before whether there are differences."""
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


async def resolve(
    client: Client, folder: Path, app_name: str | None, home: str, applications: list[Application]
) -> tuple[Application, Place, bool]:
    """The Application that an argument means, where its manifests are, and whether it is yet to be made.

    Raises GitopsError.
    """
    target = str(folder)
    if app_name is None and not os.path.lexists(folder):
        app = named(target, home, applications)
        return app, await newest(client, app), False
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


async def newest(client: Client, app: Application) -> Place:
    """The commit that a sync would take now. Raises GitopsError."""
    source = app.spec.source
    secret = None
    if source.credentials:
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
        secret = {key: base64.b64decode(value) for key, value in data.items()}
    # What a sync would do is what it does where the Application is held.
    revision = hold_of(app.metadata.annotations) or source.revision
    return await of_repository(source.repository, revision, source.path, secret)
