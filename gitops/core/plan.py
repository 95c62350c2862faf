"""The plan: what a sync does to each object, in which order, and why. Pure and level-triggered."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gitops.core.adoption import Adopt, AdoptPolicy, Parents, is_taken, judge, taken_managers
from gitops.core.directives import PLAIN, ApplyMode, Directives
from gitops.core.handover import Answer, HandTo
from gitops.core.identity import Owner
from gitops.core.ignore import NOTHING, Ignored
from gitops.core.inventory import Absent, Inventory, Live, Membership, Observed, Unreadable
from gitops.core.leaving import leaving, nothing_desired, ours_among, uids_of
from gitops.core.model import ObjectKey
from gitops.core.order import stage_of
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.prune import Candidate, PrunePolicy, refusal, refused_as_a_whole


class Verb(StrEnum):
    """What a step does; CLI, logs, metrics and tests use these words."""

    CREATE = "create"
    UPDATE = "update"
    HEAL = "heal"
    ADOPT = "adopt"
    REPAIR = "repair"
    REPLACE = "replace"  # deleted and created anew
    DELETE = "delete"
    HAND_OVER = "hand-over"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A desired object, as small as planning needs it; its body waits in the manifest store."""

    key: ObjectKey
    api_version: str
    content: str
    origin: str
    directives: Directives = PLAIN
    unserved: bool = False  # its kind comes with this very render
    ignored: Ignored = NOTHING  # what of it is left to others


@dataclass(frozen=True, slots=True)
class Drift:
    """What a dry run said about an object whose ownership changed.

    `paths` differ within the rendered paths; with none of them but `reclaim`, the values are
    back as they were, and only the ownership has to be won back.
    """

    key: ObjectKey
    paths: tuple[str, ...] = ()
    reclaim: bool = False
    author: str = "unknown"
    at: str = ""
    # Managers whose fields must become ours first: beside theirs ours are invalid.
    takes: tuple[str, ...] = ()
    problem: Problem | None = None
    scaler: str = ""  # who scales it, where the repository doesn't say so
    version: str = ""  # resourceVersion that it speaks of

    @property
    def acts(self) -> bool:
        return bool(self.paths) or self.reclaim


@dataclass(frozen=True, slots=True)
class Policy:
    """What the Application allows."""

    adopt: AdoptPolicy = AdoptPolicy.UNOWNED
    prune: PrunePolicy = field(default_factory=PrunePolicy)
    report: bool = False  # drift is reported, not healed


@dataclass(frozen=True, slots=True)
class Situation:
    """All that planning looks at. `baseline` holds the ownership digests known to be in sync.

    `desired` are all objects that the revision wants, also those whose turn to be applied has not come
    and those that are to be left alone; empty when they are the wanted ones. `deployed`: exactly this was
    once applied as a whole, so that whatever differs now is somebody's doing.
    """

    owner: Owner
    wanted: Mapping[ObjectKey, Wanted]
    inventory: Inventory
    parents: Parents
    policy: Policy = field(default_factory=Policy)
    baseline: Mapping[ObjectKey, str] = field(default_factory=dict)
    drifts: Mapping[ObjectKey, Drift] = field(default_factory=dict)
    unplannable: tuple[Problem, ...] = ()  # desired objects that have no place in this cluster
    suspects: frozenset[ObjectKey] = frozenset()  # in sync by their digest, but to be dry-run all the same
    desired: Collection[ObjectKey] = ()
    present: Collection[ObjectKey] = ()  # there without being ours, which is all that IfNotPresent asks
    namespaces: frozenset[str] | None = None  # in which members can be; None: anywhere
    answers: Mapping[ObjectKey, Answer] = field(default_factory=dict)  # of other Applications, `to_ask`
    deployed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One decision about one object. `uid` and `resource_version` are preconditions, empty for creates."""

    verb: Verb
    key: ObjectKey
    why: str
    wave: int = 0
    stage: int = 0
    content: str = ""
    uid: str = ""
    resource_version: str = ""
    take: tuple[str, ...] = ()  # managers whose fields become ours before the first apply
    shared: tuple[str, ...] = ()  # managers that own paths of ours, which an apply alone would leave
    partial: bool = False  # others may decide about some of its fields: those are not to be sent
    problem: Problem | None = None
    heir: Owner | None = None  # who gets the object, of a hand-over

    @property
    def acts(self) -> bool:
        return self.verb not in (Verb.KEEP, Verb.REFUSE)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they run; `prunes` run after everything applied is healthy."""

    steps: tuple[Step, ...]
    prunes: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def acts(self) -> bool:
        return any(step.acts for step in (*self.steps, *self.prunes))

    def stages(self) -> Iterator[tuple[Step, ...]]:
        """The acting steps, grouped: a group starts when the one before has been answered."""
        group: list[Step] = []
        for step in self.steps:
            if not step.acts:
                continue
            if group and (group[0].wave, group[0].stage) != (step.wave, step.stage):
                yield tuple(group)
                group = []
            group.append(step)
        if group:
            yield tuple(group)


def to_look_at(
    wanted: Mapping[ObjectKey, Wanted],
    owner: Owner,
    inventory: Inventory,
    present: Collection[ObjectKey] = (),
) -> list[ObjectKey]:
    """Desired objects of which the watches know too little: not seen, damaged, or a copy.

    What is made only once is not looked at again when it was `present`.
    """
    return [
        key
        for key, one in wanted.items()
        if (not (seen := inventory.members.get(key)) or seen.membership(owner) is not Membership.MEMBER)
        and not (one.directives.apply is ApplyMode.IF_NOT_PRESENT and (seen or key in present))
    ]


def to_dry_run(situation: Situation) -> list[ObjectKey]:
    """Members whose content is right but whose ownership digest isn't the one we left."""
    found = []
    baseline, suspects = situation.baseline, situation.suspects
    for key, wanted in situation.wanted.items():
        seen = _member(situation, key)
        if not seen or seen.deleting or seen.content != wanted.content or _only_once(wanted):
            continue
        if baseline.get(key) != seen.digest or (suspects and key in suspects):
            found.append(key)
    return found


def plan(situation: Situation) -> Plan:
    """Decide what to do about every object, from what is true now and nothing else."""
    steps = [step for wanted in situation.wanted.values() if (step := _step_for(situation, wanted))]
    if situation.policy.report:
        steps = [_reported(situation, step) if _is_healing(situation, step) else step for step in steps]
    steps.sort(key=lambda step: (step.wave, step.stage, step.key))
    prunes, problems = _prunes(situation)
    return Plan(tuple(steps), prunes, (*situation.unplannable, *problems))


def _is_healing(situation: Situation, step: Step) -> bool:
    """Whether a step would change what somebody else has changed, besides deploying something."""
    if step.verb is Verb.HEAL:
        return bool(situation.drifts[step.key].paths)  # to win back ownership alone changes nothing
    return step.acts and situation.deployed


def _reported(situation: Situation, step: Step) -> Step:
    what = step.why
    if step.verb is Verb.CREATE:
        what = "somebody deleted it"
    elif drift := situation.drifts.get(step.key):
        when = f" at {drift.at}" if drift.at else ""
        what = f"{', '.join(drift.paths)}, changed by {drift.author}{when}"
    problem = Problem(
        Reason.DRIFTED,
        f"has drifted: {what}",
        Blame.CLUSTER,
        advice="sync.heal is Report: undo it, put it into Git, or set sync.heal to Automatic",
        key=step.key,
    )
    return replace(step, verb=Verb.KEEP, why=problem.message, problem=problem)


def _member(situation: Situation, key: ObjectKey) -> Observed | None:
    """The live object if it is a member: as the watch has it, or as a look found it just now."""
    looks = situation.inventory.looks
    look = looks.get(key) if looks else None  # mostly there are none, and this is asked for every object
    seen = look.observed if isinstance(look, Live) else situation.inventory.members.get(key)
    if isinstance(look, Absent) or seen is None:
        return None
    return seen if seen.membership(situation.owner) is Membership.MEMBER else None


def _is_there(situation: Situation, key: ObjectKey) -> bool:
    look = situation.inventory.looks.get(key)
    return isinstance(look, Live) or key in situation.inventory.members or key in situation.present


def _only_once(wanted: Wanted) -> bool:
    return wanted.directives.apply is ApplyMode.IF_NOT_PRESENT


def _step_for(situation: Situation, wanted: Wanted) -> Step | None:
    if _only_once(wanted) and _is_there(situation, wanted.key):
        return None
    member = _member(situation, wanted.key)
    if member:
        return _step_for_member(situation, wanted, member)
    look = situation.inventory.looks.get(wanted.key)
    match look:
        case Absent():
            why = "is not there yet" + (
                ", not validated: its kind comes with this sync" if wanted.unserved else ""
            )
            return _step(wanted, Verb.CREATE, why)
        case Live():
            return _step_for_stranger(situation, wanted, look)
        case Unreadable(problem):
            return _step(wanted, Verb.REFUSE, problem.message, problem=problem)
        case None:
            problem = Problem(Reason.UNREADABLE, "has not been looked at", Blame.OURSELVES, key=wanted.key)
            return _step(wanted, Verb.REFUSE, problem.message, problem=problem)


def _step(wanted: Wanted, verb: Verb, why: str, seen: Observed | None = None, **more: object) -> Step:
    return Step(
        verb,
        wanted.key,
        why,
        wanted.directives.wave,
        stage_of(wanted.key.group_kind),
        wanted.content,
        seen.uid if seen else "",
        seen.resource_version if seen else "",
        partial=bool(wanted.ignored or (seen and seen.scaler)),
        **more,  # type: ignore[arg-type]
    )


def _step_for_member(situation: Situation, wanted: Wanted, seen: Observed) -> Step | None:
    if seen.deleting:
        waits_for = ", ".join(seen.finalizers)
        problem = Problem(
            Reason.WAITING,
            "is being deleted by somebody"
            + (f" and waits for the finalizers {waits_for}" if waits_for else ""),
            Blame.CLUSTER,
            advice="it is created again as soon as it is gone",
            key=wanted.key,
        )
        return _step(wanted, Verb.REFUSE, problem.message, seen, problem=problem)
    if seen.content != wanted.content:
        adopt, parents = situation.policy.adopt, situation.parents
        take = tuple(name for name in seen.shared if is_taken(name, adopt, parents))
        return _step(wanted, Verb.UPDATE, "differs from the revision", seen, take=take, shared=seen.shared)
    drift = situation.drifts.get(wanted.key) if situation.drifts else None
    if drift is None:
        return None
    if drift.problem and drift.problem.reason is Reason.IMMUTABLE_FIELD and wanted.directives.force:
        return _step(wanted, Verb.UPDATE, "has a field that can't be changed back", seen)
    if drift.problem:
        return _step(wanted, Verb.REFUSE, drift.problem.message, seen, problem=drift.problem)
    if not drift.acts:
        return None
    what = ", ".join(drift.paths) if drift.paths else "values are back, the ownership is not"
    step = _step(wanted, Verb.HEAL, f"drifted: {what} (by {drift.author})", seen, take=drift.takes)
    return replace(step, resource_version=drift.version or step.resource_version)


def _step_for_stranger(situation: Situation, wanted: Wanted, live: Live) -> Step:
    if live.observed.deleting:
        return _step_for_member(situation, wanted, live.observed) or _step(wanted, Verb.KEEP, "")
    if live.observed.membership(situation.owner) is Membership.DAMAGED:
        take = taken_managers(live, situation.owner, situation.policy.adopt, situation.parents)
        return _step(wanted, Verb.REPAIR, "its label or our entry is missing", live.observed, take=take)
    verdict = judge(live, situation.owner, situation.policy.adopt, situation.parents)
    if isinstance(verdict, Adopt):
        whose = ", ".join(verdict.managers) or "nobody we know"
        return _step(wanted, Verb.ADOPT, f"exists, managed by {whose}", live.observed, take=verdict.managers)
    return _step(wanted, Verb.REFUSE, verdict.message, live.observed, problem=verdict)


def _prunes(situation: Situation) -> tuple[tuple[Step, ...], tuple[Problem, ...]]:
    policy, inventory = situation.policy.prune, situation.inventory
    wanted = situation.desired or situation.wanted
    # A desired object that couldn't be placed (its kind is unknown now) is still desired.
    unplaced = {problem.key for problem in situation.unplannable if problem.key}
    gone = leaving(inventory.members, wanted, unplaced, situation.namespaces)
    if not gone and (wanted or unplaced):
        return (), ()
    desired_uids = uids_of(wanted, inventory)
    steps = [
        _prune_step(Candidate(seen, situation.owner, desired_uids), policy, situation.answers.get(seen.key))
        for seen in gone
    ]
    steps.sort(key=lambda step: (-step.wave, -step.stage, step.key))
    deletions = sum(step.verb is Verb.DELETE for step in steps)
    ours = ours_among(inventory.members, situation.owner, situation.namespaces)
    desired = {*wanted, *unplaced}
    whole = refused_as_a_whole(deletions, ours, desired, policy)
    if whole:
        steps = [_kept(step, whole) if step.acts else step for step in steps]
    elif not desired and not policy.approved:
        whole = nothing_desired()
    return tuple(steps), (whole,) if whole else ()


def to_ask(decided: Plan) -> list[ObjectKey]:
    """What would leave the Application, now or once it is confirmed: others may want it."""
    return [
        step.key
        for step in decided.prunes
        if step.acts or (step.problem and step.problem.reason is Reason.PRUNE_UNCONFIRMED) or step.uid
    ]


def _prune_step(candidate: Candidate, policy: PrunePolicy, answer: Answer | None) -> Step:
    seen = candidate.observed
    stage = stage_of(seen.key.group_kind)
    found = refusal(candidate, policy)
    unconfirmed = found is not None and found.problem.reason is Reason.PRUNE_UNCONFIRMED
    if isinstance(answer, HandTo) and (not found or unconfirmed):
        return Step(
            Verb.HAND_OVER,
            seen.key,
            f"left Git; the Application {answer.heir} has it now",
            stage=stage,
            uid=seen.uid,
            resource_version=seen.resource_version,
            heir=answer.heir,
        )
    if answer and not isinstance(answer, HandTo) and not found and (answer.passing or not policy.approved):
        return Step(
            Verb.KEEP, seen.key, answer.problem.message, stage=stage, uid=seen.uid, problem=answer.problem
        )
    if found:
        problem = None if found.silent else found.problem
        return Step(Verb.KEEP, seen.key, found.problem.message, stage=stage, problem=problem)
    return Step(
        Verb.DELETE,
        seen.key,
        "left Git",
        seen.directives.wave,
        stage,
        uid=seen.uid,
        resource_version=seen.resource_version,
    )


def _kept(step: Step, why: Problem) -> Step:
    return Step(Verb.KEEP, step.key, f"left Git; kept: {why.message}", stage=step.stage, uid=step.uid)


def problems_of(plan_: Plan) -> Iterator[Problem]:
    """Everything that the plan refuses or keeps against expectation."""
    yield from plan_.problems
    steps: Iterable[Step] = (*plan_.steps, *plan_.prunes)
    for step in steps:
        if step.problem:
            yield step.problem
