"""What each reason means and what to do about it, for the documentation and for people in a hurry."""

from dataclasses import dataclass

from gitops.core.problem import Blame, Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """`who` has to act; None where it is a state and nobody has to."""

    meaning: str
    advice: str
    who: Blame | None = None


WHO = {
    Blame.REPOSITORY: "whoever commits to the repository",
    Blame.SPEC: "whoever writes the Application",
    Blame.CREDENTIALS: "whoever gives out credentials and permissions",
    Blame.CLUSTER: "whoever runs the cluster; often it passes by itself",
    Blame.NETWORK: "whoever runs the Git server or the network; often it passes by itself",
    Blame.OURSELVES: "the developers of gitops",
    None: "nobody",
}

_SOURCES = {
    Reason.INVALID_REPOSITORY: Explanation(
        "The repository's URL is of a form or protocol that is not allowed.",
        "Use https://, ssh:// or user@host:path; file:// only where the operator allows it.",
        Blame.SPEC,
    ),
    Reason.REPOSITORY_UNREACHABLE: Explanation(
        "The Git server did not answer, or not in time. What runs stays as it is, and it is tried again.",
        "Check the URL, DNS, proxies and NetworkPolicies between the controller and the Git server.",
        Blame.NETWORK,
    ),
    Reason.AUTHENTICATION_FAILED: Explanation(
        "The Git server refused the credentials, or the repository needs some and has none.",
        "Renew the token or key in the Secret that spec.source.credentials names; it is read anew each time.",
        Blame.CREDENTIALS,
    ),
    Reason.HOST_KEY_UNKNOWN: Explanation(
        "The SSH server's host key is not among the known ones, or is another one than before.",
        "Put the server's host key, from a source you trust, into known_hosts of the credentials' Secret.",
        Blame.CREDENTIALS,
    ),
    Reason.CREDENTIALS_NOT_FOUND: Explanation(
        "The Secret that spec.source.credentials names does not exist or may not be read.",
        "Create the Secret in the Application's namespace, or correct its name.",
        Blame.CREDENTIALS,
    ),
    Reason.CREDENTIALS_INVALID: Explanation(
        "The credentials' Secret lacks a key that is needed, or a key's content can't be read.",
        "Use username and password or bearerToken for HTTPS, identity and known_hosts for SSH.",
        Blame.CREDENTIALS,
    ),
    Reason.REVISION_NOT_FOUND: Explanation(
        "The repository has no branch, tag or commit of this name, or no tag within the range.",
        "Correct spec.source.revision, or push what it names.",
        Blame.SPEC,
    ),
    Reason.PATH_NOT_FOUND: Explanation(
        "The revision has no such folder. Nothing is pruned because of it.",
        "Correct spec.source.path, or commit the folder.",
        Blame.SPEC,
    ),
}
_RENDERING = {
    Reason.INVALID_MANIFEST: Explanation(
        "A file is not valid YAML or JSON, or a document in it is not a Kubernetes object.",
        "Correct the file at the place that is named; exclude files that hold no manifests.",
        Blame.REPOSITORY,
    ),
    Reason.DUPLICATE_OBJECT: Explanation(
        "The same object is described twice, so that it is unclear which one counts.",
        "Remove one of the two places that are named.",
        Blame.REPOSITORY,
    ),
    Reason.RESERVED_METADATA: Explanation(
        "A manifest brings labels or annotations with which gitops marks what it owns.",
        "Remove them from the manifest; they are probably copied from an object in a cluster.",
        Blame.REPOSITORY,
    ),
    Reason.UNSAFE_PATH: Explanation(
        "A path or a symbolic link leads out of the repository.",
        "Copy what it leads to into the repository.",
        Blame.REPOSITORY,
    ),
    Reason.EMPTY_RENDER: Explanation(
        "The path holds no manifests. Nothing is deleted because of it.",
        "Correct spec.source.path, or add manifests; to have no objects on purpose, approve the revision.",
        Blame.REPOSITORY,
    ),
    Reason.RENDER_FAILED: Explanation(
        "Helm or Kustomize ended with an error; its own words are in the message.",
        "Run `gitops render` on the folder: it does the same on your machine.",
        Blame.REPOSITORY,
    ),
    Reason.UNSTABLE_RENDER: Explanation(
        "The same commit with the same values gives other objects each time it is rendered: the chart makes "
        "up random values or asks for the time. Those objects stay as they were applied, and are not healed; "
        "all others are.",
        "Set the value, by spec.render.helm.values or valuesFrom, so that the chart doesn't make one up.",
        Blame.REPOSITORY,
    ),
    Reason.VALUES_NOT_FOUND: Explanation(
        "A ConfigMap or Secret that spec.render.helm.valuesFrom names, or its key, does not exist. What runs "
        "stays as it is; as soon as it is there, it is rendered.",
        "Create it in the Application's namespace, correct the name or key, or set optional: true.",
        Blame.SPEC,
    ),
    Reason.INVALID_VALUES: Explanation(
        "What a ConfigMap or Secret of spec.render.helm.valuesFrom holds is no YAML mapping of values.",
        "Correct the content of the key that is named, or set targetPath if it is a single value.",
        Blame.SPEC,
    ),
    Reason.RENDER_TIMEOUT: Explanation(
        "Rendering took longer than is allowed and was ended.",
        "Look for templates that loop or generate very much; split the folder into several Applications.",
        Blame.REPOSITORY,
    ),
    Reason.RENDER_LIMIT_EXCEEDED: Explanation(
        "What was read or rendered is larger, deeper or more than the limits allow.",
        "Split the folder into several Applications, or remove what should not be there.",
        Blame.REPOSITORY,
    ),
    Reason.RENDERER_UNAVAILABLE: Explanation(
        "The renderer's process or its program (helm, kustomize) can't be started or was lost.",
        "Look at the renderer container's state and memory limit; it is tried again.",
        Blame.CLUSTER,
    ),
    Reason.UNSUPPORTED_SOURCE: Explanation(
        "The folder uses something that is not supported, such as remote bases or exec plugins.",
        "Put what it refers to into the repository.",
        Blame.REPOSITORY,
    ),
}
_APPLYING = {
    Reason.UNKNOWN_KIND: Explanation(
        "The cluster knows no such kind in this API version. It is tried again when a new one appears.",
        "Install the CustomResourceDefinition first, or use an API version that the cluster serves.",
        Blame.REPOSITORY,
    ),
    Reason.UNSUPPORTED_API: Explanation(
        "The kind can't be managed: its API lacks patch, list or watch, or server-side apply.",
        "Leave the object out of the repository.",
        Blame.REPOSITORY,
    ),
    Reason.NAMESPACE_NOT_FOUND: Explanation(
        "The object's namespace does not exist.",
        "Add the Namespace to the repository, create it, or set spec.sync.createNamespace.",
        Blame.SPEC,
    ),
    Reason.NAMESPACE_TERMINATING: Explanation(
        "The namespace is being deleted and takes no new objects.",
        "Wait until it is gone; if it stays, look at the conditions of the Namespace for what holds it.",
        Blame.CLUSTER,
    ),
    Reason.INVALID_FIELD: Explanation(
        "The manifest has a field that this kind does not know, often a misspelt or misplaced one.",
        "Correct the field that is named; `kubectl explain` shows the right ones.",
        Blame.REPOSITORY,
    ),
    Reason.INVALID_OBJECT: Explanation(
        "The API server found a value that is not allowed.",
        "Correct the field that is named.",
        Blame.REPOSITORY,
    ),
    Reason.IMMUTABLE_FIELD: Explanation(
        "A field changed in Git that can't be changed in an existing object.",
        "Undo the change, give the object another name, or delete the object to have it made anew.",
        Blame.REPOSITORY,
    ),
    Reason.ADMISSION_DENIED: Explanation(
        "An admission webhook or policy of the cluster refused the object; it is named.",
        "Change the manifest as the policy asks, or ask whoever runs the policy.",
        Blame.REPOSITORY,
    ),
    Reason.ADMISSION_UNAVAILABLE: Explanation(
        "An admission webhook that must be asked did not answer. It is tried again.",
        "Look at the webhook's Pods and Service.",
        Blame.CLUSTER,
    ),
    Reason.QUOTA_EXCEEDED: Explanation(
        "A ResourceQuota of the namespace is used up.",
        "Ask for less, remove something, or have the quota raised.",
        Blame.CLUSTER,
    ),
    Reason.FORBIDDEN: Explanation(
        "The account as which the Application acts may not do this.",
        "Give the account of spec.serviceAccountName the permission that is named, by a RoleBinding.",
        Blame.CREDENTIALS,
    ),
    Reason.FIELD_CONFLICT: Explanation(
        "Another manager holds a field with another value, and taking it over was not decided.",
        "Remove the field from Git, or from the manager that is named.",
        Blame.CLUSTER,
    ),
    Reason.RETAINED_BY: Explanation(
        "A field left Git, but another manager owns it too, so that it stays in the cluster.",
        "Remove it with the tool that is named, or from the object by hand if nobody needs it.",
        Blame.CLUSTER,
    ),
    Reason.FIGHTING: Explanation(
        "Somebody changes a field again each time it is healed. The object is healed less and less often; "
        "everything else goes on. It ends by itself when the other one stops.",
        "Remove the field from Git, or keep the manager that is named from writing it.",
        Blame.CLUSTER,
    ),
    Reason.IGNORE_IMPOSSIBLE: Explanation(
        "A rule of spec.ignore names a part of a list or map that has one owner as a whole. The object is "
        "neither updated nor healed.",
        "Name the whole list or map in the rule, as the message says.",
        Blame.SPEC,
    ),
    Reason.DRIFTED: Explanation(
        "Somebody changed or deleted a managed object, and spec.sync.heal is Report, so it stays as it is.",
        "Undo the change, put it into Git, or set spec.sync.heal to Automatic.",
        Blame.CLUSTER,
    ),
    Reason.OWNED_BY_ANOTHER: Explanation(
        "The object belongs to another Application, ApplySet or tool, which is named.",
        "Describe the object in one place only; spec.sync.adopt: Always takes over what other tools own.",
        Blame.SPEC,
    ),
    Reason.NOT_ADOPTED: Explanation(
        "The object exists already, and spec.sync.adopt does not allow to take it over.",
        "Set spec.sync.adopt to Unowned or Always, or delete the object.",
        Blame.SPEC,
    ),
    Reason.UNREADABLE: Explanation(
        "The cluster's state could not be read, so that nothing that depends on it is decided.",
        "Look at the error that is named; it is tried again.",
        Blame.CLUSTER,
    ),
    Reason.API_UNAVAILABLE: Explanation(
        "The Kubernetes API did not answer, or with an error of its own. It is tried again.",
        "Look at the API server and, for extension APIs, at the APIService.",
        Blame.CLUSTER,
    ),
    Reason.CHANGED_MEANWHILE: Explanation(
        "Somebody changed the object between our look and our write; it is looked at again at once.",
        "Nothing. If it keeps happening, find out who keeps writing to the object.",
        Blame.CLUSTER,
    ),
    Reason.WAITING: Explanation(
        "It waits for something that comes first: an earlier wave, a dependency, a CustomResourceDefinition.",
        "Look at what is named as being waited for.",
    ),
    Reason.DEPENDENCY_CYCLE: Explanation(
        "Objects or Applications depend on each other in a circle, which is printed; or an object depends on "
        "one of a later wave.",
        "Remove one of the dependencies.",
    ),
    Reason.DEPENDENCY_NOT_FOUND: Explanation(
        "Something that is depended on isn't there: an object, or an Application of spec.dependsOn.",
        "Add it, or correct the dependency; it goes on by itself then.",
    ),
    Reason.HOOK_FAILED: Explanation(
        "A hook failed, so the sync doesn't go on; container, reason and exit code are said where known.",
        "Look at the hook's logs; correct it, or annotate the Application with a new gitops.dev/reconcile-at "
        "to run it again.",
    ),
    Reason.APPROVAL_REQUIRED: Explanation(
        "spec.sync.deploy is Manual, and the newest revision is not approved. What was deployed before is "
        "kept up meanwhile.",
        "Look at `gitops diff`, then annotate the Application with gitops.dev/approve: <the plan's digest>.",
        Blame.SPEC,
    ),
    Reason.SERVICE_ACCOUNT_REQUIRED: Explanation(
        "Outside the controller's namespace an Application must name the account as which it acts.",
        "Set spec.serviceAccountName to a ServiceAccount of the Application's namespace.",
        Blame.SPEC,
    ),
    Reason.INVALID_HEALTH_RULES: Explanation(
        "A rule of spec.health can't be used: its form is wrong, or an expression. The built-in rules count.",
        "Correct what is named; try it with `gitops health FILE --rules RULES`.",
        Blame.SPEC,
    ),
}
_DEPENDING = {
    Reason.DEPENDENCY_NOT_READY: Explanation(
        "A new revision waits until an Application of spec.dependsOn is Ready, at the same commit if both "
        "follow the same revision of a repository. What is applied goes on being healed.",
        "Look at the Application that is named; its own message is quoted.",
    ),
    Reason.INVALID_EXPRESSION: Explanation(
        "A CEL expression of spec.dependsOn is not valid, or costs more than is allowed.",
        "Correct the expression that is named; it reads metadata, spec, status, conditions and object.",
        Blame.SPEC,
    ),
    Reason.DEPENDENCY_NOT_ALLOWED: Explanation(
        "spec.dependsOn names an Application of another namespace.",
        "Depend on Applications of the same namespace; only those of the controller's may depend on any.",
        Blame.SPEC,
    ),
}
_PRUNING = {
    Reason.PRUNE_REFUSED: Explanation(
        "More would be deleted than spec.sync.pruneLimit allows, or all of it; the rest was done.",
        "If it is meant, approve it for this revision with the annotation gitops.dev/approve.",
        Blame.REPOSITORY,
    ),
    Reason.PRUNE_UNCONFIRMED: Explanation(
        "Objects that Git no longer has are kept until somebody confirms that they may go.",
        "Approve with the annotation gitops.dev/approve, or annotate an object gitops.dev/prune: Disabled.",
        Blame.SPEC,
    ),
    Reason.PRUNE_BLOCKED: Explanation(
        "An object can't be deleted now: a finalizer holds it, or another owner does.",
        "Look at the finalizer or owner that is named; remove a finalizer only if its controller is gone.",
        Blame.CLUSTER,
    ),
    Reason.PRUNE_WAITING: Explanation(
        "An object left Git, but another Application, which is named, may want it and can't be asked now.",
        "Mend the Application that is named; to delete the object all the same, approve the revision.",
        Blame.SPEC,
    ),
}
_STATES = {
    Reason.SUCCEEDED: Explanation("All is as it should be.", "Nothing."),
    Reason.SYNCED: Explanation("The cluster has what the revision describes.", "Nothing."),
    Reason.PROGRESSING: Explanation(
        "Work is under way: objects are applied, or do not report being ready yet.", "Wait."
    ),
    Reason.PROGRESS_DEADLINE_EXCEEDED: Explanation(
        "Nothing moved for as long as spec.sync.progressDeadline allows; what blocks is named.",
        "Look at the object that is named: its events, its Pods and their logs.",
        Blame.REPOSITORY,
    ),
    Reason.DEGRADED: Explanation(
        "An object works wrongly or not at all, by its own account; as a problem of the status: its cause.",
        "Look at the object that is named: its events, its Pods and their logs.",
        Blame.REPOSITORY,
    ),
    Reason.SUSPENDED: Explanation(
        "Syncing is switched off by spec.suspend, or an object is paused by its own spec.",
        "Set spec.suspend to false to go on.",
    ),
    Reason.HELD: Explanation(
        "The Application is held at one commit by the annotation gitops.dev/hold, whatever its branch does.",
        "Nothing, or `gitops resume` to follow the branch again.",
    ),
    Reason.DELETING: Explanation(
        "The Application is being deleted; its objects are deleted or released first.",
        "Wait; what holds it up is named.",
    ),
    Reason.INTERNAL_ERROR: Explanation(
        "Something happened that gitops does not expect. It is tried again, ever more slowly.",
        "Report it, with the controller's log lines of this reconcile_id.",
        Blame.OURSELVES,
    ),
}

SECTIONS: dict[str, dict[Reason, Explanation]] = {
    "Sources": _SOURCES,
    "Rendering": _RENDERING,
    "Planning and applying": _APPLYING,
    "Applications that depend on others": _DEPENDING,
    "Pruning": _PRUNING,
    "States": _STATES,
}
EXPLANATIONS: dict[Reason, Explanation] = {
    reason: explanation for section in SECTIONS.values() for reason, explanation in section.items()
}
