"""What an installation of gitops put into a cluster: found by its labels, stopped, deleted."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gitops.api.group import LEASE_NAME
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.core.verdict import judge
from gitops.kube.client import MERGE_PATCH, Client, Reply
from gitops.kube.objects import is_absent

_SELECTOR = "app.kubernetes.io/name=gitops"
_RELEASE = "meta.helm.sh/release-name"
_RBAC = "rbac.authorization.k8s.io"


def _type(group: str, kind: str, plural: str, *, namespaced: bool = True) -> Resource:
    return Resource(group, "v1", kind, plural, namespaced=namespaced, verbs=NEEDED_VERBS)


_DEPLOYMENTS = _type("apps", "Deployment", "deployments")
_PODS = _type("", "Pod", "pods")
_BINDINGS = _type(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False)
_ROLES = _type(_RBAC, "ClusterRole", "clusterroles", namespaced=False)
_DEFINITIONS = _type(
    "apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
_LEASES = _type("coordination.k8s.io", "Lease", "leases")
_NAMESPACES = _type("", "Namespace", "namespaces", namespaced=False)
# In the namespace of the installation, in the order of deleting; rights go last.
_LOCAL = (
    _DEPLOYMENTS,
    _type("", "Service", "services"),
    _type("", "ConfigMap", "configmaps"),
    _type("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    _type("", "ServiceAccount", "serviceaccounts"),
)
# Also in the namespaces that impersonation is limited to.
_ROLE_BINDINGS = _type(_RBAC, "RoleBinding", "rolebindings")
_LOCAL_ROLES = _type(_RBAC, "Role", "roles")
RESOURCES = {
    one.group_kind: one
    for one in (*_LOCAL, _NAMESPACES, _DEFINITIONS, _ROLES, _BINDINGS, _LOCAL_ROLES, _ROLE_BINDINGS)
}
"""The types that an installation consists of."""


@dataclass(frozen=True, slots=True)
class Part:
    """One object of the installation."""

    resource: Resource
    key: ObjectKey
    release: str  # the Helm release that it belongs to; empty for none


async def deployments(client: Client, namespace: str) -> list[Part]:
    """The controller's Deployments in its namespace."""
    return [_part(_DEPLOYMENTS, one) for one in await _list(client, _DEPLOYMENTS, namespace)]


async def stop(client: Client, part: Part, seconds: float) -> None:
    """Scale a Deployment to none, and wait until its Pods are gone: they would undo what comes next.

    Raises GitopsError when that is refused or takes longer than `seconds`.
    """
    path = part.resource.path(part.key)
    reply = await client.request(
        "PATCH", path, b'{"spec":{"replicas":0}}', content_type=MERGE_PATCH, label="deployments"
    )
    if reply.status == 404:
        return
    _must(reply, part.key)
    labels = reply.json["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    end = time.monotonic() + seconds
    while pods := await _list(client, _PODS, part.key.namespace, selector):
        if time.monotonic() > end:
            raise fail(
                Reason.WAITING,
                f"the Pod {pods[0]['metadata']['name']} still runs after {seconds:g} s",
                Blame.CLUSTER,
                advice="look at the Pod, and call again when it is gone",
                key=part.key,
            )
        await asyncio.sleep(0.2)


async def parts(client: Client, namespace: str) -> list[Part]:
    """Everything that an installation in this namespace consists of, but the namespace and the definition.

    Cluster-wide objects count only if they are bound to an account of this namespace: a second
    installation, or another product of this name, is left alone.
    """
    found = [_part(kind, one) for kind in _LOCAL for one in await _list(client, kind, namespace)]
    roles: set[tuple[str, str]] = set()
    for kind in (_BINDINGS, _ROLE_BINDINGS):
        for one in await _list(client, kind, ""):
            subjects = one.get("subjects") or ()
            if any(subject.get("namespace") == namespace for subject in subjects):
                found.append(_part(kind, one))
                roles.add((one["metadata"].get("namespace", ""), one["roleRef"]["name"]))
    for kind in (_ROLES, _LOCAL_ROLES):
        for one in await _list(client, kind, ""):
            place = (one["metadata"].get("namespace", ""), one["metadata"]["name"])
            if place in roles or ("", place[1]) in roles:
                found.append(_part(kind, one))
    return found


async def remove(client: Client, part: Part) -> None:
    """Delete it; that it is gone already is as good."""
    reply = await client.request(
        "DELETE",
        part.resource.path(part.key),
        orjson.dumps({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}),
        label=part.resource.plural,
    )
    if reply.status != 404:
        _must(reply, part.key)


async def remove_lease(client: Client, namespace: str) -> None:
    """Delete what the controller leaves behind itself; it bears none of our labels."""
    key = ObjectKey(_LEASES.group, _LEASES.kind, namespace, LEASE_NAME)
    await remove(client, Part(_LEASES, key, ""))


async def remove_definition(client: Client, name: str, seconds: float) -> None:
    """Delete our CustomResourceDefinition, and wait until it is gone."""
    key = ObjectKey(_DEFINITIONS.group, _DEFINITIONS.kind, "", name)
    await remove(client, Part(_DEFINITIONS, key, ""))
    end = time.monotonic() + seconds
    while True:
        reply = await client.request("GET", _DEFINITIONS.path(key), label=_DEFINITIONS.plural)
        if reply.status == 404 and is_absent(reply):
            return
        _must(reply, key)
        if time.monotonic() > end:
            raise fail(
                Reason.WAITING,
                f"is still there after {seconds:g} s",
                Blame.CLUSTER,
                advice="look at its conditions for what holds it",
                key=key,
            )
        await asyncio.sleep(0.2)


async def _list(
    client: Client, resource: Resource, namespace: str, selector: str = _SELECTOR
) -> list[Mapping[str, Any]]:
    reply = await client.request(
        "GET", resource.collection(namespace), params={"labelSelector": selector}, label=resource.plural
    )
    if reply.status == 404:  # the API isn't served here
        return []
    _must(reply, ObjectKey(resource.group, resource.kind, namespace, "*"))
    return list(reply.json.get("items") or ())


def _part(resource: Resource, obj: Mapping[str, Any]) -> Part:
    metadata = obj["metadata"]
    key = ObjectKey(resource.group, resource.kind, metadata.get("namespace", ""), metadata["name"])
    return Part(resource, key, (metadata.get("annotations") or {}).get(_RELEASE, ""))


def _must(reply: Reply, key: ObjectKey) -> None:
    if not reply.ok:
        raise GitopsError(judge(reply.status, reply.failure, key).problem)


def releases_of(found: list[Part]) -> Iterator[str]:
    """The Helm releases that parts belong to: Helm must remove those itself, or its records are wrong."""
    yield from sorted({part.release for part in found if part.release})
