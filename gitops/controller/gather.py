"""Find out what planning needs beyond the watches: looks by name, and dry runs. Shared with the CLI."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson

from gitops.controller.sharing import NOT_SHARED, shared_in, still_owned
from gitops.core.adoption import HelmRelease, release_of
from gitops.core.desired import body_of
from gitops.core.drift import compare, invalid_beside
from gitops.core.fields import overlaps
from gitops.core.identity import Owner
from gitops.core.ignore import Path, with_live, without
from gitops.core.inventory import Absent, Live, Look
from gitops.core.managers import scaler_of
from gitops.core.model import Manifest, ObjectKey
from gitops.core.plan import Drift, Wanted
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.resources import NEEDED_VERBS, Catalog, Resource
from gitops.core.verdict import judge, only_immutable
from gitops.kube import objects
from gitops.kube.client import METADATA_LIST, Client

# From here on one LIST of a namespace is cheaper than GETs by name.
_LIST_FROM = 20
_CONCURRENCY = 16
_TRIES = 4
_SECRETS = Resource("", "v1", "Secret", "secrets", namespaced=True, verbs=NEEDED_VERBS)

Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class DryRun:
    """An object before and after an apply that was only tried; `before` is None where it isn't there."""

    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    problem: Problem | None = None
    manifest: Manifest | None = None  # as it was tried: without what others decide
    scaler: str = ""  # who scales it, where the repository doesn't say so
    holds: bool = False  # we still own something that others decide
    left: tuple[Path, ...] = ()  # what others decide
    replaceable: bool = False  # refused for nothing but an immutable field


@dataclass(frozen=True, slots=True)
class Read:
    """A whole object as a read found it; None: it isn't there."""

    obj: Mapping[str, Any] | None


async def each(items: Iterable[Item], work: Callable[[Item], Awaitable[Found]]) -> list[Found]:
    """The results of `work` for all items, at most sixteen at a time, in order."""
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(item: Item) -> Found:
        async with gate:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))


async def look_at(
    client: Client, catalog: Catalog, keys: Iterable[ObjectKey], wanted: Mapping[ObjectKey, Wanted]
) -> dict[ObjectKey, Look]:
    """Look at desired objects of which the watches know too little, as the Application's account."""
    looks: dict[ObjectKey, Look] = {}
    groups: dict[tuple[Resource, str], list[ObjectKey]] = defaultdict(list)
    for key in keys:
        resource = catalog.at_version(wanted[key].api_version, key.kind)
        if resource is None:
            looks[key] = Absent()  # its kind comes with this sync: nothing of it can be there
        else:
            groups[(resource, key.namespace)].append(key)

    async def look_at_group(group: tuple[tuple[Resource, str], list[ObjectKey]]) -> dict[ObjectKey, Look]:
        (resource, namespace), members = group
        if len(members) >= _LIST_FROM:
            found = await objects.look_at_all(client, resource, namespace)
            if not isinstance(found, Problem):
                return {key: found.get(key, Absent()) for key in members}
        answers = await each(members, lambda key: objects.look(client, resource, key))
        return dict(zip(members, answers, strict=True))

    for answers in await asyncio.gather(*(look_at_group(group) for group in groups.items())):
        looks.update(answers)
    return looks


async def dead_releases(client: Client, looks: Iterable[Look]) -> frozenset[HelmRelease]:
    """The Helm releases that found objects name and that have no Secret left; unreadable counts as alive."""
    named = {release for look in looks if isinstance(look, Live) and (release := release_of(look))}

    async def is_dead(release: HelmRelease) -> bool:
        params = {"labelSelector": f"owner=helm,name={release.name}", "limit": "1"}
        reply = await client.request(
            "GET",
            _SECRETS.collection(release.namespace),
            params=params,
            accept=METADATA_LIST,
            label="secrets",
        )
        return reply.ok and not reply.json.get("items")

    releases = sorted(named, key=lambda release: (release.namespace, release.name))
    verdicts = await each(releases, is_dead)
    return frozenset(release for release, dead in zip(releases, verdicts, strict=True) if dead)


async def read_many(
    client: Client, catalog: Catalog, keys: Iterable[ObjectKey], wanted: Mapping[ObjectKey, Wanted]
) -> dict[ObjectKey, Read]:
    """The objects that one page of a LIST shows, where many of a kind are asked for.

    A page is bounded by what is asked for, since there may be any number of others. What it
    leaves open, or what couldn't be listed, is missing in the answer: read it by name.
    """
    groups: dict[tuple[Resource, str], list[ObjectKey]] = defaultdict(list)
    for key in keys:
        resource = catalog.at_version(wanted[key].api_version, key.kind)
        if resource:
            groups[(resource, key.namespace)].append(key)

    async def read_group(group: tuple[tuple[Resource, str], list[ObjectKey]]) -> dict[ObjectKey, Read]:
        (resource, namespace), members = group
        if len(members) < _LIST_FROM:
            return {}
        found, complete = await objects.read_page(client, resource, namespace, 2 * len(members))
        return {key: Read(found.get(key)) for key in members if complete or key in found}

    answers: dict[ObjectKey, Read] = {}
    for part in await asyncio.gather(*map(read_group, groups.items())):
        answers |= part
    return answers


async def dry_run(
    client: Client,
    resource: Resource,
    manifest: Manifest,
    wanted: Wanted,
    owner: Owner,
    seen: Read | None = None,
) -> DryRun:
    """What applying this manifest would change now; nothing is changed.

    `seen` saves the read as long as the object is still the one that was seen.

    A comparison counts only if both requests speak of the same resourceVersion.
    """
    problem: Problem | None = None
    for attempt in range(_TRIES):
        found = seen if seen and not attempt else await _read(client, resource, wanted.key)
        if isinstance(found, Problem):
            return DryRun(None, None, found)
        before = found.obj
        uid = before["metadata"]["uid"] if before else ""
        tried_with, shared, holds = manifest, NOT_SHARED, False
        if before and (wanted.ignored or any(map(scaler_of, before["metadata"].get("managedFields") or ()))):
            others = await shared_in(client, wanted, before)
            if isinstance(others, Problem):
                return DryRun(before, None, others)
            shared = others
            held = still_owned(shared, before, owner)
            # A sync lets go of these first; left out as long as we own them, they would show as deleted.
            tried_with = with_live(without(manifest, shared.paths), before, held)
            holds = bool(held)
        body = body_of(tried_with, wanted, owner, uid=uid)
        tried = await objects.apply(
            client, resource, wanted.key, body, owner.manager, force=bool(uid), dry_run=True
        )
        if not tried.ok:
            verdict = judge(tried.status, tried.failure, wanted.key, wanted.origin)
            if verdict.problem.reason is Reason.CHANGED_MEANWHILE:
                problem = verdict.problem
                continue
            refused = DryRun(before, None, verdict.problem, tried_with, shared.scaler, holds, shared.paths)
            immutable = only_immutable(tried.status, tried.failure, wanted.key)
            return replace(refused, replaceable=immutable)
        after = tried.json
        if before is None or _version(before) == _version(after):
            return DryRun(before, after, None, tried_with, shared.scaler, holds, shared.paths)
        problem = None
    moving = problem or Problem(
        Reason.CHANGED_MEANWHILE, "changes faster than it can be compared", Blame.CLUSTER, key=wanted.key
    )
    return DryRun(None, None, moving)


async def _read(client: Client, resource: Resource, key: ObjectKey) -> Read | Problem:
    reply = await client.request("GET", resource.path(key), label=resource.plural)
    if reply.status == 404 and objects.is_absent(reply):
        return Read(None)
    return Read(reply.json) if reply.ok else objects.unreadable(reply, key)


async def conflict_of(
    client: Client,
    resource: Resource,
    manifest: Manifest,
    wanted: Wanted,
    owner: Owner,
    uid: str,
    taken: Collection[str],
    live: Mapping[str, Any],
) -> Problem | None:
    """Whether an adoption, which isn't forced, would conflict with a manager that isn't taken over.

    Asked only where one of these owns something of what the manifest says in `live`.
    """
    entries = live["metadata"].get("managedFields") or ()
    kept = [entry for entry in entries if entry.get("manager") not in taken]
    if not kept:
        return None
    body = body_of(manifest, wanted, owner, uid=uid)
    said = orjson.loads(body)
    # Of an entry that speaks of another version only the server knows what it is called in this one.
    if not any(
        entry.get("apiVersion") != wanted.api_version or overlaps(entry.get("fieldsV1") or {}, said)
        for entry in kept
    ):
        return None
    tried = await objects.apply(client, resource, wanted.key, body, owner.manager, force=False, dry_run=True)
    if tried.ok:
        return None
    problem = judge(tried.status, tried.failure, wanted.key, wanted.origin).problem
    if problem.reason is not Reason.FIELD_CONFLICT:
        return problem
    causes = (tried.failure.get("details") or {}).get("causes") or ()
    others = {name for cause in causes for name in _MANAGER.findall(str(cause.get("message")))} - set(taken)
    return problem if others else None


_MANAGER = re.compile(r'conflict with "([^"]+)"')


def _version(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["resourceVersion"])


async def drift_of(
    client: Client, resource: Resource, manifest: Manifest, wanted: Wanted, owner: Owner
) -> Drift:
    """The drift of one member, by a dry run."""
    return drift_from(await dry_run(client, resource, manifest, wanted, owner), wanted.key, owner)


def drift_from(tried: DryRun, key: ObjectKey, owner: Owner) -> Drift:
    """What a dry run of a member says."""
    if tried.problem:
        if tried.before is not None and tried.problem.reason is Reason.INVALID_OBJECT:
            return invalid_beside(key, tried.before, tried.problem)
        return Drift(key, problem=tried.problem)
    if tried.before is None or tried.after is None:
        gone = Problem(Reason.CHANGED_MEANWHILE, "is gone", Blame.CLUSTER, key=key)
        return Drift(key, problem=gone)
    drift = compare(key, tried.before, tried.after, owner.manager)
    return replace(
        drift,
        reclaim=drift.reclaim or tried.holds,
        scaler=tried.scaler,
        version=_version(tried.before),
    )
