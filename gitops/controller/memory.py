"""What is remembered of one Application between passes. Losing it costs requests, never correctness."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from gitops.api.status import Status
from gitops.controller.execute import Manifests, Outcome
from gitops.controller.rendering import RenderMemory
from gitops.core.backoff import FRESH, Backoff
from gitops.core.desired import Desired, ManifestStore
from gitops.core.fights import Quarrel, healed, settled
from gitops.core.health import HealthState
from gitops.core.hook_annotations import HookPhase
from gitops.core.hooks import HookResult, WantedHook
from gitops.core.identity import Owner
from gitops.core.inventory import Membership, Observed
from gitops.core.model import GroupKind, ObjectKey, Rendered
from gitops.core.plan import Drift, Verb, Wanted
from gitops.core.problem import Problem
from gitops.core.waves import PLAIN_ORDER, Order
from gitops.git.mirror import CommitInfo
from gitops.observe.metrics import Trigger

# A change of generation alone (an autoscaler, a mutating webhook) earns one dry run per object and minute.
_RECHECK = 60.0
_PAST = 3


@dataclass(frozen=True, slots=True)
class Target:
    """What a sync works towards: a rendered commit, placed in the cluster."""

    commit: CommitInfo
    render: RenderMemory
    wanted: Mapping[ObjectKey, Wanted]
    kinds: frozenset[GroupKind]  # of the wanted objects
    namespaces: frozenset[str]  # of the wanted objects
    manifests: Manifests
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    catalog_id: int  # which catalog it was placed by
    namespace: str  # the destination that it was placed in
    rendered: Rendered | None  # kept only while objects wait for their definitions
    hooks: tuple[WantedHook, ...] = ()
    left_alone: frozenset[ObjectKey] = frozenset()
    contents: str = ""  # digest over all that is wanted
    order: Order = PLAIN_ORDER
    notes: tuple[str, ...] = ()
    hidden: tuple[str, ...] = field(default=(), repr=False)  # values of Secrets that no message may show
    unstable: frozenset[ObjectKey] = frozenset()  # differ with each render: left as they were applied
    recalled: bool = False  # from status and watches after a start: there are no manifests

    @classmethod
    def of(
        cls,
        commit: CommitInfo,
        render: RenderMemory,
        rendered: Rendered,
        desired: Desired,
        catalog_id: int,
        namespace: str,
    ) -> "Target":
        """Keep what later passes need; the manifests compressed."""
        unplaced = desired.waits_for_definitions or bool(desired.problems)
        return cls(
            commit,
            render,
            desired.wanted,
            frozenset(key.group_kind for key in desired.wanted),
            frozenset(key.namespace for key in desired.wanted if key.namespace),
            ManifestStore(desired.manifests),
            desired.problems,
            rendered.warnings,
            catalog_id,
            namespace,
            rendered if unplaced else None,
            desired.hooks,
            desired.left_alone,
            desired.contents,
            desired.order,
            desired.notes,
            rendered.hidden,
        )


@dataclass(slots=True)
class Memory:
    """The state of one Application between passes; times are those of the monotonic clock."""

    uid: str = ""  # of the Application: one of the same name is another one
    status: Status | None = None  # as we wrote it last
    target: Target | None = None
    failed_render: RenderMemory | None = None
    rendered_generation: int = 0  # of the spec that `target` was rendered for
    rendered_sha: str = ""  # the newest commit that `target` is the render of
    rendered_values: tuple[str, ...] = ()  # the marks of what ConfigMaps and Secrets gave to that render
    resolved_generation: int = 0  # of the spec that a pass last looked for a target of
    resolving: bool = False  # a pass is looking for its target, so that `target` may be outdated
    stale: bool = False  # that pass had to do with an older target, or with none
    asking: tuple[str, float] = ("", 0.0)  # what others are asked about, and since when
    attempted: str = ""  # the newest commit that was tried
    concluded: str = ""  # the newest commit that the written status is about, for those that depend on it
    baseline: dict[ObjectKey, str] = field(default_factory=dict)
    baseline_loaded: bool = False
    recollected: bool = False  # it was tried to do without a render after the start
    past: list[Target] = field(default_factory=list)  # applied before, in part or whole; newest first
    past_looked_for: bool = False
    hook_results: dict[tuple[HookPhase, ObjectKey], HookResult] = field(default_factory=dict)
    hooks_loaded: bool = False
    retry_hooks: bool = False  # somebody asked for another attempt
    failed_run: str = ""  # the sync that can't go on: its hooks for that are due
    told_failed: str = ""  # the run for whose failure a pass was asked already
    steps_seen: set[int] = field(default_factory=set)  # states of objects that counted as progress
    unapproved: bool = False  # nothing of `target` was carried out: nobody has approved it
    approved: str = ""  # the contents whose deployment was approved
    reported: dict[ObjectKey, Drift] = field(default_factory=dict)  # drift that stays, as it was told
    scalers: dict[ObjectKey, str] = field(default_factory=dict)  # of objects, where Git doesn't say so
    present: set[ObjectKey] = field(default_factory=set)  # there without being ours: all that was asked for
    holding: bool = False  # something waits for the health of something else
    # What left Git and others keep. Only the apply that let go of it can tell, so a restart forgets it.
    retained: dict[ObjectKey, tuple[Problem, ...]] = field(default_factory=dict)
    checked_at: dict[ObjectKey, float] = field(default_factory=dict)  # when they were last dry-run
    due_suspects: dict[ObjectKey, float] = field(default_factory=dict)  # from when on they may be dry-run
    to_verify: set[ObjectKey] = field(default_factory=set)  # have their turn in the verification
    quarrels: dict[ObjectKey, Quarrel] = field(default_factory=dict)
    written: tuple[ObjectKey, str] | None = None  # the newest answer to a write of ours, and its version
    seen_drift: dict[ObjectKey, float] = field(default_factory=dict)  # when the foreign write was seen
    backoff: Backoff = FRESH
    progress_at: float = 0.0
    reconcile_at: str | None = None  # the annotation's last value
    events_sent: set[tuple[str, ...]] = field(default_factory=set)
    warned: set[tuple[str, str]] = field(default_factory=set)
    lint_known: frozenset[tuple[str, ObjectKey, str]] = frozenset()  # the findings of the revision before
    prunes_wait: bool = False
    announced: str = ""  # the commit whose success was announced
    settled: bool = False  # the last pass found everything as Git wants it
    applied_at: float | None = None  # when it was applied, until it is healthy
    trigger: Trigger = "start"
    cause: str = "start"  # of the sync under way, for the history; empty: none is
    tally: Counter[Verb] = field(default_factory=Counter)  # its steps, as far as they are done
    held: str = ""  # the commit that the last pass was held at

    def aim(self, target: Target) -> None:
        """Work towards this from now on; what was aimed at before may be what objects still carry."""
        last = self.target
        if last is not None and last.contents != target.contents:
            self.steps_seen.clear()
            # What was recalled has no manifests to heal to: it is rendered when it is needed. What
            # nobody approved is nothing to heal to.
            latest = [] if last.recalled or self.unapproved else [last]
            self.unapproved = False
            self.past = [*latest, *(one for one in self.past if one.contents != target.contents)][:_PAST]
        self.target = target

    def wrote(self, seen: Observed) -> None:
        """A write of ours was answered: this is what "in sync" looks like."""
        self.baseline[seen.key] = seen.digest
        self.due_suspects.pop(seen.key, None)
        self.written = (seen.key, seen.resource_version)
        if quarrel := self.quarrels.get(seen.key):
            self.quarrels[seen.key] = settled(quarrel)

    def note_retained(self, outcome: Outcome) -> None:
        """What an apply let go of and others keep, until the next one."""
        if outcome.step.verb is not Verb.HEAL:
            self.retained.pop(outcome.step.key, None)
        if outcome.retained:
            self.retained[outcome.step.key] = outcome.retained

    def retained_of(self, keys: Collection[ObjectKey]) -> list[Problem]:
        """What stays of these objects although it left Git."""
        return [problem for key, found in self.retained.items() if key in keys for problem in found]

    def healed(self, drift: Drift, now: float, content: str = "") -> None:
        """Drift was corrected; who has it come back again and again is in a fight."""
        self.quarrels[drift.key] = healed(self.quarrels.get(drift.key, Quarrel()), drift, now, content)

    def noticed(
        self, owner: Owner, before: Observed | None, after: Observed | None, now: float
    ) -> float | None:
        """Take in a change from the watch: seconds until a pass has to look at it; None: never."""
        if after is None or before is None:
            return 0.0
        if after.key in self.reported and before.resource_version != after.resource_version:
            return 0.0  # its ownership is gone already: a further edit, or none any more, shows nowhere else
        if before.scaler != after.scaler and self.written != (after.key, after.resource_version):
            self.due_suspects[after.key] = now  # our own entry doesn't have the replicas any more
            return 0.0
        in_sync = (
            self.baseline.get(after.key) == after.digest and after.membership(owner) is Membership.MEMBER
        )
        if not in_sync and after.digest != before.digest:
            self.seen_drift.setdefault(after.key, now)
            return 0.0
        if not in_sync and after.content != before.content:
            return 0.0
        suspicious = self._suspect(before, after, now)
        if before.health != after.health:
            # What flaps between two states makes no progress, and neither does what gets worse.
            step = hash((after.key, after.health))
            if after.health.state is not HealthState.DEGRADED and step not in self.steps_seen:
                self.steps_seen.add(step)
                self.progress_at = now
            return 0.0
        return 0.0 if before.deleting != after.deleting else suspicious

    def _suspect(self, before: Observed, after: Observed, now: float) -> float | None:
        """A generation that moved alone earns a dry run, at most one a minute: soon, but not never."""
        moved = before.generation != after.generation and before.digest == after.digest
        if not moved or self.written == (after.key, after.resource_version):
            return None
        due = max(now, self.checked_at.get(after.key, -_RECHECK) + _RECHECK)
        return self.due_suspects.setdefault(after.key, due) - now

    def suspects(self, now: float) -> frozenset[ObjectKey]:
        """Objects that are to be dry-run now though their ownership digest is the one we left."""
        return frozenset(key for key, due in self.due_suspects.items() if due <= now) | self.to_verify

    def drop_suspects(self, keys: Iterable[ObjectKey]) -> None:
        for key in keys:
            self.due_suspects.pop(key, None)
            self.to_verify.discard(key)

    def keep_reported(self, drifts: Mapping[ObjectKey, Drift]) -> None:
        """Drift that stays is compared again only when its object has changed."""
        self.reported = {key: drift for key, drift in drifts.items() if drift.paths and drift.version}
        for key in self.reported:
            self.seen_drift.pop(key, None)

    def note_scaler(self, key: ObjectKey, scaler: str) -> None:
        """Who scales an object without the repository saying so; empty: nobody."""
        if scaler:
            self.scalers[key] = scaler
        else:
            self.scalers.pop(key, None)

    def checked(self, keys: Iterable[ObjectKey], now: float) -> None:
        """These are dry-run now."""
        for key in keys:
            self.checked_at[key] = now
            self.due_suspects.pop(key, None)
            self.to_verify.discard(key)

    def wakes_in(self, now: float) -> float | None:
        """Seconds until something that was put off is due; what is due already had its pass."""
        times = [*self.due_suspects.values(), *(one.wakes() or 0.0 for one in self.quarrels.values())]
        return min((at - now for at in times if at > now), default=None)
