"""What an argument means to `diff`, `plan` and `sync`: an Application, and the manifests to compare."""

import base64
import os
from pathlib import Path

from gitops.api.application import Application, InvalidApplication
from gitops.api.group import API_VERSION, KIND
from gitops.cli.applications import named, require_definition
from gitops.cli.sources import Place, of_folder, of_repository
from gitops.core.hold import hold_of
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Reason, fail
from gitops.core.revision import parse_repository
from gitops.kube.client import Client

_LOCAL = "file:///work-tree"


def is_name(target: str, app_name: str | None) -> bool:
    """Whether an argument names an Application, whose repository is asked, and not a folder."""
    return app_name is None and not os.path.lexists(target)


async def resolve(
    client: Client, folder: Path, app_name: str | None, home: str, applications: list[Application]
) -> tuple[Application, Place, bool]:
    """The Application that an argument means, where its manifests are, and whether it is yet to be made.

    Raises GitopsError.
    """
    target = str(folder)
    if not applications and (app_name or is_name(target, app_name)):
        await require_definition(client)
    if is_name(target, app_name):
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


async def credentials_of(client: Client, app: Application) -> dict[str, bytes] | None:
    """What its Secret holds for Git; None: it names none. Raises GitopsError where it can't be read."""
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


async def newest(client: Client, app: Application) -> Place:
    """The commit that a sync would take now. Raises GitopsError."""
    source = app.spec.source
    # What a sync would do is what it does where the Application is held.
    revision = hold_of(app.metadata.annotations) or source.revision
    return await of_repository(source.repository, revision, source.path, await credentials_of(client, app))
