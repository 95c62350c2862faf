"""What a sync would do, worked out without doing it: the controller's own planner, on LISTs and dry runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitops.api.application import Application
from gitops.api.spec import Adopt
from gitops.api.status import ConditionType
from gitops.cli.begun import Begun, served
from gitops.cli.due_hooks import DueHook, due_hooks
from gitops.cli.sources import Place
from gitops.cli.taking import without_shared, without_taken
from gitops.controller.applications import Registry, owner_of
from gitops.controller.gather import (
    DryRun,
    conflict_of,
    dead_releases,
    drift_from,
    dry_run,
    each,
    look_at,
    read_many,
)
from gitops.controller.policy import policy_of
from gitops.controller.rendering import key_of_render
from gitops.core.adoption import Parents
from gitops.core.approval import Proposal, proposal_of
from gitops.core.desired import Desired, place
from gitops.core.fingerprint import mark, unmoved
from gitops.core.identity import Owner, applyset_id
from gitops.core.inventory import Inventory, Live
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.plan import Drift, Plan, Situation, Step, Verb, plan, to_ask, to_dry_run, to_look_at
from gitops.core.problem import Problem, Reason
from gitops.core.resources import Catalog
from gitops.core.unstable import held, notice, unstable_keys
from gitops.kube.client import Client
from gitops.kube.members import MemberLists
from gitops.observe.hiding import without
from gitops.render.closure import render_tree

if TYPE_CHECKING:
    from gitops.cli.others import Others

_NAMESPACE = GroupKind("", "Namespace")


@dataclass(frozen=True, slots=True)
class Preview:
    """The plan, and for each acting step what it would change. `new`: no such Application exists yet."""

    app: Application
    place: Place
    plan: Plan
    desired: Desired
    tried: Mapping[ObjectKey, DryRun]
    drifts: Mapping[ObjectKey, Drift]
    warnings: tuple[str, ...]
    new: bool
    proposal: Proposal | None = None  # what an approval would have to name
    hidden: tuple[str, ...] = field(default=(), repr=False)  # values of Secrets that nothing may show
    notices: tuple[Problem, ...] = ()
    hooks: tuple[DueHook, ...] = ()

    @property
    def acts(self) -> bool:
        """Whether a sync would do anything."""
        return self.plan.acts or bool(self.hooks)


async def preview(
    client: Client, begun: Begun, applications: list[Application], *, new: bool, thorough: bool
) -> Preview:
    """Compare what was rendered, and plan. Raises GitopsError when the source or the cluster fails."""
    app, where, renderer, lists = begun.app, begun.place, begun.renderer, begun.lists
    catalog, target, request = begun.asked.catalog, begun.asked.target, begun.asked.request
    owner = owner_of(app)
    done = await begun.rendered()
    rendered = done.rendered
    rollout = app.spec.sync.rollout_on_config_change
    desired = place(rendered, owner, app.destination_namespace, catalog, app.spec.ignore, rollout=rollout)
    listed, unreadable = await _members(lists, catalog, app, desired)
    notices: tuple[Problem, ...] = ()
    # The key asks helm and kustomize for their versions, which takes as long as all the rest.
    if app.status.contents not in (None, "", desired.contents) and app.status.render_key == key_of_render(
        app, done.reads, done.renderer, target, await renderer.version()
    ):
        again = (await render_tree(where.tree, request, renderer, done.reads)).rendered
        repeated = place(again, owner, app.destination_namespace, catalog, app.spec.ignore, rollout=rollout)
        desired, notices = _without_unstable(app, desired, repeated, listed)
        listed, unreadable = await _members(lists, catalog, app, desired)
    seen = Inventory({key: live.observed for key, live in listed.items()}, unreadable=unreadable)
    situation = await _situation(
        client, catalog, app, owner, desired, where, applications, seen, thorough=thorough
    )
    drifts, checked = await _drifts(client, catalog, desired, owner, to_dry_run(situation))
    situation = replace(situation, drifts=drifts)
    decided = plan(situation)
    if new:
        decided = Plan(decided.steps, (), decided.problems)
    asked = to_ask(decided)
    if asked or any(one.problem for one in decided.steps):
        from gitops.cli.others import Others  # here: it takes half of the controller along

        others = Others(client, renderer, catalog, target, where, app, applications)
        decided = await _after_asking(others, asked, decided, situation)
    tried = checked | await _try_all(client, catalog, app, desired, owner, decided, checked)
    proposal = proposal_of(decided, desired.hooks, deployed=situation.deployed)
    decided, tried = _with_replacements(decided, desired, tried)
    scaled = [
        f"{key}: its replicas are left to {one.scaler}" for key, one in sorted(tried.items()) if one.scaler
    ]
    warnings = (*rendered.warnings, *desired.notes, *scaled, *_waits(app))
    hooks = due_hooks(app, desired, where.revision, deployed=situation.deployed)
    return Preview(
        app, where, decided, desired, tried, drifts, warnings, new, proposal, rendered.hidden, notices, hooks
    )


async def _after_asking(
    others: "Others", asked: list[ObjectKey], decided: Plan, situation: Situation
) -> Plan:
    if asked:
        decided = plan(replace(situation, answers=await others.answers(asked)))
    return await others.given(decided, situation)


def _with_replacements(
    decided: Plan, desired: Desired, tried: dict[ObjectKey, DryRun]
) -> tuple[Plan, dict[ObjectKey, DryRun]]:
    """The objects that can't be changed and say that they may be deleted and created anew."""
    found = {
        step.key
        for step in decided.steps
        if step.verb in (Verb.UPDATE, Verb.HEAL)
        and desired.wanted[step.key].directives.force
        and (result := tried.get(step.key))
        and result.replaceable
    }
    steps = tuple(
        replace(step, verb=Verb.REPLACE, why="a field of it can't be changed") if step.key in found else step
        for step in decided.steps
    )
    tried = {key: replace(result, problem=None) if key in found else result for key, result in tried.items()}
    return replace(decided, steps=steps), tried


def _waits(app: Application) -> Iterator[str]:
    ready = app.status.condition(ConditionType.READY)
    if ready and ready.reason == Reason.DEPENDENCY_NOT_READY:
        yield f"a sync waits: {ready.message}"


def _without_unstable(
    app: Application, desired: Desired, repeated: Desired, listed: Mapping[ObjectKey, Live]
) -> tuple[Desired, tuple[Problem, ...]]:
    """What a sync wants after a restart of the controller: what differs with each render stays."""
    found = {key: live.observed for key, live in listed.items()}
    marks = {key: mark(seen.digest, seen.content) for key, seen in found.items()}
    keys = unstable_keys(desired, repeated, found, unmoved(app.status.fingerprint or "", marks))
    if not keys:
        return desired, ()
    # The contents are the applied render's: what has been deployed stays deployed.
    kept = replace(held(desired, keys, found), contents=app.status.contents or "")
    return kept, (notice(keys, app.spec.source.path),)


async def _members(
    lists: MemberLists, catalog: Catalog, app: Application, desired: Desired
) -> tuple[dict[ObjectKey, Live], dict[GroupKind, Problem]]:
    kinds = Registry.kinds_of(app) | {key.group_kind for key in desired.wanted}
    namespaces = {app.destination_namespace, *(key.namespace for key in desired.wanted if key.namespace)}
    return await lists.members(served(catalog, kinds), namespaces)


async def _situation(
    client: Client,
    catalog: Catalog,
    app: Application,
    owner: Owner,
    desired: Desired,
    where: Place,
    applications: list[Application],
    seen: Inventory,
    *,
    thorough: bool,
) -> Situation:
    members = seen.members
    baseline: dict[ObjectKey, str] = {}
    if not thorough:
        marks = {key: mark(seen.digest, seen.content) for key, seen in members.items()}
        same = unmoved(app.status.fingerprint or "", marks)
        baseline = {key: members[key].digest for key in same}
    wanted = desired.wanted
    missing = to_look_at(wanted, owner, Inventory(members))
    looks = await look_at(client, catalog, missing, wanted)
    names = {
        applyset_id(
            one.metadata.namespace, one.metadata.name
        ): f"{one.metadata.namespace}/{one.metadata.name}"
        for one in applications
    }
    return Situation(
        owner=owner,
        wanted=wanted,
        inventory=replace(seen, looks=looks),
        parents=Parents(names, await dead_releases(client, looks.values())),
        policy=policy_of(app, where.revision),
        baseline=baseline,
        unplannable=desired.problems,
        desired={*wanted, *desired.left_alone},
        namespaces=frozenset(Registry.namespaces_of(app) | {key.namespace for key in wanted}),
        deployed=bool(app.status.contents) and app.status.contents == desired.contents,
    )


async def _drifts(
    client: Client, catalog: Catalog, desired: Desired, owner: Owner, keys: list[ObjectKey]
) -> tuple[dict[ObjectKey, Drift], dict[ObjectKey, DryRun]]:
    seen = await read_many(client, catalog, keys, desired.wanted)

    async def one(key: ObjectKey) -> DryRun:
        wanted = desired.wanted[key]
        resource = catalog.at_version(wanted.api_version, key.kind)
        if resource is None:
            return DryRun(None, None)
        return await dry_run(client, resource, desired.manifests[key], wanted, owner, seen.get(key))

    tried = dict(zip(keys, await each(keys, one), strict=True))
    drifts = {}
    for key, result in list(tried.items()):
        if result == DryRun(None, None):
            continue
        drifts[key] = drift_from(result, key, owner)
        if drifts[key].takes:
            tried[key] = DryRun(result.before, None)
    return drifts, tried


async def _try_all(
    client: Client,
    catalog: Catalog,
    app: Application,
    desired: Desired,
    owner: Owner,
    decided: Plan,
    checked: Mapping[ObjectKey, DryRun],
) -> dict[ObjectKey, DryRun]:
    """Dry-run every step that writes and hasn't been tried yet."""
    coming = {key.name for key in desired.wanted if key.group_kind == _NAMESPACE}
    if app.spec.sync.create_namespace:
        coming.add(app.destination_namespace)
    steps = [step for step in decided.steps if step.acts and step.key not in checked]
    seen = await read_many(client, catalog, (step.key for step in steps), desired.wanted)

    async def one(step: Step) -> DryRun:
        wanted = desired.wanted[step.key]
        resource = catalog.at_version(wanted.api_version, step.key.kind)
        if resource is None:
            return DryRun(None, None)
        manifest = desired.manifests[step.key]
        result = await dry_run(client, resource, manifest, wanted, owner, seen.get(step.key))
        missing = result.problem and result.problem.reason is Reason.NAMESPACE_NOT_FOUND
        if missing and step.key.namespace in coming:
            return DryRun(None, None)
        if step.shared:
            return without_shared(result, step, owner)
        if step.verb is not Verb.ADOPT or result.after is None:
            return result
        if app.spec.sync.adopt is not Adopt.ALWAYS and result.before is not None:
            tried = result.manifest or manifest
            conflict = await conflict_of(
                client, resource, tried, wanted, owner, step.uid, step.take, result.before
            )
            if conflict:
                return DryRun(result.before, None, conflict)
        return await without_taken(client, resource, result, step)

    return dict(zip((step.key for step in steps), await each(steps, one), strict=True))


def refusals(shown: Preview) -> list[Problem]:
    """What a sync would refuse or the server would, in the plan's order."""
    found = [*shown.plan.problems, *shown.desired.problems]
    found += [step.problem for step in (*shown.plan.steps, *shown.plan.prunes) if step.problem]
    found += [result.problem for result in shown.tried.values() if result.problem]
    return list(dict.fromkeys(without(shown.hidden, found)))
