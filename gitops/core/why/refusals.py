"""What a refusal of the API server says: a webhook, a quota, a missing right, a field that can't change.

The same texts stand in Events (a ReplicaSet that may not create its Pods) and in problems of an
Application. They are those of kube-apiserver 1.37.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import items, part, text
from gitops.core.why.lookups import describe, namespace_flag, of_kind
from gitops.core.why.model import Cause, Depth, Evidence, Object, World

_REGISTRATION = "admissionregistration.k8s.io"
WEBHOOKS = tuple(GroupKind(_REGISTRATION, f"{one}WebhookConfiguration") for one in ("Validating", "Mutating"))

_UNREACHABLE = re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<why>.*)', re.DOTALL)
_DENIED = re.compile(r'admission webhook "(?P<name>[^"]+)" denied the request:? ?(?P<why>.*)', re.DOTALL)
_POLICY = re.compile(r"ValidatingAdmissionPolicy '(?P<name>[^']+)'.* denied request: (?P<why>.*)", re.DOTALL)
_URL = re.compile(r'https://(?P<service>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc[.:/"]')
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,\s]+), requested: (?P<requested>.+?), used: (?P<used>.+?), "
    r"limited: (?P<limited>.+)"
)
_NO_REQUEST = re.compile(r"failed quota: (?P<name>[^:\s]+): must specify (?P<what>.+)")
_RIGHT = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group '
    r'"(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]+)"| at the cluster scope)?'
)
_ACCOUNT = re.compile(r"system:serviceaccount:(?P<namespace>[^:]+):(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was understood of a message: everything of a cause but whom it is about."""

    id: str
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[str, ...] = ()

    def about(self, key: ObjectKey, seen: tuple[Evidence, ...] = ()) -> Cause:
        return Cause(self.id, key, self.sentence, Depth.ROOT, (*seen, *self.evidence), self.advice)


def refusal(message: str, namespace: str = "", world: World | None = None) -> Refusal | None:
    """What a message of the API server says about a refused request; None: nothing that is known here.

    `namespace` is that of the refused object.
    """
    for understand in (_unreachable, _denied, _quota, _right):
        if found := understand(message, namespace, world):
            return found
    return None


def _unreachable(message: str, _namespace: str, world: World | None) -> Refusal | None:
    match = _UNREACHABLE.search(message)
    if not match:
        return None
    name, why = match["name"], text(match["why"])
    backend = _URL.search(why)
    service = f"{backend['namespace']}/{backend['service']}" if backend else ""
    behind = f", which is the Service {service}," if service else ""
    advice = ["mend the webhook's backend; what it admits is refused as long as its failurePolicy is Fail"]
    evidence = [Evidence(f"it says: {_after_url(why)}", _configuration(name, world))]
    if backend:
        evidence.append(
            Evidence(
                f"its Service is {service}",
                f"gitops why service/{backend['service']} -n {backend['namespace']}",
            )
        )
    return Refusal(
        "webhook-unreachable",
        f"is refused because the admission webhook {name}{behind} can't be reached: {_after_url(why)}",
        tuple(evidence),
        tuple(advice),
    )


def _after_url(why: str) -> str:
    """`failed to call webhook: Post "https://…": dial tcp …` without the URL."""
    return re.sub(r'^(?:failed to call webhook: )?(?:Post|Get) "[^"]*": ', "", why) or "no reason is given"


def _configuration(webhook: str, world: World | None) -> str:
    """The command that shows where a webhook is registered."""
    for kind in WEBHOOKS if world else ():
        for key, obj in of_kind(world, kind) if world else ():
            if any(one.get("name") == webhook for one in items(obj, "webhooks")):
                return describe(key)
    return (
        "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml | grep -n "
        + webhook
    )


def _denied(message: str, _namespace: str, world: World | None) -> Refusal | None:
    if match := _DENIED.search(message):
        said = text(match["why"]) or "it gives no reason"
        return Refusal(
            "webhook-denied",
            f"is refused by the admission webhook {match['name']}: {said}",
            (
                Evidence(
                    f"the webhook {match['name']} denied the request", _configuration(match["name"], world)
                ),
            ),
            ("change the manifest as the webhook asks, or ask whoever runs it",),
        )
    if match := _POLICY.search(message):
        return Refusal(
            "policy-denied",
            f"is refused by the ValidatingAdmissionPolicy {match['name']}: {text(match['why'])}",
            (
                Evidence(
                    "the policy denied the request",
                    f"kubectl describe validatingadmissionpolicy/{match['name']}",
                ),
            ),
            ("change the manifest as the policy asks, or ask whoever runs it",),
        )
    return None


def _quota(message: str, namespace: str, _world: World | None) -> Refusal | None:
    if match := _QUOTA.search(message):
        limited = match["limited"].rstrip(". ").split(" (")[0]
        return Refusal(
            "quota-exceeded",
            f"is refused because the ResourceQuota {match['name']} is used up: {match['used']} of {limited} "
            f"is used, and it needs {match['requested']}",
            (_of_quota(match["name"], namespace),),
            ("ask for less, remove something, or have the quota raised",),
        )
    if match := _NO_REQUEST.search(message):
        return Refusal(
            "quota-needs-requests",
            f"is refused because the ResourceQuota {match['name']} asks every container for {match['what']}",
            (_of_quota(match["name"], namespace),),
            ("set these requests and limits in the manifest, or defaults by a LimitRange",),
        )
    return None


def _of_quota(name: str, namespace: str) -> Evidence:
    return Evidence(
        f"the ResourceQuota {name}", f"kubectl describe resourcequota/{name}{namespace_flag(namespace)}"
    )


def _right(message: str, _namespace: str, _world: World | None) -> Refusal | None:
    match = _RIGHT.search(message)
    if not match:
        return None
    resource = f"{match['resource']}.{match['group']}" if match["group"] else match["resource"]
    where = match["namespace"] or ""
    account = _ACCOUNT.fullmatch(match["user"])
    who = f"the ServiceAccount {account['namespace']}/{account['name']}" if account else match["user"]
    place = f"in the namespace {where}" if where else "in the whole cluster"
    return Refusal(
        "forbidden",
        f"is refused because {who} may not {match['verb']} {resource} {place}",
        (
            Evidence(
                f"{match['user']} cannot {match['verb']} {resource}",
                f"kubectl auth can-i {match['verb']} {resource} --as={match['user']}{namespace_flag(where)}",
            ),
        ),
        (
            f"give it the verb {match['verb']} on {resource} by a "
            + (
                f"Role and RoleBinding in the namespace {where}"
                if where
                else "ClusterRole and ClusterRoleBinding"
            ),
        ),
    )


def quota_causes(key: ObjectKey, obj: Object, _world: World) -> Iterator[Cause]:
    """What of a ResourceQuota is used up."""
    hard, used = part(obj, "status", "hard"), part(obj, "status", "used")
    full = [
        f"{name}: {used[name]} of {most}" for name, most in hard.items() if used.get(name) == str(most) != "0"
    ]
    if full:
        yield Cause(
            "quota-full",
            key,
            f"is used up ({', '.join(full)})",
            Depth.STATE,
            (Evidence(f"used: {', '.join(full)}", describe(key)),),
            ("remove something, or raise spec.hard",),
        )
