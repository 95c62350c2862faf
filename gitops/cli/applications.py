"""Applications as commands know them: listed, found by name, changed."""

import sys
from collections.abc import Mapping
from typing import Any

import orjson

from gitops.api.application import Application
from gitops.api.group import API_VERSION, KIND
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import APPLICATIONS
from gitops.core.verdict import judge
from gitops.kube.client import MERGE_PATCH, Access, Client, Reply
from gitops.kube.contexts import context_namespace
from gitops.kube.reach import raise_unanswered

MANAGER = "gitops-cli"


async def list_applications(client: Client, home: str) -> list[Application]:
    """All Applications that the user may see: of the cluster, or else of the namespace `home`.

    None when the CRD isn't installed: a folder can be compared all the same. Raises GitopsError when
    nobody answers, or when even those of `home` can't be listed: could not read is not absent.
    """
    reply = await client.request("GET", APPLICATIONS.collection(), label="applications")
    if reply.status == 403:
        reply = await client.request("GET", APPLICATIONS.collection(home), label="applications")
        if reply.ok:
            print(
                f"note: you may list the Applications of {home} only; what belongs to one of another "
                "namespace is not known as such",
                file=sys.stderr,
            )
    if reply.status == 404:
        return []
    raise_unanswered(client, reply)
    if not reply.ok:
        raise GitopsError(judge(reply.status, reply.failure, _key(home, "*")).problem)
    return [
        Application.parse({**item, "apiVersion": API_VERSION, "kind": KIND}) for item in reply.json["items"]
    ]


def named(text: str, home: str, applications: list[Application]) -> Application:
    """The one that an argument names, `NAME` or `NAMESPACE/NAME`. Raises GitopsError if there is none."""
    namespace, _, name = text.rpartition("/")
    for app in applications:
        if app.metadata.name == name and app.metadata.namespace == (namespace or home):
            return app
    raise fail(
        Reason.INVALID_OBJECT,
        f"there is no Application {namespace or home}/{name}, and no folder {text}",
        Blame.SPEC,
        advice="name one as NAMESPACE/NAME or with --namespace; `gitops status` lists them",
    )


async def find(client: Client, access: Access, name: str, namespace: str | None) -> Application:
    """The Application `NAME` or `NAMESPACE/NAME`. Raises GitopsError if it can't be had."""
    home, _, short = name.rpartition("/")
    key = _key(home or namespace or context_namespace(access), short)
    return _application(
        await client.request("GET", APPLICATIONS.path(key), label="applications"), key, client
    )


async def change(client: Client, app: Application, patch: Mapping[str, Any]) -> Application:
    """Change it by a merge patch, if it is still the one that was looked at. Raises GitopsError."""
    key = _key(app.metadata.namespace, app.metadata.name)
    metadata = {**patch.get("metadata", {}), "uid": app.metadata.uid}
    reply = await client.request(
        "PATCH",
        APPLICATIONS.path(key),
        orjson.dumps({**patch, "metadata": metadata}),
        params={"fieldManager": MANAGER},
        content_type=MERGE_PATCH,
        label="applications",
    )
    return _application(reply, key, client)


def _key(namespace: str, name: str) -> ObjectKey:
    return ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, namespace, name)


def _application(reply: Reply, key: ObjectKey, client: Client) -> Application:
    if reply.ok:
        return Application.parse({**reply.json, "apiVersion": API_VERSION, "kind": KIND})
    raise refusal(reply, key, client)


def refusal(reply: Reply, key: ObjectKey, client: Client) -> GitopsError:
    """What to tell when the API server didn't give, or take, what `key` names."""
    from gitops.kube.objects import is_absent

    if reply.status == 404 and reply.body and not is_absent(reply):
        return not_installed(client)
    if reply.status == 404:
        return fail(
            Reason.INVALID_OBJECT,
            f"there is no {key.kind} {key.namespace}/{key.name}",
            Blame.SPEC,
            advice="name one as NAMESPACE/NAME or with --namespace; `gitops status` lists them",
        )
    raise_unanswered(client, reply)
    return GitopsError(judge(reply.status, reply.failure, key).problem)


async def require_definition(client: Client) -> None:
    """Raises GitopsError where the API server doesn't know the kind Application, or doesn't say."""
    reply = await client.request("GET", f"/apis/{API_VERSION}", label="apis")
    if not reply.ok:
        raise not_installed(client) if reply.status == 404 else refusal(reply, _key("", "*"), client)


def not_installed(client: Client) -> GitopsError:
    """The API server doesn't know the kind Application."""
    return fail(
        Reason.UNKNOWN_KIND,
        f"the kind Application is not installed in the cluster at {client.server}",
        Blame.CLUSTER,
        advice="install it with `gitops install`; without a controller its definition is enough",
    )
