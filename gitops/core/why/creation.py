"""Why a controller can't make Pods, besides what refuses any object: limits, Pod security, accounts."""

import re
from collections.abc import Iterator
from dataclasses import replace

from gitops.core.health.reading import conditions, is_true
from gitops.core.model import ObjectKey
from gitops.core.reading import text
from gitops.core.why.lookups import describe, messages, namespace_flag
from gitops.core.why.model import Cause, Depth, Evidence, Object, World
from gitops.core.why.refusals import refusal

_LIMIT = re.compile(
    r"(?P<which>minimum|maximum) (?P<what>\S+) usage per (?P<per>Container|Pod|PersistentVolumeClaim) is "
    r"(?P<bound>\S+?),? but (?P<said>(?:limit|request) is (?P<is>[^\s.,]+)|no \w+ is specified)"
)
_RATIO = re.compile(r"(?P<what>\S+) max limit to request ratio per (?P<per>\w+) is (?P<bound>\S+?),? but .*")
_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^"]+)": (?P<why>.*)', re.DOTALL)
_ACCOUNT = re.compile(
    r'(?:error looking up service account \S+: )?serviceaccount "(?P<name>[^"]+)" not found'
)


def creation_causes(key: ObjectKey, obj: Object, world: World) -> Iterator[Cause]:
    """Why what an object should make is refused, by its conditions and Events, the newest first."""
    said = [
        text(one.get("message"))
        for kind, one in conditions(obj).items()
        if kind in ("ReplicaFailure", "FailureTarget") and is_true(one)
    ]
    for message in (*said, *messages(world, key)):
        if found := _refused(key, message, world):
            yield found
            return


def _refused(key: ObjectKey, said: str, world: World) -> Cause | None:
    seen = Evidence(f"it is told: {said}", describe(key))
    if found := refusal(said, key.namespace, world):
        return replace(found, sentence=f"what it makes {found.sentence}").about(key, (seen,))
    here = namespace_flag(key.namespace)
    if match := _LIMIT.search(said) or _RATIO.search(said):
        bound = f"{match['what']} per {match['per']}: {match['bound']}"
        given = match.groupdict().get("said") or "its ratio is higher"
        return Cause(
            "limit-range",
            key,
            f"can't make Pods: a LimitRange bounds {bound}, but {given}",
            Depth.ROOT,
            (seen, Evidence("the LimitRanges here", f"kubectl describe limitranges{here}")),
            ("set requests and limits that the LimitRange allows, or have it changed",),
        )
    if match := _SECURITY.search(said):
        return Cause(
            "pod-security",
            key,
            f"can't make Pods: the namespace allows only Pods of the level {match['level']}, and "
            f"{match['why'].strip()}",
            Depth.ROOT,
            (seen, Evidence("the level", f"kubectl get namespace/{key.namespace} --show-labels")),
            ("set securityContext as it says, or the namespace's pod-security label",),
        )
    if match := _ACCOUNT.search(said):
        return Cause(
            "missing-service-account",
            key,
            f"can't make Pods: the ServiceAccount {match['name']} is not there",
            Depth.ROOT,
            (seen, Evidence("the accounts here", f"kubectl get serviceaccounts{here}")),
            (f"put the ServiceAccount {match['name']} into Git, or correct serviceAccountName",),
        )
    return None
