"""`gitops uninstall`: end the controller, release the Applications, remove what was installed.

The order is what makes it safe: nothing is deleted while a controller could see the deletion as
somebody's wish to prune, and no finalizer is left that nobody removes.
"""

import asyncio
import sys
import time
from dataclasses import dataclass

import orjson

from gitops.api.application import Metadata
from gitops.api.group import CRD_NAME, FINALIZER
from gitops.cli.options import Exit
from gitops.controller.gather import each
from gitops.core.applyset import kinds_of, namespaces_of
from gitops.core.identity import Owner
from gitops.core.inventory import Live, Membership
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail
from gitops.core.resources import APPLICATIONS, Catalog
from gitops.core.verdict import judge
from gitops.kube import installed
from gitops.kube.client import MERGE_PATCH, METADATA_LIST, Access, Client
from gitops.kube.discovery import discover
from gitops.kube.members import list_members
from gitops.kube.reach import raise_unanswered
from gitops.kube.release import release

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options."""

    namespace: str
    release_only: bool = False
    keep_marks: bool = False
    keep_crds: bool = False
    prune: bool = False
    yes: bool = False
    timeout: float = 120.0


async def run(access: Access, wishes: Wishes) -> int:
    """Do it all, and say what is done. Raises GitopsError at the first thing that must not be passed over."""
    client = await Client.connect(access)
    try:
        return await _Uninstall(client, wishes).run()
    finally:
        await client.close()


@dataclass(frozen=True, slots=True)
class _Uninstall:
    client: Client
    wishes: Wishes

    async def run(self) -> int:
        parents = await self._parents()
        controllers = await installed.deployments(self.client, self.wishes.namespace)
        self._announce(parents, controllers)
        if not self.wishes.yes and not _confirmed():
            print("nothing was changed")
            return Exit.REFUSED
        if self.wishes.prune:
            await self._prune(parents)
        for part in controllers:
            print(f"stopping {part.key}")
            await installed.stop(self.client, part, self.wishes.timeout)
        failed = await self._release(await self._parents())
        if self.wishes.release_only:
            return Exit.CLUSTER if failed else Exit.DONE
        if not self.wishes.keep_crds:
            print(f"deleting CustomResourceDefinition {CRD_NAME}, and with it all Applications")
            await installed.remove_definition(self.client, CRD_NAME, self.wishes.timeout)
        await self._remove_parts()
        return Exit.CLUSTER if failed else Exit.DONE

    async def _parents(self) -> list[Metadata]:
        """All Applications, also those whose spec can't be understood; none where there is no definition."""
        reply = await self.client.request(
            "GET", APPLICATIONS.collection(), accept=METADATA_LIST, label=APPLICATIONS.plural
        )
        if reply.status == 404:
            return []
        raise_unanswered(self.client, reply)
        if not reply.ok:
            key = ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, "", "*")
            raise GitopsError(judge(reply.status, reply.failure, key).problem)
        return [Metadata.model_validate(item["metadata"]) for item in reply.json.get("items") or ()]

    def _announce(self, parents: list[Metadata], controllers: list[installed.Part]) -> None:
        wishes = self.wishes
        where = f"of {self.client.server}"
        if controllers:
            print(f"the controller in {wishes.namespace} {where} is stopped")
        else:
            print(f"there is no controller in {wishes.namespace} {where}")
        if parents:
            fate = (
                "are deleted with their objects, as spec.deletionPolicy says"
                if wishes.prune
                else "are released: their objects stay as they are"
            )
            print(f"{len(parents)} Applications {fate}")
        if not wishes.release_only:
            kept = "the CustomResourceDefinition and the Applications stay" if wishes.keep_crds else ""
            print(kept or f"the CustomResourceDefinition {CRD_NAME} is deleted, and all Applications with it")
            print(f"what was installed into {wishes.namespace}, and its rights, are deleted")

    async def _prune(self, parents: list[Metadata]) -> None:
        """Delete the Applications while their controller still runs, and wait until they are gone."""
        for parent in parents:
            key = _key(parent)
            print(f"deleting {key}")
            reply = await self.client.request("DELETE", APPLICATIONS.path(key), label=APPLICATIONS.plural)
            if not reply.ok and reply.status != 404:
                raise GitopsError(judge(reply.status, reply.failure, key).problem)
        end = time.monotonic() + self.wishes.timeout
        while left := await self._parents():
            if time.monotonic() > end:
                raise fail(
                    Reason.WAITING,
                    f"{len(left)} Applications are still there after {self.wishes.timeout:g} s",
                    Blame.CLUSTER,
                    advice="`gitops status` says what they wait for; nothing else was changed",
                    key=_key(left[0]),
                )
            await asyncio.sleep(0.5)

    async def _release(self, parents: list[Metadata]) -> bool:
        """Release all members and finalizers. True: something could not be released, and was named."""
        failed = False
        catalog = await discover(self.client) if not self._keeps_marks else None
        for parent in parents:
            problems = await self._release_members(parent, catalog) if catalog else []
            for problem in problems:
                print(f"warning: {problem}", file=sys.stderr)
            failed |= bool(problems)
            await self._remove_finalizer(parent)
            print(f"released {_key(parent)}")
        return failed

    @property
    def _keeps_marks(self) -> bool:
        # Applications that stay know their objects again after the next install.
        return self.wishes.keep_marks or self.wishes.release_only or self.wishes.keep_crds

    async def _release_members(self, parent: Metadata, catalog: Catalog) -> list[Problem]:
        owner = Owner(parent.namespace, parent.name, parent.uid)
        resources = [found for kind in kinds_of(parent) if (found := catalog.preferred(kind))]
        members, unreadable = await list_members(
            self.client, owner.applyset_id, resources, namespaces_of(parent)
        )

        async def one(live: Live) -> Problem | None:
            resource = catalog.preferred(live.observed.key.group_kind)
            if resource is None or live.observed.membership(owner) is Membership.FOREIGN:
                return None
            reply = await release(self.client, resource, live, owner)
            if reply.ok or reply.status == 404:
                return None
            return judge(reply.status, reply.failure, live.observed.key).problem

        answers = await each(members.values(), one)
        return [*unreadable.values(), *(problem for problem in answers if problem)]

    async def _remove_finalizer(self, parent: Metadata) -> None:
        key = _key(parent)
        for _ in range(_TRIES):
            read = await self.client.request("GET", APPLICATIONS.path(key), label=APPLICATIONS.plural)
            if read.status == 404:
                return
            metadata = read.json["metadata"] if read.ok else {}
            kept = [name for name in metadata.get("finalizers") or () if name != FINALIZER]
            if read.ok and len(kept) == len(metadata.get("finalizers") or ()):
                return
            document = {"metadata": {"resourceVersion": metadata.get("resourceVersion"), "finalizers": kept}}
            reply = read
            if read.ok:
                reply = await self.client.request(
                    "PATCH",
                    APPLICATIONS.path(key),
                    orjson.dumps(document),
                    content_type=MERGE_PATCH,
                    label=APPLICATIONS.plural,
                )
            if reply.ok or reply.status == 404:
                return
            if reply.status != 409:
                break
        raise GitopsError(judge(reply.status, reply.failure, key).problem)

    async def _remove_parts(self) -> None:
        found = await installed.parts(self.client, self.wishes.namespace)
        releases = list(installed.releases_of(found))
        for part in found:
            if not part.release:
                print(f"deleting {part.key}")
                await installed.remove(self.client, part)
        await installed.remove_lease(self.client, self.wishes.namespace)
        for name in releases:
            print(
                f"Helm keeps a record of the rest: helm uninstall {name} --namespace {self.wishes.namespace}"
            )
        print(f"done; the namespace {self.wishes.namespace} stays")


def _key(parent: Metadata) -> ObjectKey:
    return ObjectKey(APPLICATIONS.group, APPLICATIONS.kind, parent.namespace, parent.name)


def _confirmed() -> bool:
    """Ask on a terminal. Raises GitopsError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise fail(
            Reason.INVALID_OBJECT,
            "nobody is there to confirm it",
            Blame.SPEC,
            where="gitops uninstall",
            advice="call it with --yes",
        )
    return input("go on? [y/N] ").strip().lower() in ("y", "yes")
