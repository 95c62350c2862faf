"""Values for a chart from ConfigMaps and Secrets of the cluster, read with the user's rights."""

from gitops.api.application import Application
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Reason, fail
from gitops.core.render_options import GivenValues
from gitops.core.values import Holder, given, where_of
from gitops.kube.client import Client


async def values_of(client: Client, app: Application) -> tuple[GivenValues, ...]:
    """What spec.render.helm.valuesFrom names now. Raises GitopsError where it can't be had."""
    if not (app.spec.render.helm and app.spec.render.helm.values_from):
        return ()
    from gitops.controller.references import held_by
    from gitops.controller.spec_references import values_references

    namespace = app.metadata.namespace
    holders: list[Holder | None] = []
    for index, reference in enumerate(values_references(app)):
        kind = reference.kind.value
        path = f"/api/v1/namespaces/{namespace}/{kind.lower()}s/{reference.name}"
        reply = await client.request("GET", path, label=f"{kind.lower()}s")
        if not reply.ok and reply.status != 404:
            raise fail(
                Reason.FORBIDDEN if reply.status in (401, 403) else Reason.API_UNAVAILABLE,
                f"the values can't be read: {reply.failure.get('message')}",
                Blame.CREDENTIALS,
                where=where_of(index),
                key=ObjectKey("", kind, namespace, reference.name),
                advice="you need the right to get it",
            )
        holders.append(held_by(kind, reply.json) if reply.ok else None)
    return given(values_references(app), namespace, holders)
