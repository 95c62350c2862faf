"""What the rules about an object want to have read besides the object itself."""

from collections.abc import Iterator
from typing import TypeAlias

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, text
from gitops.core.why.autoscaling import AUTOSCALER, METRICS_API, target_of
from gitops.core.why.cluster import API_SERVICE, DEFINITION
from gitops.core.why.lookups import POD, SECRET, SERVICE
from gitops.core.why.model import Object
from gitops.core.why.pods import NODE, is_in_trouble
from gitops.core.why.routes import GATEWAYS, INGRESS, INGRESS_CLASS, NETWORK_POLICY, ROUTES
from gitops.core.why.services import ENDPOINT_SLICE
from gitops.core.why.volumes import CLAIM, STORAGE_CLASS, claims_of
from gitops.core.why.workloads import DAEMON_SET, DEPLOYMENT, REPLICA_SET, STATEFUL_SET

Place: TypeAlias = tuple[GroupKind, str]  # a kind, and the namespace to list it in; empty: the cluster

EVENT = GroupKind("", "Event")
_MAKERS = tuple(GroupKind("apps", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet"))
_MADE = {
    DEPLOYMENT: (REPLICA_SET, POD),
    **dict.fromkeys((REPLICA_SET, STATEFUL_SET, DAEMON_SET, GroupKind("batch", "Job")), (POD,)),
    GroupKind("batch", "CronJob"): (GroupKind("batch", "Job"), POD),
}


def needs(key: ObjectKey, obj: Object) -> Iterator[Place]:
    """The kinds to list, and where, for a question about one object."""
    kind, here = key.group_kind, key.namespace
    if here:
        yield EVENT, here
    yield from ((made, here) for made in _MADE.get(kind, ()))
    if kind == SERVICE:
        yield from _of_service(here)
    elif kind == INGRESS:
        yield INGRESS_CLASS, ""
        yield from _of_service(here)
        if at(obj, ("spec", "tls")):
            yield SECRET, here
    elif kind in ROUTES:
        yield from _of_route(here, obj)
    elif kind == GroupKind(GATEWAYS, "Gateway"):
        yield GroupKind(GATEWAYS, "GatewayClass"), ""
    elif kind == AUTOSCALER:
        yield target_of(key, obj).group_kind, here
        yield METRICS_API.group_kind, ""
    elif kind == DEFINITION:
        yield DEFINITION, ""
    elif kind == API_SERVICE:
        yield from _of_service(text(at(obj, ("spec", "service", "namespace"))))
    elif kind == CLAIM:
        yield STORAGE_CLASS, ""
    elif kind == POD and is_in_trouble(obj):
        yield from _of_pod(key, obj)


def _of_pod(key: ObjectKey, pod: Object) -> Iterator[Place]:
    here = key.namespace
    if any(True for _ in claims_of(key, pod)):
        yield CLAIM, here
    statuses = list(items(pod, "status", "containerStatuses"))
    if statuses and all(one.get("ready") is True for one in statuses):
        yield NODE, ""  # all is well as far as its kubelet ever said: then it may be the node
    elif at(pod, ("status", "phase")) == "Running":
        yield NETWORK_POLICY, here
    if at(pod, ("spec", "imagePullSecrets")):
        yield SECRET, here


def _of_service(namespace: str) -> Iterator[Place]:
    if namespace:
        for kind in (SERVICE, POD, ENDPOINT_SLICE, *_MAKERS):
            yield kind, namespace


def _of_route(here: str, obj: Object) -> Iterator[Place]:
    yield from _of_service(here)
    for ref in items(obj, "spec", "parentRefs"):
        yield GroupKind(GATEWAYS, "Gateway"), text(ref.get("namespace")) or here
    for rule in items(obj, "spec", "rules"):
        for ref in items(rule, "backendRefs"):
            there = text(ref.get("namespace"))
            if there and there != here:
                yield GroupKind(GATEWAYS, "ReferenceGrant"), there
                yield from _of_service(there)
