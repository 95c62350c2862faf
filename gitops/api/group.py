"""The names that the API consists of; nothing else in the repository spells them out."""

GROUP = "gitops.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

KIND = "Application"
PLURAL = "applications"
SINGULAR = "application"
SHORT_NAMES = ("app",)
CATEGORIES = ("gitops",)
CRD_NAME = f"{PLURAL}.{GROUP}"
LEASE_NAME = "gitops-controller"  # in the namespace of the installation

# A field manager has at most 128 characters: "gitops.dev/" + a namespace of 63 + "/" + this.
NAME_LIMIT = 53

# On managed objects.
APPLIED_ANNOTATION = f"{GROUP}/applied"
PRUNE_ANNOTATION = f"{GROUP}/prune"
WAVE_ANNOTATION = f"{GROUP}/wave"
HOOK_ANNOTATION = f"{GROUP}/hook"
HOOK_DELETE_ANNOTATION = f"{GROUP}/hook-delete"
APPLY_ANNOTATION = f"{GROUP}/apply"
FORCE_ANNOTATION = f"{GROUP}/force"
IGNORE_HEALTH_ANNOTATION = f"{GROUP}/ignore-health"

# On the objects of hooks, which are no members: whose they are, and which run made them.
HOOK_OF_LABEL = f"{GROUP}/hook-of"  # the Application's ApplySet id
HOOK_RUN_ANNOTATION = f"{GROUP}/hook-run"  # phase, run and name in the repository
ROLLOUT_ANNOTATION = f"{GROUP}/rollout-on-config-change"
LINT_IGNORE_ANNOTATION = f"{GROUP}/lint-ignore"  # "rule: reason; other-rule: reason"
CONFIG_CHECKSUM_ANNOTATION = f"{GROUP}/config-checksum"  # in the template of Pods

# On Applications.
RECONCILE_AT_ANNOTATION = f"{GROUP}/reconcile-at"
# Ends a value of it that is to be answered in the status: an answer is a write, and most ask for none.
ANSWER_WANTED = "?"
APPROVE_ANNOTATION = f"{GROUP}/approve"
HOLD_ANNOTATION = f"{GROUP}/hold"
LINT_ANNOTATION = f"{GROUP}/lint"  # "events": new findings are told in an Event
FINALIZER = f"{GROUP}/cleanup"  # members are pruned or released, as spec.deletionPolicy says

# KEP-3659, the ApplySet: the Application is the parent, each managed object a member.
APPLYSET_ID_LABEL = "applyset.kubernetes.io/id"
APPLYSET_PART_OF_LABEL = "applyset.kubernetes.io/part-of"
APPLYSET_PARENT_TYPE_LABEL = "applyset.kubernetes.io/is-parent-type"
APPLYSET_TOOLING_ANNOTATION = "applyset.kubernetes.io/tooling"
APPLYSET_GROUP_KINDS_ANNOTATION = "applyset.kubernetes.io/contains-group-kinds"
APPLYSET_NAMESPACES_ANNOTATION = "applyset.kubernetes.io/additional-namespaces"
