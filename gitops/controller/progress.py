"""How far a sync is: its run, its hooks' results, what may be deployed now, and what is healed to before."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from gitops.api.application import Application
from gitops.api.status import Status
from gitops.controller.execute import Manifests
from gitops.controller.hook_reports import result_of
from gitops.controller.memory import Memory, Target
from gitops.core.hook_annotations import Occasion
from gitops.core.hooks import again, run_id
from gitops.core.identity import Owner
from gitops.core.inventory import Observed
from gitops.core.model import Manifest, ObjectKey
from gitops.core.plan import Wanted
from gitops.core.waves import OPEN, Gate, Syncing, effective, gate


@dataclass(frozen=True, slots=True)
class Towards:
    """What a pass brings the cluster to: of some objects a render from before."""

    wanted: Mapping[ObjectKey, Wanted]
    manifests: Manifests
    gate: Gate = OPEN


@dataclass(frozen=True, slots=True)
class _Layered:
    """The manifests of a target, of some keys those of targets before it."""

    target: Target
    earlier: Mapping[ObjectKey, Target] = field(default_factory=dict)

    def __getitem__(self, key: ObjectKey) -> Manifest:
        return self.earlier.get(key, self.target).manifests[key]


def is_deployed(status: Status, target: Target) -> bool:
    """Whether exactly this was once applied as a whole: from then on there is only healing."""
    if status.contents:
        return status.contents == target.contents
    return bool(status.render_key) and status.render_key == target.render.key


def load_results(app: Application, memory: Memory) -> None:
    """After a start: what became of hooks, as the status kept it."""
    if not memory.hooks_loaded:
        memory.hooks_loaded = True
        memory.hook_results = {(one.phase, one.base): one for one in map(result_of, app.status.hooks)}


def begin_run(app: Application, memory: Memory, target: Target) -> str:
    """The run that the target belongs to; results of another run are forgotten."""
    load_results(app, memory)
    run = run_id(target.contents, target.commit.sha, memory.hook_results.values())
    if any(one.run != run for one in memory.hook_results.values()):
        memory.hook_results = {}
        run = run_id(target.contents, target.commit.sha, ())
    if memory.retry_hooks:
        memory.hook_results = again(memory.hook_results)
        memory.failed_run = ""
    memory.retry_hooks = False
    return run


def syncing(
    app: Application,
    owner: Owner,
    memory: Memory,
    target: Target,
    members: Mapping[ObjectKey, Observed],
    run: str,
) -> Syncing:
    """Everything that decides how far a sync may go."""
    first = not (app.status.revision and app.status.revision.applied)
    return Syncing(
        owner=owner,
        wanted=target.wanted,
        order=target.order,
        hooks=target.hooks,
        members=members,
        present=memory.present,
        run=run,
        occasion=Occasion.INSTALL if first else Occasion.UPGRADE,
        results=memory.hook_results,
        failing=memory.failed_run == run,
    )


def towards(sync: Syncing, target: Target, memory: Memory, *, deployed: bool) -> Towards:
    """What to work towards now."""
    if deployed or target.order.plain:
        memory.holding = False
        return Towards(target.wanted, target.manifests)
    now = gate(sync)
    memory.holding = bool(now.waits)
    if not now.held:
        return Towards(target.wanted, target.manifests, now)
    wanted, earlier = _held_back(sync, now.held, memory)
    return Towards(wanted, _Layered(target, earlier), now)


def held(sync: Syncing, target: Target, memory: Memory, *, deployed: bool) -> Towards:
    """What to work towards while nobody has approved: what was deployed before, and no hooks."""
    memory.unapproved = not deployed
    memory.holding = False
    if deployed:
        return Towards(target.wanted, target.manifests)
    shut = Gate(held=frozenset(target.wanted), applied=False, finished=False)
    wanted, earlier = _held_back(sync, shut.held, memory)
    # What the revision has no more is kept up as well: its deletion needs the approval, too.
    for last in memory.past[:1]:
        for key, one in last.wanted.items():
            seen = sync.members.get(key)
            is_leaving = key not in target.wanted and key not in target.left_alone
            if is_leaving and (seen is None or seen.content == one.content):
                wanted[key], earlier[key] = one, last
    return Towards(wanted, _Layered(target, earlier), shut)


def _held_back(
    sync: Syncing, keys: Collection[ObjectKey], memory: Memory
) -> tuple[dict[ObjectKey, Wanted], dict[ObjectKey, Target]]:
    """What is wanted while these wait, and which target before each of them is taken from."""
    wanted, earlier = effective(sync, keys, [one.wanted for one in memory.past])
    return wanted, {key: memory.past[number] for key, number in earlier.items()}
