"""What is remembered of one Application between passes. Losing it costs requests, never correctness."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gitops.api.status import Status
from gitops.controller.execute import Manifests
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
from gitops.core.plan import Drift, Wanted
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
    attempted: str = ""  # the newest commit that was tried
    baseline: dict[ObjectKey, str] = field(default_factory=dict)
    baseline_loaded: bool = False
    recollected: bool = False  # it was tried to do without a render after the start
    past: list[Target] = field(default_factory=list)  # applied before, in part or whole; newest first
    past_looked_for: bool = False
    hook_results: dict[tuple[HookPhase, ObjectKey], HookResult] = field(default_factory=dict)
    hooks_loaded: bool = False
    retry_hooks: bool = False  # somebody asked for another attempt
    failed_run: str = ""  # the sync that can't go on: its hooks for that are due
    told_failed: set[str] = field(default_factory=set)
    steps_seen: set[int] = field(default_factory=set)  # states of objects that counted as progress
    present: set[ObjectKey] = field(default_factory=set)  # there without being ours: all that was asked for
    holding: bool = False  # something waits for the health of something else
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
    prunes_wait: bool = False
    announced: str = ""  # the commit whose success was announced
    settled: bool = False  # the last pass found everything as Git wants it
    applied_at: float | None = None  # when it was applied, until it is healthy
    trigger: Trigger = "start"

    def aim(self, target: Target) -> None:
        """Work towards this from now on; what was aimed at before may be what objects still carry."""
        last = self.target
        if last is not None and last.contents != target.contents:
            self.steps_seen.clear()
            # What was recalled has no manifests to heal to: it is rendered when it is needed.
            latest = [] if last.recalled else [last]
            self.past = [*latest, *(one for one in self.past if one.contents != target.contents)][:_PAST]
        self.target = target

    def wrote(self, seen: Observed) -> None:
        """A write of ours was answered: this is what "in sync" looks like."""
        self.baseline[seen.key] = seen.digest
        self.due_suspects.pop(seen.key, None)
        self.written = (seen.key, seen.resource_version)
        if quarrel := self.quarrels.get(seen.key):
            self.quarrels[seen.key] = settled(quarrel)

    def healed(self, drift: Drift, now: float, content: str = "") -> None:
        """Drift was corrected; who has it come back again and again is in a fight."""
        self.quarrels[drift.key] = healed(self.quarrels.get(drift.key, Quarrel()), drift, now, content)

    def noticed(
        self, owner: Owner, before: Observed | None, after: Observed | None, now: float
    ) -> float | None:
        """Take in a change from the watch: seconds until a pass has to look at it; None: never."""
        if after is None or before is None:
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
