"""Objects of which others decide some fields: find out which, and let go of them before leaving them out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops.core.identity import Owner
from gitops.core.ignore import Path, atomic_above, managed_by, owned, scaled, spelled, stripped, target_of
from gitops.core.model import ObjectKey
from gitops.core.plan import Wanted
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.resources import Resource
from gitops.core.verdict import Turn, Verdict, judge
from gitops.kube import objects
from gitops.kube.client import Client

_TRIES = 5
# The manager of the HorizontalPodAutoscaler's controller. Its entry outlives the autoscaler.
_POD_AUTOSCALER = "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class Shared:
    """What of a live object is left to others, and by whom it is scaled if the repository doesn't say so."""

    paths: tuple[Path, ...] = ()
    scaler: str = ""


NOT_SHARED = Shared()


@dataclass(frozen=True, slots=True)
class LetGo:
    """We own nothing any more of what is shared; the object as it is since."""

    shared: Shared
    live: Mapping[str, Any]


async def shared_in(client: Client, wanted: Wanted, live: Mapping[str, Any]) -> Shared | Problem:
    """What of this object others decide now. A Problem when a rule can't be followed."""
    paths = dict.fromkeys((*wanted.ignored.paths, *managed_by(live, wanted.ignored.managers)))
    manager, found = scaled(live)
    scaler = ""
    if not set(found) <= paths.keys():
        scaler = await _scaler(client, manager, wanted.key)
        paths.update(dict.fromkeys(found if scaler else ()))
    within = atomic_above(live, paths)
    if within is None:
        return Shared(tuple(paths), scaler)
    path, whole = map(spelled, within)
    return Problem(
        Reason.IGNORE_IMPOSSIBLE,
        f"{path} can't be ignored: {whole} has one owner as a whole",
        Blame.SPEC,
        "spec.ignore",
        f"ignore {whole}",
        wanted.key,
    )


async def _scaler(client: Client, manager: str, key: ObjectKey) -> str:
    """Who scales the object; empty when that was an autoscaler which is gone.

    What can't be read counts as there: a wrong number of replicas is worse than a late one.
    """
    if manager != _POD_AUTOSCALER:
        return manager
    path = f"/apis/autoscaling/v2/namespaces/{key.namespace}/horizontalpodautoscalers"
    reply = await client.request("GET", path, label="horizontalpodautoscalers")
    if not reply.ok:
        return manager
    for one in reply.json.get("items") or ():
        if target_of(one.get("spec"), key.namespace) == key:
            return f"HorizontalPodAutoscaler {key.namespace}/{one['metadata']['name']}"
    return ""


def still_owned(shared: Shared, live: Mapping[str, Any], owner: Owner) -> tuple[Path, ...]:
    """The paths that an apply would delete if it left them out now."""
    return owned(live, owner.manager, shared.paths)


async def let_go(
    client: Client,
    resource: Resource,
    wanted: Wanted,
    owner: Owner,
    uid: str,
    live: Mapping[str, Any] | None = None,
) -> LetGo | Verdict:
    """Take what others decide out of our own entry, by a patch that fails if the object moved since.

    Level-triggered: whoever comes next after a crash finds the entry as it is, and does the same.
    """
    key, path = wanted.key, resource.path(wanted.key)
    for _ in range(_TRIES):
        if live is None:
            read = await client.request("GET", path, label=resource.plural)
            if not read.ok:
                return judge(read.status, read.failure, key, wanted.origin)
            live = read.json
        if live["metadata"]["uid"] != uid:
            break
        shared = await shared_in(client, wanted, live)
        if isinstance(shared, Problem):
            return Verdict(Turn.STALLED, shared)
        entries = stripped(live, owner.manager, shared.paths)
        if entries is None:
            return LetGo(shared, live)
        reply = await objects.patch(
            client,
            resource,
            key,
            [{"op": "replace", "path": "/metadata/managedFields", "value": entries}],
            owner.manager,
            resource_version=live["metadata"]["resourceVersion"],
        )
        if reply.ok:
            return LetGo(shared, reply.json)
        if reply.status not in (409, 422):
            return judge(reply.status, reply.failure, key, wanted.origin)
        live = None
    moved = Problem(
        Reason.CHANGED_MEANWHILE, "changed while fields were let go of", Blame.CLUSTER, key=wanted.key
    )
    return Verdict(Turn.AGAIN, moved)
