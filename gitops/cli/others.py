"""What other Applications say of the objects in a diff: who gets what leaves, who lets go of what is wanted.

Those that read the same repository are rendered from the same tree, as a sync of this revision
would find them. Of others only their status tells.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gitops.api.application import Application
from gitops.cli.sources import Place
from gitops.cli.values import values_of
from gitops.controller.applications import Registry, key_of, owner_of
from gitops.controller.handover import try_to_write
from gitops.controller.rendering import Target, options_of
from gitops.core.desired import Desired, place
from gitops.core.handover import Answer, Claimant, Heard, Right, Stand, answer, hear
from gitops.core.identity import Owner, applyset_id
from gitops.core.inventory import Live
from gitops.core.model import ObjectKey
from gitops.core.plan import Plan, Situation, Step, Verb
from gitops.core.problem import GitopsError, Reason
from gitops.core.resources import Catalog
from gitops.core.revision import parse_repository
from gitops.kube.client import Account, Client
from gitops.observe.reasons import SECTIONS
from gitops.render.client import RendererClient
from gitops.render.closure import render_tree
from gitops.render.protocol import RenderRequest

_CAN_NOT_SAY = {*SECTIONS["Sources"], *SECTIONS["Rendering"]}


@dataclass(frozen=True, slots=True)
class Others:
    """The other Applications, rendered when they are first asked."""

    client: Client
    renderer: RendererClient
    catalog: Catalog
    target: Target
    where: Place
    app: Application
    applications: list[Application]
    _rendered: dict[Owner, Desired | None] = field(default_factory=dict)  # None: it can't be

    async def answers(self, keys: Iterable[ObjectKey]) -> dict[ObjectKey, Answer]:
        """What becomes of objects that would leave the Application; see `controller.handover`."""
        listed = list(keys)
        others = [
            await self._claimant(one, listed)
            for one in self.applications
            if key_of(one) != key_of(self.app) and not one.metadata.deletion_timestamp
        ]
        found = {}
        for key in listed:
            heard = hear(key, others)
            if not heard.nobody and (said := await self._decide(key, heard)):
                found[key] = said
        return found

    async def given(self, decided: Plan, situation: Situation) -> Plan:
        """The plan, with what others own and no longer want as taken over from them."""
        steps = []
        for step in decided.steps:
            former = await self._former_owner(step, situation)
            why = f"the Application {former} no longer wants it and hands it over"
            steps.append(
                replace(step, verb=Verb.ADOPT, why=why, take=(former.manager,), problem=None)
                if former
                else step
            )
        return replace(decided, steps=tuple(steps))

    async def _former_owner(self, step: Step, situation: Situation) -> Owner | None:
        look = situation.inventory.looks.get(step.key)
        owned = step.problem is not None and step.problem.reason is Reason.OWNED_BY_ANOTHER
        if not owned or not isinstance(look, Live):
            return None
        for one in self.applications:
            if applyset_id(*key_of(one)) == look.observed.part_of and self._is_near(one):
                desired = await self._render(one)
                if desired and step.key not in desired.wanted and step.key not in desired.left_alone:
                    return owner_of(one)
        return None

    async def _claimant(self, other: Application, keys: list[ObjectKey]) -> Claimant:
        namespaces = {other.destination_namespace, *Registry.namespaces_of(other)}
        kinds = Registry.kinds_of(other)
        wanted: set[ObjectKey] = set()
        stand = Stand.SETTLED
        # In a monorepo of a thousand folders only those are rendered that may have to do with the objects.
        here = any(not key.namespace or key.namespace in namespaces for key in keys)
        desired = await self._render(other) if here and self._is_near(other) else None
        if desired:
            wanted = {*desired.wanted, *desired.left_alone}
        elif here and self._is_near(other):
            stand = Stand.BROKEN
        else:
            reported = other.status.problems
            wanted = {
                ObjectKey(one.object.group, one.object.kind, one.object.namespace, one.object.name)
                for one in reported
                if one.object and one.reason == Reason.OWNED_BY_ANOTHER
            }
            if any(one.reason in _CAN_NOT_SAY for one in reported):
                stand = Stand.BROKEN
        if other.spec.suspend:
            stand = Stand.SUSPENDED
        namespaces |= {key.namespace for key in wanted if key.namespace}
        return Claimant(
            owner_of(other), stand, wanted, namespaces, kinds | {key.group_kind for key in wanted}
        )

    def _is_near(self, other: Application) -> bool:
        """Whether it reads the same revision of the same repository."""
        if self.where.remote is None or other.spec.source.revision != self.app.spec.source.revision:
            return False
        try:
            here = parse_repository(self.where.remote, allow_file=True).place
            return parse_repository(other.spec.source.repository, allow_file=True).place == here
        except GitopsError:
            return False

    async def _render(self, other: Application) -> Desired | None:
        owner = owner_of(other)
        if owner not in self._rendered:
            try:
                target = replace(self.target, values=await values_of(self.client, other))
                request = RenderRequest(
                    application=str(owner),
                    namespace=other.destination_namespace,
                    path=other.spec.source.path,
                    options=options_of(other, target),
                )
                rendered = (await render_tree(self.where.tree, request, self.renderer)).rendered
            except GitopsError:
                self._rendered[owner] = None
            else:
                self._rendered[owner] = place(rendered, owner, other.destination_namespace, self.catalog)
        return self._rendered[owner]

    async def _decide(self, key: ObjectKey, heard: Heard) -> Answer | None:
        rights: dict[Owner, Right] = {}
        words: dict[Owner, str] = {}
        for one in heard.claims:
            rights[one.owner], words[one.owner] = await self._try(key, one.owner)
        return answer(key, heard, rights, words)

    async def _try(self, key: ObjectKey, owner: Owner) -> tuple[Right, str]:
        desired = self._rendered.get(owner)
        wanted = desired.wanted.get(key) if desired else None
        resource = self.catalog.at_version(wanted.api_version, key.kind) if wanted else None
        if desired is None or wanted is None or resource is None:
            return Right.GRANTED, ""  # as far as anybody knows who doesn't see its repository
        name = next(one.spec.service_account_name for one in self.applications if owner_of(one) == owner)
        client = self.client.as_account(Account(owner.namespace, name) if name else None)
        right, why = await try_to_write(client, resource, key, desired.manifests[key], wanted, owner)
        if "cannot impersonate" in why:
            return Right.GRANTED, ""  # whoever asks may not act as the account; the controller may
        return right, why
