"""What a user writes: `spec` of an Application. Each description is what `kubectl explain` prints."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from gitops.api.health import HealthOfKind
from gitops.api.render import Render
from gitops.api.rules import (
    CEL_KEY,
    ApplicationName,
    Duration,
    GroupName,
    KindName,
    Label,
    ManagerName,
    ObjectName,
    Pointer,
    Repository,
    RepositoryPath,
    Revision,
    seconds,
)
from gitops.api.spec_model import SpecModel


class Prune(StrEnum):
    """What happens to a managed object that the repository no longer describes."""

    ENABLED = "Enabled"
    CONFIRM = "Confirm"
    DISABLED = "Disabled"


class Adopt(StrEnum):
    """Which existing objects may be taken over."""

    UNOWNED = "Unowned"
    NEVER = "Never"
    ALWAYS = "Always"


class Deploy(StrEnum):
    """Whether a new revision is deployed at once or after an approval."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class Heal(StrEnum):
    """Whether drift is corrected or only reported."""

    AUTOMATIC = "Automatic"
    REPORT = "Report"


class DeletionPolicy(StrEnum):
    """What happens to the managed objects when the Application is deleted."""

    PRUNE = "Prune"
    ORPHAN = "Orphan"


class Credentials(SpecModel):
    """Where the credentials for the repository are."""

    secret_name: ObjectName = Field(
        description=(
            "Name of a Secret in the Application's namespace. Keys for HTTPS: username and password, or "
            "bearerToken; ca.crt for a private certificate authority. Keys for SSH: identity (the private "
            "key) and known_hosts, which is required. Sent to the repository's own host only, and read "
            "anew at each use, so that a rotated token works at once."
        )
    )


class Source(SpecModel):
    """The place in Git that describes the desired state."""

    repository: Repository = Field(
        description=(
            "URL of the Git repository: https://host/path, http://host/path, ssh://user@host/path, "
            "user@host:path, or file:///path where the operator allows it. At most 1,024 characters, "
            "without credentials."
        )
    )
    revision: Revision | None = Field(
        default=None,
        description=(
            "What to follow: a branch (wins over a tag of the same name), a tag, a full commit SHA, or a "
            "range of semantic versions over the tags, like '>=1.2 <2'. Default: the remote's HEAD. At "
            "most 256 characters."
        ),
    )
    path: RepositoryPath = Field(
        default="",
        description=(
            "Folder of the repository that holds the manifests, kustomization or chart; relative to the "
            "root, without '..'. Default: the root. At most 1,024 characters. A commit that changes "
            "nothing that this folder's rendering reads does not touch the Application."
        ),
    )
    credentials: Credentials | None = Field(
        default=None, description="Credentials for the repository. Default: none, for public repositories."
    )


class Destination(SpecModel):
    """Where the objects go."""

    namespace: Label | None = Field(
        default=None,
        description=(
            "Namespace for namespaced objects that name none. Default: the Application's own namespace. "
            "At most 63 characters."
        ),
    )


class PruneLimit(SpecModel):
    """How much one sync may delete; a guard against an accident in the repository."""

    percent: Annotated[StrictInt, Field(ge=0, le=100)] = Field(
        default=50, description="Share of the managed objects that one sync may delete, in percent, 0 to 100."
    )
    objects: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = Field(
        default=10, description="Number of objects that one sync may always delete, 0 or more."
    )


class Sync(SpecModel):
    """How the cluster is brought to a revision."""

    deploy: Deploy = Field(
        default=Deploy.AUTOMATIC,
        description=(
            "What happens when the repository changes what this Application renders. Automatic: it is "
            "deployed. Manual: its plan is worked out and shown, and carried out after somebody has "
            "annotated the Application with gitops.dev/approve: <the plan's digest, or the revision>; "
            "till then what was deployed before is kept up. The first deployment and prunes wait as well."
        ),
    )
    heal: Heal = Field(
        default=Heal.AUTOMATIC,
        description=(
            "What happens when somebody changes or deletes a managed object. Automatic: it is corrected at "
            "once. Report: it stays, and the reason Drifted names the object, the fields and who changed "
            "them, until a new revision changes the object in Git."
        ),
    )
    prune: Prune = Field(
        default=Prune.ENABLED,
        description=(
            "What happens to a managed object that the repository no longer describes. Enabled: it is "
            "deleted. Confirm: it is kept and reported until somebody approves. Disabled: it is kept and "
            "reported. Namespaces, CustomResourceDefinitions, PersistentVolumes and "
            "PersistentVolumeClaims always ask, unless the object is annotated gitops.dev/prune: Enabled."
        ),
    )
    prune_limit: PruneLimit = Field(
        default=PruneLimit(),
        description=(
            "A sync that would delete more than both limits deletes nothing, sets the reason PruneRefused "
            "and does the rest; approve it for one revision with the annotation gitops.dev/approve."
        ),
    )
    rollout_on_config_change: StrictBool = Field(
        default=False,
        description=(
            "Restarts the Pods of Deployments, StatefulSets and DaemonSets when a ConfigMap or Secret of the "
            "Application changes that they use, by a checksum in their template. A workload's annotation "
            "gitops.dev/rollout-on-config-change wins."
        ),
    )
    create_namespace: StrictBool = Field(
        default=False,
        description="Creates the destination's namespace when it is missing; not owned, so never pruned.",
    )
    adopt: Adopt = Field(
        default=Adopt.UNOWNED,
        description=(
            "Which objects that exist already may be taken over. Unowned: what was made by hand, with "
            "kubectl, or by a Helm release that is gone; what another Application, ApplySet, Argo CD or "
            "Flux owns is refused and its owner named. Never: none. Always: any but what another living "
            "Application owns."
        ),
    )
    progress_deadline: Duration = Field(
        default="10m",
        description=(
            "How long a sync may wait without any progress before it is reported as failed, as a duration "
            "like 90s, 10m or 1h30m (units ms, s, m, h)."
        ),
    )
    interval: Duration = Field(
        default="60s",
        description=(
            "How often the repository is asked for a new revision, as a duration like 90s, 10m or 1h30m "
            "(units ms, s, m, h). Applications of the same repository share one poll, at the smallest "
            "interval. Below 10s the operator's minimum applies. Drift is corrected at once anyway."
        ),
    )

    @property
    def progress_deadline_seconds(self) -> float:
        return seconds(self.progress_deadline)

    @property
    def interval_seconds(self) -> float:
        """As the spec asks; the operator's minimum is not applied."""
        return seconds(self.interval)


class Dependency(SpecModel):
    """One Application that has to be Ready first."""

    name: ApplicationName = Field(description="Name of the Application. At most 53 characters.")
    namespace: Label | None = Field(
        default=None,
        description=(
            "Its namespace. Default: this Application's own. Only Applications of the controller's namespace "
            "may depend on those of other namespaces. At most 63 characters."
        ),
    )
    ready: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        default=None,
        description=(
            "CEL expression over the Application's metadata, spec, status and conditions (by type) that is "
            "true when it counts as ready, like status.objects.healthy > 0. Default: its condition Ready is "
            "True, at the same commit where both follow the same. At most 1,024 characters."
        ),
    )


_EMPTY_IGNORE = "must have paths or managers; without them there is nothing to ignore"


class Ignore(SpecModel):
    """Fields of some objects that are left to others."""

    model_config = ConfigDict(
        json_schema_extra={
            CEL_KEY: [
                {
                    "rule": "(has(self.paths) && size(self.paths) > 0) || "
                    "(has(self.managers) && size(self.managers) > 0)",
                    "message": _EMPTY_IGNORE,
                }
            ]
        }
    )

    group: GroupName = Field(
        default="", description="API group of the objects, like apps. Default: the core group."
    )
    kind: KindName = Field(description="Kind of the objects, like Deployment.")
    name: ObjectName | None = Field(default=None, description="Name of the object. Default: every name.")
    namespace: Label | None = Field(
        default=None, description="Namespace of the objects. Default: every namespace."
    )
    paths: Annotated[tuple[Pointer, ...], Field(max_length=20)] = Field(
        default=(),
        description=(
            "Fields that are not kept as the repository says: JSON pointers like /spec/replicas, list items "
            "by the value of a field, like /spec/template/spec/containers[name=app]/image. An object is "
            "created with the repository's value, and from then on others decide. At most 20, each of at "
            "most 256 characters."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    managers: Annotated[tuple[ManagerName, ...], Field(max_length=20)] = Field(
        default=(),
        description=(
            "Field managers, as metadata.managedFields names them: whatever field one of them owns is left "
            "to it. At most 20."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )

    @model_validator(mode="after")
    def _something(self) -> "Ignore":
        if not (self.paths or self.managers):
            raise PydanticCustomError("rule", "{message}", {"message": _EMPTY_IGNORE})
        return self


class Spec(SpecModel):
    """What should be in the cluster, and how it gets there."""

    source: Source = Field(description="The place in Git that describes the desired state.")
    render: Render = Field(
        default=Render(),
        description=(
            "How the folder becomes objects; at most one of kustomize, helm and plain. Default: detected. A "
            "Chart.yaml means Helm, a kustomization.yaml Kustomize, else plain files."
        ),
    )
    destination: Destination = Field(default=Destination(), description="Where the objects go.")
    sync: Sync = Field(default=Sync(), description="How the cluster is brought to a revision.")
    depends_on: Annotated[tuple[Dependency, ...], Field(max_length=50)] = Field(
        default=(),
        description=(
            "Applications that have to be Ready before a new revision is synced; those that follow the same "
            "revision of the same repository, at the same commit. What is applied is healed and pruned "
            "while it waits, and stays when a dependency breaks later. A circle is refused. At most 50."
        ),
    )
    health: Annotated[tuple[HealthOfKind, ...], Field(max_length=32)] = Field(
        default=(),
        description=(
            "How the health of the Application's objects of certain kinds is judged. Wins over the ConfigMap "
            "gitops-health of the controller's namespace, which wins over what is built in. At most 32, each "
            "kind once."
        ),
    )
    ignore: Annotated[tuple[Ignore, ...], Field(max_length=50)] = Field(
        default=(),
        description=(
            "Fields that others decide about: they are neither corrected nor deployed, only set when an "
            "object is created. Replicas under a HorizontalPodAutoscaler or ScaledObject are ignored "
            "without a rule. At most 50."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    service_account_name: ObjectName | None = Field(
        default=None,
        description=(
            "ServiceAccount of the Application's namespace as which every object is read and written, so "
            "that its RBAC decides what the Application may do. Required outside the controller's own "
            "namespace. Default there: the controller's own account."
        ),
    )
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.PRUNE,
        description=(
            "What happens to the managed objects when the Application is deleted. Prune: they are deleted. "
            "Orphan: they stay and belong to nobody."
        ),
    )
    suspend: StrictBool = Field(
        default=False,
        description="Stops syncing, healing and pruning until it is false again; what runs keeps running.",
    )
