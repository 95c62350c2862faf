"""Lists that the API server reads as maps: two items with the same key make it refuse an apply.

The table holds those of the built-in kinds' schemas (Kubernetes 1.37, `x-kubernetes-list-type:
map`) that people write by hand.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops.core.model import Json

_DEFAULTS: Mapping[str, Json] = {"protocol": "TCP"}


@dataclass(frozen=True, slots=True)
class _Lists:
    """What is below one type: its associative lists with their keys, and the types of its fields."""

    keys: Mapping[str, tuple[str, ...]]
    items: Mapping[str, "_Lists"]  # type of each item of a list, or of a single field


_NAMED = ("name",)
_CONTAINER = _Lists(
    {
        "env": _NAMED,
        "ports": ("containerPort", "protocol"),
        "volumeMounts": ("mountPath",),
        "volumeDevices": ("devicePath",),
    },
    {"resources": _Lists({"claims": _NAMED}, {})},
)
_POD_SPEC = _Lists(
    {
        "containers": _NAMED,
        "initContainers": _NAMED,
        "ephemeralContainers": _NAMED,
        "volumes": _NAMED,
        "imagePullSecrets": _NAMED,
        "resourceClaims": _NAMED,
        "schedulingGates": _NAMED,
        "hostAliases": ("ip",),
        "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    },
    {"containers": _CONTAINER, "initContainers": _CONTAINER, "ephemeralContainers": _CONTAINER},
)
_POD = _Lists({}, {"spec": _POD_SPEC})
_WORKLOAD = _Lists({}, {"spec": _Lists({}, {"template": _POD})})
_WEBHOOKS = _Lists({"webhooks": _NAMED}, {"webhooks": _Lists({"matchConditions": _NAMED}, {})})
_POLICY = _Lists({}, {"spec": _Lists({"variables": _NAMED, "matchConditions": _NAMED}, {})})

_KINDS: Mapping[tuple[str, str], _Lists] = {
    ("", "Pod"): _POD,
    ("", "PodTemplate"): _Lists({}, {"template": _POD}),
    ("", "ReplicationController"): _WORKLOAD,
    ("", "Service"): _Lists({}, {"spec": _Lists({"ports": ("port", "protocol")}, {})}),
    ("", "ServiceAccount"): _Lists({"secrets": _NAMED}, {}),
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "Deployment"): _WORKLOAD,
    ("apps", "ReplicaSet"): _WORKLOAD,
    ("apps", "StatefulSet"): _WORKLOAD,
    ("batch", "CronJob"): _Lists({}, {"spec": _Lists({}, {"jobTemplate": _WORKLOAD})}),
    ("batch", "Job"): _WORKLOAD,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): _POLICY,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): _POLICY,
}


def duplicate_items(group: str, kind: str, body: Mapping[str, Json]) -> Iterator[str]:
    """Name each item whose key another item of its list has: `spec.containers[name=app]`."""
    if lists := _KINDS.get((group, kind)):
        yield from _below(lists, body, "")


def _below(lists: _Lists, value: Mapping[str, Json], path: str) -> Iterator[str]:
    for field, keys in lists.keys.items():
        items = value.get(field)
        seen: set[tuple[str, ...]] = set()
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, dict):
                continue
            key = tuple(str(item.get(name, _DEFAULTS.get(name))) for name in keys)
            if key in seen:
                selector = ",".join(f"{name}={text}" for name, text in zip(keys, key, strict=True))
                yield f"{path}{field}[{selector}]"
            seen.add(key)
    for field, inner in lists.items.items():
        found = value.get(field)
        if isinstance(found, dict):
            yield from _below(inner, found, f"{path}{field}.")
        for position, item in enumerate(found if isinstance(found, list) else ()):
            if isinstance(item, dict):
                name = item.get("name", position)
                yield from _below(inner, item, f"{path}{field}[{name}].")
