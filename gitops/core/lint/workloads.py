"""Rules about workloads: selectors, replicas, budgets, autoscalers, data."""

import re
from collections.abc import Iterator

from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import (
    DEPLOYMENT,
    REPLICATED,
    SERVING,
    STATEFUL_SET,
    WORKLOADS,
    ObjectSet,
    Subject,
    selects,
)
from gitops.core.lint.severity import Severity
from gitops.core.model import GroupKind
from gitops.core.reading import at, items, part

_AUTOSCALER = GroupKind("autoscaling", "HorizontalPodAutoscaler")
_SCALED_OBJECT = GroupKind("keda.sh", "ScaledObject")
_BUDGET = GroupKind("policy", "PodDisruptionBudget")
_CLAIM = GroupKind("", "PersistentVolumeClaim")
# The last part of an image's name. Those in the second list are often mere caches.
_DATABASE = re.compile(
    r"postgres|postgresql|postgis|timescaledb|mysql|mysql-server|percona|mariadb|mongo|mongodb|cassandra|scylla"
    r"|cockroach|couchdb|couchbase|elasticsearch|opensearch|influxdb|neo4j|clickhouse|clickhouse-server|etcd"
    r"|rethinkdb|arangodb|mssql-server|mssql|zookeeper|kafka|cp-kafka|rabbitmq"
)
_CACHE = re.compile(r"redis|valkey|keydb|dragonfly")


def _selector_mismatch(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    selector = subject.spec.get("selector")
    if subject.pod and isinstance(selector, dict) and not selects(selector, subject.pod.labels):
        yield Hit("spec.selector", "the selector doesn't match the labels of its own Pods")


def _database_as_deployment(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.running if subject.pod else ():
        image = str(container.body.get("image", "")).partition("@")[0]
        name = image.rpartition("/")[2].partition(":")[0].lower()
        keeps = any("persistentVolumeClaim" in one for one in items(subject.pod.spec, "volumes"))  # type: ignore[union-attr]
        if not _DATABASE.fullmatch(name) and not (_CACHE.fullmatch(name) and keeps):
            continue
        if keeps and at(subject.body, ("spec", "strategy", "type")) == "Recreate" and subject.replicas <= 1:
            continue  # never two at a time on the same files
        what = "a roll-out runs two on the same files" if keeps else "its data is lost with the Pod"
        yield Hit("spec", f"{container.name} is a database ({name}) in a Deployment: {what}")


def _claims_survive(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    claims = [str(part(one, "metadata").get("name")) for one in items(subject.spec, "volumeClaimTemplates")]
    if claims and not part(subject.spec, "persistentVolumeClaimRetentionPolicy"):
        message = f"the claims {', '.join(claims)} stay when it is scaled down or deleted"
        yield Hit("spec.persistentVolumeClaimRetentionPolicy", message)


def _scalers_of(subject: Subject, every: ObjectSet) -> list[Subject]:
    kinds = (_AUTOSCALER, _SCALED_OBJECT)
    beside = (one for kind in kinds for one in every.of_kind(kind, subject.place))
    return [one for one in beside if _target_of(one, every) is subject]


def _target_of(scaler: Subject, every: ObjectSet) -> Subject | None:
    target = part(scaler.spec, "scaleTargetRef")
    default = "apps/v1" if scaler.key.group_kind == _SCALED_OBJECT else ""
    group = str(target.get("apiVersion", default)).rpartition("/")[0]
    kind = GroupKind(group, str(target.get("kind", "Deployment" if default else "")))
    return every.find(kind, scaler.place, str(target.get("name")))


def _least(subject: Subject, every: ObjectSet) -> int:
    """How many Pods there are at least, whoever says so."""
    scalers = _scalers_of(subject, every)
    if not scalers:
        return subject.replicas
    said = [one.spec.get("minReplicas", one.spec.get("minReplicaCount", 1)) for one in scalers]
    return max((one for one in said if isinstance(one, int)), default=1)


def _no_disruption_budget(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    count = _least(subject, every)
    if count < 2 or _budgets_of(subject, every):
        return
    yield Hit("spec.replicas", f"{count} replicas, and a drained node may take all of them at once")


def _budgets_of(subject: Subject, every: ObjectSet) -> list[Subject]:
    labels = subject.pod.labels if subject.pod else {}
    beside = every.of_kind(_BUDGET, subject.place)
    return [one for one in beside if selects(part(one.spec, "selector"), labels)]


def _guarded(budget: Subject, every: ObjectSet) -> list[Subject]:
    return [
        one
        for one in every.makers(budget.place)
        if one.pod and selects(part(budget.spec, "selector"), one.pod.labels)
    ]


def _budget_allows_nothing(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    most, least = subject.spec.get("maxUnavailable"), subject.spec.get("minAvailable")
    if most in (0, "0", "0%"):
        yield Hit("spec.maxUnavailable", "no Pod may ever be evicted: a node with one can't be drained")
    elif least == "100%":
        yield Hit("spec.minAvailable", "no Pod may ever be evicted: a node with one can't be drained")
    elif isinstance(least, int) and not isinstance(least, bool) and least > 0:
        guarded = [one for one in _guarded(subject, every) if one.key.group_kind in REPLICATED]
        count = sum(_least(one, every) for one in guarded)
        if guarded and count <= least:
            message = f"{least} of {count} Pods must be there: none may ever be evicted"
            yield Hit("spec.minAvailable", message)


def _budget_matches_nothing(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    if every.makers(subject.place) and not _guarded(subject, every):
        yield Hit("spec.selector", "it selects the Pods of no workload beside it")


def _autoscaler_without_requests(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    target = _target_of(subject, every)
    if target is None or target.pod is None:
        return
    for resource in _measured(subject):
        for container in target.pod.running:
            given = {
                **part(container.body, "resources", "limits"),
                **part(container.body, "resources", "requests"),
                **part(target.pod.spec, "resources", "requests"),
            }
            if resource not in given:
                message = (
                    f"it scales by {resource} utilization, and {container.name} of "
                    f"{target.key.kind} {target.key.name} requests none"
                )
                yield Hit("spec.metrics", message)


def _measured(autoscaler: Subject) -> Iterator[str]:
    """Resources whose utilization is a share of the request."""
    if "targetCPUUtilizationPercentage" in autoscaler.spec:
        yield "cpu"
    for metric in items(autoscaler.spec, "metrics"):
        resource = part(metric, "resource")
        if "averageUtilization" in part(resource, "target") or "targetAverageUtilization" in resource:
            yield str(resource.get("name"))
    if not {"metrics", "targetCPUUtilizationPercentage"} & autoscaler.spec.keys():
        yield "cpu"  # the default: 80 % of the request


def _autoscaler_and_replicas(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    target = _target_of(subject, every)
    if target is not None and "replicas" in target.spec:
        message = f"{target.key.kind} {target.key.name} has a fixed number of replicas besides"
        yield Hit("spec.scaleTargetRef", message)


def _autoscaler_target(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    target = part(subject.spec, "scaleTargetRef")
    kind = str(target.get("kind", "Deployment"))
    known = {one.key.kind for one in every.makers(subject.place)}
    if kind in known and _target_of(subject, every) is None:
        yield Hit("spec.scaleTargetRef", f"there is no {kind} {target.get('name')} beside it")


def _shared_claim(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    if subject.pod is None or _least(subject, every) < 2:
        return
    for volume in items(subject.pod.spec, "volumes"):
        name = part(volume, "persistentVolumeClaim").get("claimName")
        claim = every.find(_CLAIM, subject.place, str(name)) if name else None
        modes = claim.spec.get("accessModes") if claim else None
        if isinstance(modes, list) and modes and set(modes) <= {"ReadWriteOnce", "ReadWriteOncePod"}:
            path = f"{subject.pod.path}.volumes[name={volume.get('name')}]"
            yield Hit(path, f"several Pods are to use the claim {name}, which one node alone may mount")


RULES = (
    Rule(
        "selector-mismatch",
        Severity.ERROR,
        "A workload's selector doesn't match the labels of its own Pods' template.",
        "The API server refuses it.",
        "give the template the labels that the selector names",
        WORKLOADS,
        _selector_mismatch,
    ),
    Rule(
        "database-as-deployment",
        Severity.WARNING,
        "A database runs in a Deployment.",
        "A roll-out starts the new Pod before the old one has ended: two servers on the same files, or a "
        "new Pod that waits for ever for the volume of the old one. Without a volume the data goes with the "
        "Pod.",
        "use a StatefulSet or an operator; for one Pod strategy.type: Recreate may do",
        frozenset({DEPLOYMENT}),
        _database_as_deployment,
    ),
    Rule(
        "claims-survive",
        Severity.INFO,
        "A StatefulSet has claims, and doesn't say what becomes of them.",
        "They stay when it is scaled down or deleted. That is safe, and costs storage until somebody thinks "
        "of it; a StatefulSet of the same name finds the old data.",
        "set spec.persistentVolumeClaimRetentionPolicy to what you want: Retain or Delete",
        frozenset({STATEFUL_SET}),
        _claims_survive,
    ),
    Rule(
        "no-disruption-budget",
        Severity.WARNING,
        "A workload has several replicas and no PodDisruptionBudget.",
        "Whoever drains nodes, for an upgrade or to save money, may evict all Pods at the same time.",
        "add a PodDisruptionBudget with maxUnavailable: 1",
        REPLICATED,
        _no_disruption_budget,
    ),
    Rule(
        "budget-allows-nothing",
        Severity.WARNING,
        "A PodDisruptionBudget allows no eviction at all.",
        "A node with such a Pod can't be drained, so upgrades of the cluster hang.",
        "set maxUnavailable: 1",
        frozenset({_BUDGET}),
        _budget_allows_nothing,
    ),
    Rule(
        "budget-matches-nothing",
        Severity.WARNING,
        "A PodDisruptionBudget selects the Pods of no workload beside it.",
        "It protects nothing, and nobody is told.",
        "correct its selector",
        frozenset({_BUDGET}),
        _budget_matches_nothing,
    ),
    Rule(
        "autoscaler-without-requests",
        Severity.ERROR,
        "A HorizontalPodAutoscaler scales by a share of the requests of Pods that have none.",
        "A share of nothing can't be computed: it never scales.",
        "set resources.requests on every container of the Pod",
        frozenset({_AUTOSCALER}),
        _autoscaler_without_requests,
    ),
    Rule(
        "autoscaler-and-replicas",
        Severity.WARNING,
        "A workload has an autoscaler and a fixed number of replicas.",
        "Whoever applies the manifest sets the number back, and the autoscaler sets it again. gitops leaves "
        "the number to the autoscaler; kubectl and others don't.",
        "remove spec.replicas from the workload",
        frozenset({_AUTOSCALER, _SCALED_OBJECT}),
        _autoscaler_and_replicas,
    ),
    Rule(
        "autoscaler-target",
        Severity.WARNING,
        "An autoscaler names a workload that is not there.",
        "It scales nothing.",
        "correct spec.scaleTargetRef",
        frozenset({_AUTOSCALER, _SCALED_OBJECT}),
        _autoscaler_target,
    ),
    Rule(
        "shared-claim",
        Severity.WARNING,
        "Several replicas of a Deployment use a claim that only one node may mount.",
        "Pods on another node wait for ever for the volume.",
        "use a StatefulSet with volumeClaimTemplates, or an access mode of ReadWriteMany",
        SERVING - {STATEFUL_SET},
        _shared_claim,
    ),
)
