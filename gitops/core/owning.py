"""Which kinds have to be read to see what objects own: by ownerReferences, as few lists as possible."""

from collections.abc import Iterable, Mapping

from gitops.core.model import GroupKind
from gitops.core.resources import Catalog, Resource

_REPLICA_SET = GroupKind("apps", "ReplicaSet")
_POD = GroupKind("", "Pod")
_JOB = GroupKind("batch", "Job")

# Kubernetes' own controllers, and what they make with an ownerReference.
_MADE: Mapping[GroupKind, tuple[GroupKind, ...]] = {
    GroupKind("apps", "Deployment"): (_REPLICA_SET,),
    GroupKind("apps", "StatefulSet"): (_POD, GroupKind("", "PersistentVolumeClaim")),
    GroupKind("apps", "DaemonSet"): (_POD,),
    _REPLICA_SET: (_POD,),
    GroupKind("", "ReplicationController"): (_POD,),
    GroupKind("batch", "CronJob"): (_JOB,),
    _JOB: (_POD,),
    GroupKind("", "Service"): (GroupKind("discovery.k8s.io", "EndpointSlice"),),
    _POD: (GroupKind("", "PersistentVolumeClaim"),),  # generic ephemeral volumes
}

# What operators make for the objects of their own kinds, besides others of their own group.
_BY_OPERATORS = (
    GroupKind("apps", "Deployment"),
    GroupKind("apps", "StatefulSet"),
    GroupKind("apps", "DaemonSet"),
    _JOB,
    GroupKind("batch", "CronJob"),
    _POD,
    GroupKind("", "Service"),
    GroupKind("", "ConfigMap"),
    GroupKind("", "Secret"),
    GroupKind("", "PersistentVolumeClaim"),
)
_OURS = "gitops.dev"


def ownable(kinds: Iterable[GroupKind], catalog: Catalog) -> list[Resource]:
    """The types that objects of `kinds` may own, directly or through others; only what is served."""
    found: dict[GroupKind, None] = {}
    todo = [kind for kind in kinds if kind.group != _OURS]
    asked: set[GroupKind] = set()
    while todo:
        kind = todo.pop()
        if kind in asked:
            continue
        asked.add(kind)
        for made in _made_by(kind, catalog):
            found[made] = None
            # What is in an operator's own group may own the rest of the group, which is read already.
            if made in _MADE:
                todo.append(made)
    served = (catalog.preferred(kind) for kind in found)
    return [one for one in served if one and "list" in one.verbs and one.namespaced]


def _made_by(kind: GroupKind, catalog: Catalog) -> Iterable[GroupKind]:
    if kind in _MADE:
        return _MADE[kind]
    is_custom = "." in kind.group and not kind.group.endswith(".k8s.io")
    if not is_custom:
        return ()
    return (*_BY_OPERATORS, *catalog.kinds_of(kind.group))
