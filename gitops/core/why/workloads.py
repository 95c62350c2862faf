"""Why a workload has too few Pods: what it says itself, when its Pods don't tell more."""

from collections.abc import Iterator

from gitops.core.health.reading import conditions, is_false, is_true, words
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, number, part, text
from gitops.core.why.creation import creation_causes
from gitops.core.why.lookups import POD, describe, is_ready, namespace_flag, of_kind, typed_name
from gitops.core.why.model import Cause, Depth, Evidence, Object, Rule, World

DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET = (
    GroupKind("apps", kind) for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
)
_COUNTS = (
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "unavailableReplicas",
    "desiredNumberScheduled",
    "updatedNumberScheduled",
    "numberReady",
)


def _effect(key: ObjectKey, identity: str, sentence: str, obj: Object) -> Cause:
    counted = [f"{name} {value}" for name, value in part(obj, "status").items() if name in _COUNTS]
    seen = Evidence(f"its status: {', '.join(counted) or 'no count of Pods'}", describe(key))
    return Cause(identity, key, sentence, Depth.EFFECT, (seen,))


def deployment_causes(key: ObjectKey, obj: Object, _world: World) -> Iterator[Cause]:
    """What a Deployment says of its rollout."""
    wanted = number(at(obj, ("spec", "replicas")), 1)
    ready = number(at(obj, ("status", "readyReplicas")))
    updated = number(at(obj, ("status", "updatedReplicas")))
    if at(obj, ("spec", "paused")):
        yield Cause(
            "rollout-paused",
            key,
            "is paused: what changes in it is not rolled out",
            Depth.STATE,
            (Evidence("spec.paused is true", describe(key)),),
            (f"kubectl rollout resume {typed_name(key)}{namespace_flag(key.namespace)}",),
        )
    progress = conditions(obj).get("Progressing")
    if progress and is_false(progress) and progress.get("reason") == "ProgressDeadlineExceeded":
        yield _effect(
            key,
            "rollout-stuck",
            f"gets no further with its rollout: {updated} of {wanted} Pods are new, {ready} are ready",
            obj,
        )
    elif ready < wanted:
        yield _effect(key, "replicas-unavailable", f"has {ready} of {wanted} Pods ready", obj)


def set_causes(key: ObjectKey, obj: Object, _world: World) -> Iterator[Cause]:
    """A ReplicaSet of its own with too few Pods; of others, their maker tells."""
    if at(obj, ("metadata", "ownerReferences")):
        return
    wanted = number(at(obj, ("spec", "replicas")), 1)
    ready = number(at(obj, ("status", "readyReplicas")))
    if ready < wanted:
        yield _effect(key, "replicas-unavailable", f"has {ready} of {wanted} Pods ready", obj)


def stateful_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """A StatefulSet goes Pod by Pod: the first that isn't ready holds up all behind it."""
    wanted = number(at(obj, ("spec", "replicas")), 1)
    ready = number(at(obj, ("status", "readyReplicas")))
    if ready < wanted:
        pods = {pod.name: one for pod, one in of_kind(world, POD, key.namespace)}
        first = number(at(obj, ("spec", "ordinals", "start")))
        names = [f"{key.name}-{position}" for position in range(first, first + wanted)]
        stuck = next((name for name in names if name not in pods or not is_ready(pods[name])), "")
        parallel = at(obj, ("spec", "podManagementPolicy")) == "Parallel"
        behind = "" if parallel or not stuck or stuck == names[-1] else "; those after it wait for it"
        state = (
            "" if not stuck else f": {stuck} is {'not there' if stuck not in pods else 'not ready'}{behind}"
        )
        identity = (
            "statefulset-ordinal" if stuck and world.is_known(POD, key.namespace) else "replicas-unavailable"
        )
        yield _effect(key, identity, f"has {ready} of {wanted} Pods ready{state}", obj)
    if at(obj, ("spec", "updateStrategy", "type")) == "OnDelete" and _is_behind(obj):
        yield _on_delete(key)


def daemon_causes(key: ObjectKey, obj: Object, _world: World) -> Iterator[Cause]:
    """A DaemonSet with nodes that lack its Pod."""
    wanted = number(at(obj, ("status", "desiredNumberScheduled")))
    ready = number(at(obj, ("status", "numberReady")))
    if ready < wanted:
        yield _effect(key, "replicas-unavailable", f"is ready on {ready} of {wanted} nodes", obj)
    behind = number(at(obj, ("status", "updatedNumberScheduled"))) < wanted
    if behind and at(obj, ("spec", "updateStrategy", "type")) == "OnDelete":
        yield _on_delete(key)


def _is_behind(obj: Object) -> bool:
    now, new = at(obj, ("status", "currentRevision")), at(obj, ("status", "updateRevision"))
    return bool(now and new and now != new)


def _on_delete(key: ObjectKey) -> Cause:
    return Cause(
        "update-on-delete",
        key,
        "has Pods of an old revision: its updateStrategy OnDelete waits until somebody deletes them",
        Depth.ROOT,
        (Evidence("spec.updateStrategy.type is OnDelete", describe(key)),),
        (f"kubectl delete pod NAME{namespace_flag(key.namespace)}, one after the other",),
    )


def job_causes(key: ObjectKey, obj: Object, _world: World) -> Iterator[Cause]:
    """Why a Job was given up."""
    failed = conditions(obj).get("Failed")
    if failed and is_true(failed):
        reason = text(failed.get("reason"))
        tries = number(at(obj, ("status", "failed")))
        if reason == "DeadlineExceeded":
            yield Cause(
                "job-deadline",
                key,
                f"was stopped: it ran longer than its {at(obj, ('spec', 'activeDeadlineSeconds'))} s",
                Depth.ROOT,
                (Evidence(f"Failed: {words(failed)}", describe(key)),),
                ("raise activeDeadlineSeconds, or find out what takes so long",),
            )
            return
        what = (
            f"its Pods failed {tries} times, and backoffLimit allows no more"
            if (reason == "BackoffLimitExceeded")
            else words(failed)
        )
        yield Cause(
            "job-backoff-limit" if reason == "BackoffLimitExceeded" else "job-failed",
            key,
            f"was given up: {what}",
            Depth.STATE,
            (Evidence(f"Failed: {words(failed)}", describe(key)),),
            (f"kubectl logs {typed_name(key)}{namespace_flag(key.namespace)} --all-containers",),
        )
    elif at(obj, ("spec", "suspend")):
        yield Cause(
            "job-suspended",
            key,
            "is suspended: nothing runs",
            Depth.STATE,
            (Evidence("spec.suspend is true", describe(key)),),
            ("set spec.suspend to false, or see the queue (Kueue, say) that it waits for",),
        )


def cron_causes(key: ObjectKey, obj: Object, _world: World) -> Iterator[Cause]:
    """Why a CronJob starts nothing, or too much."""
    active = [text(one.get("name")) for one in items(obj, "status", "active")]
    look = f"kubectl get jobs{namespace_flag(key.namespace)}"
    if at(obj, ("spec", "suspend")):
        yield Cause(
            "cronjob-suspended",
            key,
            "is suspended: it starts no Jobs",
            Depth.STATE,
            (Evidence("spec.suspend is true", describe(key)),),
            ("set spec.suspend to false in Git",),
        )
    policy = text(at(obj, ("spec", "concurrencyPolicy"))) or "Allow"
    if len(active) > 1:
        yield Cause(
            "cronjob-piling-up",
            key,
            f"starts Jobs faster than they end: {len(active)} run at once, and concurrencyPolicy {policy} "
            "allows ever more",
            Depth.ROOT,
            (Evidence(f"status.active has {len(active)} Jobs", look),),
            ("set concurrencyPolicy to Forbid or Replace, run it less often, or see what makes it slow",),
        )
    elif active and policy == "Forbid":
        yield Cause(
            "cronjob-blocked",
            key,
            f"starts nothing new while {active[0]} runs (concurrencyPolicy Forbid)",
            Depth.EFFECT,
            (Evidence(f"status.active has {active[0]}", look),),
            (f"gitops why job/{active[0]}{namespace_flag(key.namespace)}",),
        )


_MAKERS: tuple[Rule, ...] = (creation_causes,)
RULES: dict[GroupKind, tuple[Rule, ...]] = {
    DEPLOYMENT: (deployment_causes, *_MAKERS),
    REPLICA_SET: (set_causes, *_MAKERS),
    STATEFUL_SET: (stateful_causes, *_MAKERS),
    DAEMON_SET: (daemon_causes, *_MAKERS),
    GroupKind("batch", "Job"): (job_causes, *_MAKERS),
    GroupKind("batch", "CronJob"): (cron_causes,),
}
