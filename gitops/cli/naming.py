"""What an argument means: an Application, or an object by kind and name."""

from gitops.cli.applications import refusal
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Reason, fail
from gitops.core.resources import APPLICATIONS, Catalog, Resource
from gitops.kube.client import METADATA, Client
from gitops.kube.objects import is_absent


async def resolve(client: Client, catalog: Catalog, text: str, home: str) -> ObjectKey:
    """The Application `NAME` or `NAMESPACE/NAME`, or the object `KIND/NAME` in `home`, that is there.

    An Application wins over an object. Raises GitopsError when there is neither, or it can't be read.
    """
    first, _, name = text.rpartition("/")
    app = ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, first or home, name)
    reply = await client.request("GET", APPLICATIONS.path(app), accept=METADATA, label="applications")
    if reply.ok:
        return app
    resource = catalog.named(first) if first else None
    # Who may not read Applications there may still read the object.
    if resource is None or reply.status not in (403, 404):
        raise refusal(reply, app, client)
    return await _object(client, resource, name, home, text)


async def _object(client: Client, resource: Resource, name: str, home: str, text: str) -> ObjectKey:
    key = ObjectKey(resource.group, resource.kind, home if resource.namespaced else "", name)
    reply = await client.request("GET", resource.path(key), accept=METADATA, label=resource.plural)
    if reply.ok:
        return key
    if reply.status == 404 and is_absent(reply):
        raise fail(
            Reason.INVALID_OBJECT,
            f"there is no Application {text}, and no {key}",
            Blame.SPEC,
            advice="name an Application as NAMESPACE/NAME, or an object as KIND/NAME with --namespace",
        )
    raise refusal(reply, key, client)
