"""Rules about ConfigMaps, Secrets and Namespaces."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.api.group import ROLLOUT_ANNOTATION
from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import SERVING, WORKLOADS, ObjectSet, Pod, Subject
from gitops.core.lint.severity import Severity
from gitops.core.model import GroupKind
from gitops.core.reading import at, items, part
from gitops.core.references import Reference, references

_CONFIG_MAP, _SECRET = GroupKind("", "ConfigMap"), GroupKind("", "Secret")
_NAMESPACE = GroupKind("", "Namespace")
# Kustomize's alphabet: a name that changes with the content restarts its users by itself.
_HASHED = re.compile(r"-[bcdfghkmt2456789]{10}$")
_RESTARTED = re.compile(r"checksum|hash|config-?version|restartedAt", re.IGNORECASE)
_RELOADER = "reloader.stakater.com/"
# Where the name of a Secret stands that an operator makes.
_MADE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ExternalSecret": (("spec", "target", "name"), ("metadata", "name")),
    "Certificate": (("spec", "secretName"),),
    "SealedSecret": (("spec", "template", "metadata", "name"), ("metadata", "name")),
    "VaultStaticSecret": (("spec", "destination", "name"),),
    "VaultDynamicSecret": (("spec", "destination", "name"),),
    "OnePasswordItem": (("metadata", "name"),),
}
_PUBLIC = frozenset({"ca.crt", "tls.crt", "namespace"})
_MADE_ELSEWHERE = frozenset({"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"})
_WRITTEN = re.compile(r"(:\d+( items\[\d+\])*|(^|/)(kustomization\.ya?ml|Kustomization))$")


def _config_not_restarted(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    """Whole volumes are left out: their files change by themselves, and programs may look again."""
    pod = subject.pod
    if pod is None or _restarts(subject, pod):
        return
    copied = _copied_volumes(pod)
    seen: set[tuple[str, str]] = set()
    for one in references(pod.spec):
        if (one.volume and one.volume not in copied) or (one.kind, one.name) in seen:
            continue
        used = every.find(GroupKind("", one.kind), subject.place, one.name)
        if used is None or used.body.get("immutable") is True or _HASHED.search(one.name):
            continue
        seen.add((one.kind, one.name))
        message = f"its Pods keep the old values when {one.kind} {one.name} changes"
        yield Hit(f"{pod.path}.{one.path}", message)


def _restarts(subject: Subject, pod: Pod) -> bool:
    if subject.annotations.get(ROLLOUT_ANNOTATION) == "true":
        return True
    if any(_RELOADER in name for name in (*subject.annotations, *pod.annotations)):
        return True
    return any(_RESTARTED.search(name) for name in pod.annotations)


def _copied_volumes(pod: Pod) -> set[str]:
    """Volumes of which a single file is mounted: that is never brought up to date."""
    return {
        str(mount.get("name"))
        for container in pod.containers
        for mount in items(container.body, "volumeMounts")
        if mount.get("subPath") or mount.get("subPathExpr")
    }


def _missing_configuration(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    """Only where others of the kind are beside it: else they come from elsewhere."""
    pod = subject.pod
    for one in references(pod.spec) if pod else ():
        kind = GroupKind("", one.kind)
        if one.optional or not every.of_kind(kind, subject.place):
            continue
        found = every.find(kind, subject.place, one.name)
        path = f"{pod.path}.{one.path}"  # type: ignore[union-attr]
        if found is None:
            if not _comes_by_itself(one, subject.place, every):
                yield Hit(path, f"there is no {one.kind} {one.name} beside it")
            continue
        held = part(found.body, "data").keys() | part(found.body, "binaryData").keys()
        for key in one.keys:
            if key not in held:
                yield Hit(path, f"{one.kind} {one.name} has no key {key}")


def _comes_by_itself(one: Reference, place: str, every: ObjectSet) -> bool:
    if one.kind == "ConfigMap" and one.name == "kube-root-ca.crt":
        return True
    beside = (other for other in every.all if other.place == place)
    return any(one.name in _makes(other) or _may_make(other, one.name) for other in beside)


def _may_make(other: Subject, name: str) -> bool:
    """Operators name what they make after the custom resource that asks for it."""
    group = other.key.group
    return "." in group and not group.endswith(".k8s.io") and name.startswith(other.key.name)


def _makes(other: Subject) -> set[Any]:
    return {at(other.body, path) for path in _MADE.get(other.key.kind, ())}


def _secret_in_git(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    """What a chart makes is left out: it may be made up while rendering."""
    if subject.body.get("type") in _MADE_ELSEWHERE or "sops" in subject.body:
        return
    if not _WRITTEN.search(subject.origin):
        return
    keys = sorted(name for name, value in part(subject.body, "data").items() if value and name not in _PUBLIC)
    if keys:
        shown = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
        yield Hit("data", f"its values can be read in the repository: {shown}")


def _namespace_finalizers(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for path in (("metadata", "finalizers"), ("spec", "finalizers")):
        found = at(subject.body, path)
        own = [str(one) for one in found if one != "kubernetes"] if isinstance(found, list) else []
        if own:
            yield Hit(".".join(path), f"it can't be deleted before somebody removes {', '.join(own)}")


RULES = (
    Rule(
        "config-not-restarted",
        Severity.WARNING,
        "Pods read a ConfigMap or Secret as variables or single files, and nothing restarts them with it.",
        "The change reaches Pods only when they happen to start again, some today and some next month, long "
        "after anybody remembers it.",
        f'annotate the workload with {ROLLOUT_ANNOTATION}: "true"',
        SERVING,
        _config_not_restarted,
    ),
    Rule(
        "missing-configuration",
        Severity.WARNING,
        "Pods read a ConfigMap or Secret, or a key of it, that is not there, though others are.",
        "The containers can't be created (CreateContainerConfigError), or the Pod waits for its volume.",
        "correct the name or key, or set optional: true",
        WORKLOADS,
        _missing_configuration,
    ),
    Rule(
        "secret-in-git",
        Severity.WARNING,
        "The repository holds the values of a Secret. (What a chart makes is not meant.)",
        "Base64 hides nothing. Everybody who has ever cloned the repository has them, and so does its "
        "history after they are removed.",
        "use External Secrets or Sealed Secrets, and change the values: they are known",
        frozenset({_SECRET}),
        _secret_in_git,
    ),
    Rule(
        "namespace-finalizers",
        Severity.WARNING,
        "A Namespace has a finalizer.",
        "When it is deleted it stays Terminating until whoever serves the finalizer removes it. If that "
        "runs in the same Namespace, it is gone by then.",
        "remove the finalizer from the manifest",
        frozenset({_NAMESPACE}),
        _namespace_finalizers,
    ),
)
