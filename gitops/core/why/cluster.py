"""Why objects of the cluster itself are stuck: namespaces, finalizers, definitions, extension APIs."""

import re
from collections.abc import Iterator

from gitops.core.health.reading import conditions, is_false, is_true, words
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, text
from gitops.core.why.lookups import POD, SERVICE, describe, get, is_absent, listed, namespace_flag, of_kind
from gitops.core.why.model import Cause, Depth, Evidence, Object, World
from gitops.core.why.services import service_causes

NAMESPACE = GroupKind("", "Namespace")
DEFINITION = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
API_SERVICE = GroupKind("apiregistration.k8s.io", "APIService")

# What finalizers of Kubernetes itself wait for.
_WAITS_FOR = {
    "foregroundDeletion": "the objects that it owns are deleted first",
    "orphan": "the garbage collector releases the objects that it owns",
    "kubernetes.io/pvc-protection": "no Pod uses it any more",
    "kubernetes.io/pv-protection": "no PersistentVolumeClaim is bound to it any more",
    "service.kubernetes.io/load-balancer-cleanup": "the cloud's controller removes the load balancer",
    "customresourcecleanup.apiextensions.k8s.io": "all of its custom resources are deleted",
    "external-attacher": "the volume is detached",
    "batch.kubernetes.io/job-tracking": "the Job's controller has counted it",
}


def namespace_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """What holds a Namespace that is being deleted, by the conditions of its controller."""
    if not at(obj, ("metadata", "deletionTimestamp")):
        return
    found = {kind: one for kind, one in conditions(obj).items() if is_true(one)}
    remaining = [
        words(found[kind])
        for kind in ("NamespaceFinalizersRemaining", "NamespaceContentRemaining")
        if kind in found
    ]
    evidence = tuple(Evidence(f"{kind}: {words(one)}", get(key)) for kind, one in found.items())
    if broken := found.get("NamespaceDeletionDiscoveryFailure"):
        yield Cause(
            "namespace-discovery",
            key,
            f"can't be deleted, because the cluster can't list what is in it: {words(broken)}",
            Depth.ROOT,
            (*evidence, Evidence("an extension API doesn't answer", "kubectl get apiservices | grep False")),
            ("mend the extension API that is named; delete its APIService only if nobody needs it any more",),
        )
        return
    holders = _finalizers_named(remaining)
    if holders:
        yield Cause(
            "namespace-finalizer",
            key,
            f"can't be deleted, because objects in it wait for their finalizers: {'; '.join(remaining)}",
            Depth.ROOT,
            (*evidence, _contents(key)),
            (
                f"see whether the controller of {listed(holders)} runs: it must remove the finalizer",
                "remove a finalizer by hand only if its controller is gone for good",
            ),
        )
        return
    failed = found.get("NamespaceDeletionContentFailure")
    held = [text(one) for one in at(obj, ("spec", "finalizers")) or () if one != "kubernetes"]
    held += [text(one) for one in at(obj, ("metadata", "finalizers")) or ()]
    if held and not remaining:
        yield _stuck(key, held, obj, world)
    elif failed or remaining:
        said = words(failed) if failed else "; ".join(remaining)
        yield Cause(
            "namespace-content",
            key,
            f"is being deleted, and is not empty yet: {said}",
            Depth.ROOT if failed else Depth.STATE,
            (*evidence, _contents(key)),
            ("see why the objects that are named can't be deleted",),
        )


def _contents(key: ObjectKey) -> Evidence:
    return Evidence(
        "what is left in it",
        "kubectl api-resources --verbs=list --namespaced -o name | "
        f"xargs -n1 kubectl get --ignore-not-found --show-kind -n {key.name}",
    )


def _finalizers_named(remaining: list[str]) -> list[str]:
    """The finalizers in "finalizers remaining: a.example/b in 1 resource instances, …", each once."""
    found = []
    for said in remaining:
        if "finalizers remaining: " in said:
            found += re.findall(
                r"(\S+) in \d+ resource instances", said.partition("finalizers remaining: ")[2]
            )
    return list(dict.fromkeys(found))


def deletion_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Which finalizers hold an object that somebody deleted."""
    finalizers = [text(one) for one in at(obj, ("metadata", "finalizers")) or ()]
    if finalizers and at(obj, ("metadata", "deletionTimestamp")) and key.group_kind != NAMESPACE:
        yield _stuck(key, finalizers, obj, world)


def _stuck(key: ObjectKey, finalizers: list[str], obj: Object, world: World) -> Cause:
    known = [f"{one} (until {_WAITS_FOR[one]})" for one in finalizers if one in _WAITS_FOR]
    foreign = [one for one in finalizers if one not in _WAITS_FOR]
    users = _users(key, world) if "kubernetes.io/pvc-protection" in finalizers else []
    by = f", which {'is' if len(users) == 1 else 'are'} Pod {listed(users)}" if users else ""
    since = text(at(obj, ("metadata", "deletionTimestamp")))
    plural = "finalizers" if len(finalizers) > 1 else "finalizer"
    advice = (
        ["see whether the controller that serves it runs: it must remove the finalizer"] if foreign else []
    )
    if users:
        advice.append(
            f"delete these Pods, or what makes them: kubectl get pods{namespace_flag(key.namespace)}"
        )
    if foreign:
        advice.append("remove a finalizer by hand only if its controller is gone for good")
    return Cause(
        "stuck-on-finalizer",
        key,
        f"is being deleted, and held by the {plural} {', '.join([*foreign, *known])}{by}",
        Depth.ROOT,
        (Evidence(f"it was deleted at {since}; metadata.finalizers: {', '.join(finalizers)}", get(key)),),
        tuple(advice),
    )


def _users(claim: ObjectKey, world: World) -> list[str]:
    return [
        key.name
        for key, pod in of_kind(world, POD, claim.namespace)
        if any(
            at(volume, ("persistentVolumeClaim", "claimName")) == claim.name
            for volume in items(pod, "spec", "volumes")
        )
    ]


# condition → (the status that is wrong, id, what to do)
_OF_DEFINITION = {
    "NamesAccepted": (
        False,
        "definition-names",
        "delete the definition that has the name already, or choose other names",
    ),
    "NonStructuralSchema": (True, "definition-schema", "correct the schema at the place that is named"),
    "KubernetesAPIApprovalPolicyConformant": (
        False,
        "definition-approval",
        "groups of *.k8s.io need the annotation api-approved.kubernetes.io",
    ),
    "Terminating": (
        True,
        "definition-terminating",
        "see which of its custom resources can't be deleted, and why",
    ),
    "Established": (False, "definition-not-established", "look at its other conditions"),
}


def definition_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why a CustomResourceDefinition isn't served."""
    found = conditions(obj)
    for kind, (wrong, identity, advice) in _OF_DEFINITION.items():
        condition = found.get(kind)
        if condition is None or not (is_true(condition) if wrong else is_false(condition)):
            continue
        conflict = identity == "definition-names"
        yield Cause(
            identity,
            key,
            f"is not served: its names are taken: {words(condition)}"
            if conflict
            else f"is not served: {words(condition)}",
            Depth.STATE if identity == "definition-not-established" else Depth.ROOT,
            (
                Evidence(f"{kind} is {text(condition.get('status'))}: {words(condition)}", describe(key)),
                *_rivals(key, obj, world),
            ),
            (advice,),
        )
        return
    if not found:
        yield Cause(
            "definition-not-established",
            key,
            "is not served yet: the API server has not looked at it",
            Depth.STATE,
            (Evidence("it has no conditions", describe(key)),),
        )


def _rivals(key: ObjectKey, obj: Object, world: World) -> Iterator[Evidence]:
    """Definitions of the same group with one of the same names."""
    mine = _names(obj)
    for other, one in of_kind(world, DEFINITION):
        if (
            other != key
            and at(one, ("spec", "group")) == at(obj, ("spec", "group"))
            and (shared := sorted(mine & _names(one)))
        ):
            yield Evidence(f"{other.name} has {', '.join(shared)} already", describe(other))


def _names(obj: Object) -> set[str]:
    names = at(obj, ("spec", "names"))
    if not isinstance(names, dict):
        return set()
    found = {text(names.get(one)) for one in ("kind", "listKind", "plural", "singular")}
    return {one for one in (*found, *map(text, names.get("shortNames") or ())) if one}


def api_service_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why an extension API doesn't answer."""
    condition = conditions(obj).get("Available")
    if not condition or is_true(condition):
        return
    namespace, name = (text(at(obj, ("spec", "service", one))) for one in ("namespace", "name"))
    service = ObjectKey(*SERVICE, namespace, name)
    root = is_absent(world, service) or text(condition.get("reason")) == "ServiceNotFound"
    yield Cause(
        "api-service-unavailable",
        key,
        f"this extension API doesn't answer: {words(condition)}",
        Depth.ROOT if root else Depth.STATE,
        (
            Evidence(f"Available is False: {text(condition.get('reason'))}", describe(key)),
            Evidence(f"its Service is {namespace}/{name}", f"gitops why service/{name} -n {namespace}"),
        ),
        ("mend the Service and its Pods; delete the APIService only if nobody needs this API any more",),
    )
    if service in world.objects:
        yield from service_causes(service, world.objects[service], world)
