"""What went wrong, where, whose turn it is, and what to do: the shape of every error."""

from dataclasses import dataclass
from enum import StrEnum

from gitops.core.model import ObjectKey


class Blame(StrEnum):
    """Who has to act before it can work; decides between `Stalled` and a retry."""

    REPOSITORY = "repository"  # the content of Git: a new commit is needed
    SPEC = "spec"  # the Application's own spec
    CREDENTIALS = "credentials"  # a Secret, a token, RBAC
    CLUSTER = "cluster"  # the API server, a webhook, a quota: may pass by itself
    NETWORK = "network"  # not reachable: may pass by itself
    OURSELVES = "ourselves"  # a defect of gitops


class Reason(StrEnum):
    """Stable CamelCase reasons of conditions, Events and problems; each is documented."""

    # sources
    INVALID_REPOSITORY = "InvalidRepository"
    REPOSITORY_UNREACHABLE = "RepositoryUnreachable"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    HOST_KEY_UNKNOWN = "HostKeyUnknown"
    CREDENTIALS_NOT_FOUND = "CredentialsNotFound"
    CREDENTIALS_INVALID = "CredentialsInvalid"
    REVISION_NOT_FOUND = "RevisionNotFound"
    PATH_NOT_FOUND = "PathNotFound"
    # rendering
    INVALID_MANIFEST = "InvalidManifest"
    DUPLICATE_OBJECT = "DuplicateObject"
    RESERVED_METADATA = "ReservedMetadata"
    UNSAFE_PATH = "UnsafePath"
    RENDER_FAILED = "RenderFailed"
    UNSTABLE_RENDER = "UnstableRender"
    VALUES_NOT_FOUND = "ValuesNotFound"
    INVALID_VALUES = "InvalidValues"
    EMPTY_RENDER = "EmptyRender"
    RENDER_TIMEOUT = "RenderTimeout"
    RENDER_LIMIT_EXCEEDED = "RenderLimitExceeded"
    RENDERER_UNAVAILABLE = "RendererUnavailable"
    UNSUPPORTED_SOURCE = "UnsupportedSource"
    # planning and applying
    UNKNOWN_KIND = "UnknownKind"
    UNSUPPORTED_API = "UnsupportedAPI"
    NAMESPACE_NOT_FOUND = "NamespaceNotFound"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    INVALID_FIELD = "InvalidField"
    INVALID_OBJECT = "InvalidObject"
    IMMUTABLE_FIELD = "ImmutableField"
    ADMISSION_DENIED = "AdmissionDenied"
    ADMISSION_UNAVAILABLE = "AdmissionUnavailable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    FORBIDDEN = "Forbidden"
    FIELD_CONFLICT = "FieldConflict"
    RETAINED_BY = "RetainedBy"
    FIGHTING = "Fighting"
    IGNORE_IMPOSSIBLE = "IgnoreImpossible"
    DRIFTED = "Drifted"
    OWNED_BY_ANOTHER = "OwnedByAnother"
    NOT_ADOPTED = "NotAdopted"
    UNREADABLE = "Unreadable"
    API_UNAVAILABLE = "APIUnavailable"
    CHANGED_MEANWHILE = "ChangedMeanwhile"
    WAITING = "Waiting"
    DEPENDENCY_CYCLE = "DependencyCycle"
    DEPENDENCY_NOT_FOUND = "DependencyNotFound"
    HOOK_FAILED = "HookFailed"
    SERVICE_ACCOUNT_REQUIRED = "ServiceAccountRequired"
    # depending on other Applications
    DEPENDENCY_NOT_READY = "DependencyNotReady"
    INVALID_EXPRESSION = "InvalidExpression"
    DEPENDENCY_NOT_ALLOWED = "DependencyNotAllowed"
    INVALID_HEALTH_RULES = "InvalidHealthRules"
    APPROVAL_REQUIRED = "ApprovalRequired"
    # pruning
    PRUNE_REFUSED = "PruneRefused"
    PRUNE_UNCONFIRMED = "PruneUnconfirmed"
    PRUNE_BLOCKED = "PruneBlocked"
    PRUNE_WAITING = "PruneWaiting"
    # states
    SUCCEEDED = "Succeeded"
    SYNCED = "Synced"
    PROGRESSING = "Progressing"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    HELD = "Held"
    DELETING = "Deleting"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, said so that the reader can act without asking.

    `where` is a place in the repository (`file:line`), a field of the spec, or empty when
    `key` says it all; `advice` is one sentence, what to do next.
    """

    reason: Reason
    message: str
    blame: Blame
    where: str = ""
    advice: str = ""
    key: ObjectKey | None = None

    def __str__(self) -> str:
        """One line for conditions, logs and terminals: place, object, what, advice."""
        head = ": ".join(part for part in (self.where, str(self.key or ""), self.message) if part)
        return f"{head} ({self.advice})" if self.advice else head


class GitopsError(Exception):
    """An error that knows who has to act; every expected failure is one."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def fail(
    reason: Reason,
    message: str,
    blame: Blame,
    *,
    where: str = "",
    advice: str = "",
    key: ObjectKey | None = None,
) -> GitopsError:
    """The error to raise, built from the parts of its problem."""
    return GitopsError(Problem(reason, message, blame, where, advice, key))
