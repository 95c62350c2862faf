"""Before an update of an object that others own paths of: take over what leaves Git, or know who keeps it."""

from dataclasses import dataclass

from gitops.core.coowned import merged, retained, shares
from gitops.core.desired import body_of
from gitops.core.fields import without_traces
from gitops.core.identity import Owner
from gitops.core.inventory import Absent, Live, Unreadable
from gitops.core.model import Manifest
from gitops.core.plan import Step, Wanted
from gitops.core.problem import Problem, Reason
from gitops.core.resources import Resource
from gitops.core.verdict import judge
from gitops.kube import objects
from gitops.kube.client import Client, Reply


@dataclass(frozen=True, slots=True)
class Settled:
    """What has to be known for the update. `refused` is the answer to a patch that failed."""

    version: str = ""  # the resourceVersion that the update must find; empty: any
    retained: tuple[Problem, ...] = ()
    problem: Problem | None = None
    refused: Reply | None = None


async def settle(
    client: Client, resource: Resource, step: Step, manifest: Manifest, wanted: Wanted, owner: Owner
) -> Settled:
    """Look, try the update, and merge what leaves Git and belongs to `step.take` into our entry.

    Three requests more than an update needs, and only for an object with a second owner of ours.
    A crash after the patch loses nothing: the object still differs from the revision, and the
    paths are ours, so that the next update removes them.
    """
    look = await objects.look(client, resource, step.key)
    match look:
        case Unreadable(problem):
            return Settled(problem=problem)
        case Absent():
            return Settled()  # the update, which carries the uid, finds out
    if not isinstance(look, Live) or look.observed.uid != step.uid:
        return Settled()
    version = look.observed.resource_version
    body = body_of(manifest, wanted, owner, uid=step.uid, version=version)
    tried = await objects.apply(
        client, resource, step.key, body, owner.manager, force=bool(step.uid), dry_run=True
    )
    before = look.metadata.get("managedFields") or []
    if tried.ok:
        after = tried.json["metadata"].get("managedFields") or []
    elif judge(tried.status, tried.failure, step.key).problem.reason is Reason.INVALID_OBJECT:
        after = None
    else:
        return Settled(refused=tried)
    found = shares(before, after, owner.manager, step.take)
    kept = tuple(retained(found, step.key))
    taken = merged(before, owner.manager, found)
    entries = without_traces(taken or before, owner.manager) or taken
    if entries is None:
        return Settled(retained=kept)
    operations = [{"op": "replace", "path": "/metadata/managedFields", "value": entries}]
    reply = await objects.patch(
        client, resource, step.key, operations, owner.manager, resource_version=version
    )
    if not reply.ok:
        return Settled(refused=reply)
    return Settled(str(reply.json["metadata"]["resourceVersion"]), kept)
