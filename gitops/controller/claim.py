"""Mark the Application as the parent of an ApplySet, before the first object of a kind is applied."""

import orjson

from gitops.api.application import Application
from gitops.api.group import (
    APPLYSET_GROUP_KINDS_ANNOTATION,
    APPLYSET_ID_LABEL,
    APPLYSET_NAMESPACES_ANNOTATION,
    APPLYSET_TOOLING_ANNOTATION,
    FINALIZER,
)
from gitops.controller.applications import Registry
from gitops.core.identity import Owner
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import APPLICATIONS
from gitops.core.verdict import Turn, judge
from gitops.kube.client import MERGE_PATCH, Client

TOOLING = "gitops/v1"


async def claim(
    client: Client, app: Application, owner: Owner, kinds: set[GroupKind], namespaces: set[str]
) -> None:
    """Finalizer, ApplySet id, kinds and namespaces, in one patch; no request if they are there already.

    The lists are only widened here: a kind or namespace is taken out when none of its objects is
    left (`narrow`). Raises GitopsError when the patch is refused; then nothing may be applied.
    """
    listed, places = Registry.kinds_of(app), Registry.namespaces_of(app)
    metadata = app.metadata
    if (
        kinds <= listed
        and namespaces <= places
        and FINALIZER in metadata.finalizers
        and metadata.labels.get(APPLYSET_ID_LABEL) == owner.applyset_id
        and metadata.annotations.get(APPLYSET_TOOLING_ANNOTATION) == TOOLING
    ):
        return
    await _patch(client, app, owner, listed | kinds, places | namespaces)


async def narrow(
    client: Client, app: Application, owner: Owner, kinds: set[GroupKind], namespaces: set[str]
) -> None:
    """List exactly these kinds and namespaces: those that have objects, or of which some are desired."""
    namespaces = namespaces | {app.metadata.namespace}
    if Registry.kinds_of(app) != kinds or Registry.namespaces_of(app) != namespaces:
        await _patch(client, app, owner, kinds, namespaces)


async def _patch(
    client: Client, app: Application, owner: Owner, kinds: set[GroupKind], namespaces: set[str]
) -> None:
    metadata = app.metadata
    others = ",".join(sorted(namespaces - {metadata.namespace}))
    finalizers = [*metadata.finalizers, *([] if FINALIZER in metadata.finalizers else [FINALIZER])]
    document = {
        "metadata": {
            # Two writers of finalizers must not undo each other: a merge patch replaces the list.
            "resourceVersion": metadata.resource_version,
            "finalizers": finalizers,
            "labels": {APPLYSET_ID_LABEL: owner.applyset_id},
            "annotations": {
                APPLYSET_TOOLING_ANNOTATION: TOOLING,
                APPLYSET_GROUP_KINDS_ANNOTATION: ",".join(sorted(str(kind) for kind in kinds)),
                APPLYSET_NAMESPACES_ANNOTATION: others or None,
            },
        }
    }
    key = ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, metadata.namespace, metadata.name)
    reply = await client.request(
        "PATCH",
        APPLICATIONS.path(key),
        orjson.dumps(document),
        params={"fieldManager": "gitops.dev-controller"},
        content_type=MERGE_PATCH,
        label=APPLICATIONS.plural,
    )
    if reply.ok:
        return
    verdict = judge(reply.status, reply.failure, key)
    if verdict.turn is Turn.AGAIN:
        raise fail(Reason.CHANGED_MEANWHILE, "the Application was changed meanwhile", Blame.CLUSTER, key=key)
    raise GitopsError(verdict.problem)
