"""What the controller reports: `status` of an Application, small whatever the number of objects."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    computed_field,
)
from pydantic.alias_generators import to_camel

SHORT_SHA = 7  # characters, as Git abbreviates
HISTORY_LIMIT = 10  # syncs


class StatusModel(BaseModel):
    """Ignores what it doesn't know: a newer controller may have written it."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


def _in_seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[
    AwareDatetime,
    PlainSerializer(_in_seconds, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _clip(limit: int) -> BeforeValidator:
    """Text of others (an admission webhook's, say) has no limit; a refused status would be lost whole."""

    def cut(value: Any) -> Any:
        return value[: limit - 1] + "…" if isinstance(value, str) and len(value) > limit else value

    return BeforeValidator(cut)


Message = Annotated[str, Field(max_length=1024), _clip(1024)]
LongMessage = Annotated[str, Field(max_length=32768), _clip(32768)]
Word = Annotated[str, Field(max_length=256)]
Sha = Annotated[str, Field(max_length=64)]
Count = Annotated[int, Field(ge=0)]
LONGEST_READ = 512
MOST_READS = 50
ReadPath = Annotated[str, Field(max_length=LONGEST_READ)]


class ConditionType(StrEnum):
    """The conditions; `Reconciling` and `Stalled` are present only while true, as kstatus reads them."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SYNCED = "Synced"
    HEALTHY = "Healthy"


class Condition(StatusModel):
    """`metav1.Condition`: type, status, since when, and why."""

    type: Annotated[str, Field(max_length=316)] = Field(
        description=(
            "Ready: synced and healthy at the newest good revision. Synced: the cluster has what the "
            "revision describes. Healthy: the objects work. Reconciling and Stalled are present only "
            "while true; Stalled means that nothing will change until somebody acts."
        )
    )
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    observed_generation: Count | None = Field(
        default=None, description="metadata.generation that the condition was judged for."
    )
    last_transition_time: Time = Field(
        description="When the status last changed between True, False and Unknown."
    )
    reason: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="One CamelCase word that stays the same over releases; each is documented."
    )
    message: LongMessage = Field(description="What it is, for people. At most 32,768 characters.")


class Revision(StatusModel):
    """Commits, as full SHAs."""

    attempted: Sha | None = Field(default=None, description="Newest commit that was tried, a full SHA.")
    applied: Sha | None = Field(
        default=None,
        description=(
            "Newest commit that changed what this Application renders and is applied, a full SHA. A commit "
            "elsewhere in the repository does not move it."
        ),
    )
    committed_at: Time | None = Field(default=None, description="When the applied commit was made.")
    applied_at: Time | None = Field(
        default=None, description="When the applied commit was completely applied."
    )

    @computed_field(description="The first seven characters of applied, for tables.")  # type: ignore[prop-decorator]
    @property
    def short(self) -> Annotated[str, Field(max_length=SHORT_SHA)] | None:
        return self.applied[:SHORT_SHA] if self.applied else None


class Objects(StatusModel):
    """Numbers of managed objects."""

    total: Count = Field(default=0, description="Number of managed objects.")
    synced: Count = Field(default=0, description="Number of them that are as the revision describes.")
    healthy: Count = Field(default=0, description="Number of them that work.")
    drifted: Count = Field(
        default=0, description="Number of them that somebody changed and that are not corrected yet."
    )


class ObjectReference(StatusModel):
    """One object in the cluster."""

    group: Word = Field(default="", description="API group, like apps; empty for the core group.")
    kind: Word = Field(description="Kind, like Deployment.")
    namespace: Word = Field(default="", description="Namespace; empty for cluster-scoped objects.")
    name: Word = Field(description="Name.")


class ProblemReport(StatusModel):
    """One thing that is wrong, and what to do about it."""

    object: ObjectReference | None = Field(
        default=None, description="The object that it is about, if it is about one."
    )
    reason: Word = Field(
        description="One CamelCase word that stays the same over releases; each is documented."
    )
    message: Message = Field(description="What is wrong. At most 1,024 characters.")
    where: Message = Field(
        default="", description="Place in the repository (file:line), or field of the spec."
    )
    advice: Message = Field(default="", description="What to do next.")
    since: Time | None = Field(default=None, description="When it was first seen.")


class HookReport(StatusModel):
    """What became of a hook in the newest sync; written before its object is deleted."""

    phase: Word = Field(description="PreSync, Sync, PostSync, SyncFail, PreDelete or PostDelete.")
    object: ObjectReference = Field(description="The hook as the repository names it.")
    name: Word = Field(description="Name of the object of this run.")
    run: Word = Field(description="The sync that it belongs to.")
    attempt: Count = Field(default=1, description="How often it was tried in this sync.")
    state: Word = Field(description="Pending, Running, Succeeded or Failed.")
    message: Message = Field(default="", description="Why it failed, or what it waits for.")
    started_at: Time | None = Field(default=None, description="When it was started.")
    finished_at: Time | None = Field(default=None, description="When its end was seen.")


class RenderReads(StatusModel):
    """What the applied render read: with it the render key can be computed without rendering."""

    renderer: Literal["plain", "kustomize", "helm"] = Field(description="The renderer that was used.")
    paths: Annotated[tuple[ReadPath, ...], Field(max_length=MOST_READS)] = Field(
        description="Folders and files of the repository that it could see. At most 50.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Hold(StatusModel):
    """The commit that the Application is held at, as the annotation gitops.dev/hold asks."""

    revision: Sha = Field(description="Commit that it is held at, a full SHA.")
    since: Time = Field(description="When the controller first saw the hold.")
    newest: Sha | None = Field(
        default=None, description="Commit that spec.source.revision means now, a full SHA, if it is known."
    )


class SyncRecord(StatusModel):
    """One sync of the past."""

    revision: Sha = Field(description="Commit that was synced, a full SHA.")
    at: Time = Field(description="When it was completely applied, or first failed.")
    result: Literal["Succeeded", "Failed"] = Field(
        description="Succeeded: everything was applied. Failed: it couldn't be rendered or applied."
    )
    reason: Word | None = Field(
        default=None, description="Why it failed, as one CamelCase word; each is documented."
    )
    trigger: Word = Field(
        default="revision",
        description=(
            "What led to it. revision: a new commit. spec: a change of the Application. manual: the "
            "annotation gitops.dev/reconcile-at. rollback and resume: a hold that began or ended. start: "
            "the Application was new."
        ),
    )
    created: Count = Field(default=0, description="Number of objects that were created.")
    updated: Count = Field(default=0, description="Number of objects that were updated, adopted or repaired.")
    pruned: Count = Field(default=0, description="Number of objects that were deleted.")


class Status(StatusModel):
    """What was found and done."""

    observed_generation: Count | None = Field(
        default=None, description="metadata.generation of the spec that this status is about."
    )
    handled_reconcile_at: Annotated[str, Field(max_length=256), _clip(256)] | None = Field(
        default=None,
        description=(
            "Last value of the annotation gitops.dev/reconcile-at that ends in '?' and was acted on: the "
            "repository was asked after it, and this status is about the answer."
        ),
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(),
        description="Ready, Synced, Healthy and, only while true, Reconciling and Stalled. At most 16.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    revision: Revision | None = Field(default=None, description="Commits that were tried and applied.")
    hold: Hold | None = Field(
        default=None, description="The commit that the Application is held at; only while it is held."
    )
    history: Annotated[tuple[SyncRecord, ...], Field(max_length=HISTORY_LIMIT)] = Field(
        default=(),
        description="The last syncs, newest first. At most 10. Drift that was healed is none of them.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    objects: Objects | None = Field(default=None, description="Numbers of managed objects.")
    problems: Annotated[tuple[ProblemReport, ...], Field(max_length=20)] = Field(
        default=(),
        description="What is wrong, most important first. At most 20; the objects' own states tell the rest.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    fingerprint: Annotated[str, Field(max_length=4096)] | None = Field(
        default=None,
        description=(
            "Hashes over what the API server said of all managed objects after the last sync without "
            "failures. If it still fits after a restart, no object is asked for. At most 4,096 characters."
        ),
    )
    render_key: Annotated[str, Field(max_length=128)] | None = Field(
        default=None,
        description=(
            "Digest of everything that the applied render read. A newer commit with the same key changed "
            "nothing of this Application."
        ),
    )
    render_reads: RenderReads | None = Field(
        default=None,
        description=(
            "What the applied render read. If render key and fingerprint still fit after a restart, "
            "nothing is rendered. Left out where it would be too long; then it is rendered once."
        ),
    )

    contents: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Digest over all objects and hooks of the last sync that was completed.",
    )
    approved: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Digest over all objects and hooks of the approved sync that is under way.",
    )
    notes: Annotated[tuple[Message, ...], Field(max_length=20)] = Field(
        default=(),
        description=(
            "What is done otherwise than the repository reads, like replicas that are left to an "
            "autoscaler. At most 20."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    hooks: Annotated[tuple[HookReport, ...], Field(max_length=200)] = Field(
        default=(),
        description="What became of the hooks of the newest sync. At most 200.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )

    def condition(self, type_: ConditionType) -> Condition | None:
        return next((condition for condition in self.conditions if condition.type == type_), None)

    def to_json(self) -> Mapping[str, Any]:
        """As the API server takes it: camelCase, whole seconds in UTC, nothing where nothing is known."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
