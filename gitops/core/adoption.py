"""May we take over an object that exists and is not ours? Decided before anything is written to it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from gitops.api.group import APPLYSET_PART_OF_LABEL
from gitops.core.identity import Owner, application_of, applyset_id
from gitops.core.inventory import Live
from gitops.core.managers import RIVALS, is_by_hand
from gitops.core.problem import Blame, Problem, Reason


class AdoptPolicy(StrEnum):
    """`spec.sync.adopt`: what to do with objects that exist and are not ours."""

    UNOWNED = "Unowned"
    NEVER = "Never"
    ALWAYS = "Always"


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """A Helm release that an object says it belongs to."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Parents:
    """Which other owners are alive. What can't be read counts as alive.

    `applications` maps the ApplySet ids of all Applications to their `namespace/name`;
    `dead_releases` are the Helm releases that were looked for and are gone.
    """

    applications: Mapping[str, str]
    dead_releases: frozenset[HelmRelease] = frozenset()


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take it over, with the fields of these managers."""

    managers: tuple[str, ...]


Verdict: TypeAlias = Adopt | Problem


def taken_managers(live: Live, owner: Owner, policy: AdoptPolicy, parents: Parents) -> tuple[str, ...]:
    """The managers whose fields become ours: kubectl's, Helm's, those of Applications that are gone."""
    names: list[str] = []
    for entry in live.metadata.get("managedFields") or ():
        name = str(entry.get("manager", ""))
        if entry.get("subresource") or name == owner.manager or name in names:
            continue
        if is_taken(name, policy, parents):
            names.append(name)
    return tuple(names)


def is_taken(manager: str, policy: AdoptPolicy, parents: Parents) -> bool:
    """Whether the fields of this manager become ours where it has let go of them, or the policy says so."""
    application = application_of(manager)
    dead = application is not None and applyset_id(*application) not in parents.applications
    return is_by_hand(manager) or dead or (policy is AdoptPolicy.ALWAYS and manager in RIVALS)


_ARGO_CD = ("argocd-controller", "argocd-application-controller")


def release_of(live: Live) -> HelmRelease | None:
    """The Helm release that an object belongs to by its annotations."""
    annotations = live.metadata.get("annotations") or {}
    name = annotations.get("meta.helm.sh/release-name")
    if not name:
        return None
    namespace = annotations.get("meta.helm.sh/release-namespace") or live.observed.key.namespace
    return HelmRelease(namespace, name)


def judge(live: Live, owner: Owner, policy: AdoptPolicy, parents: Parents) -> Verdict:
    """Adopt it, or say who owns it; the first objection counts.

    A living Application keeps what it owns under every policy: two of ours would fight.
    """
    other = _living_application(live, owner, parents)
    if other:
        return _owned(live, f"the Application {other} owns it", "remove it from one of the two repositories")
    if policy is AdoptPolicy.NEVER:
        return Problem(
            Reason.NOT_ADOPTED,
            "exists already and is not ours",
            Blame.SPEC,
            advice="set sync.adopt to Unowned to take it over, or delete it",
            key=live.observed.key,
        )
    if policy is AdoptPolicy.UNOWNED:
        for objection in _OBJECTIONS:
            who = objection(live, owner, parents)
            if who:
                advice = "remove it there, or set sync.adopt to Always to take it over"
                return _owned(live, f"{who} owns it", advice)
    return Adopt(taken_managers(live, owner, policy, parents))


def _owned(live: Live, message: str, advice: str) -> Problem:
    return Problem(Reason.OWNED_BY_ANOTHER, message, Blame.SPEC, advice=advice, key=live.observed.key)


def _living_application(live: Live, owner: Owner, parents: Parents) -> str | None:
    """Another Application that is alive and holds the label or an Apply entry on the object itself.

    A copy (a backup restored elsewhere) carries the marks too, but not an identity of its own.
    """
    ids = [live.observed.part_of]
    for entry in live.metadata.get("managedFields") or ():
        application = application_of(str(entry.get("manager", "")))
        if application:
            ids.append(applyset_id(*application))
    for one in ids:
        name = parents.applications.get(one)
        if name is None or one == owner.applyset_id:
            continue
        namespace, _, application_name = name.partition("/")
        if live.observed.identity == Owner(namespace, application_name, "").identity_of(live.observed.key):
            return name
    return None


def _applyset(live: Live, owner: Owner, parents: Parents) -> str | None:
    part_of = live.observed.part_of
    if not part_of or part_of == owner.applyset_id or part_of in parents.applications:
        return None  # ours, or a copy of a living Application's object
    for entry in live.metadata.get("managedFields") or ():
        application = application_of(str(entry.get("manager", "")))
        if application and applyset_id(*application) == part_of:
            return None  # an Application of ours that is gone
    return f"another ApplySet ({APPLYSET_PART_OF_LABEL}={part_of})"


def _argo_cd(live: Live, _: Owner, __: Parents) -> str | None:
    labels, annotations = _marks(live.metadata)
    tracking = annotations.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
    name = tracking or labels.get("argocd.argoproj.io/instance", "")
    if not name and not any(_written_by(live, manager) for manager in _ARGO_CD):
        return None
    return f"Argo CD's Application {name}" if name else "Argo CD"


def _flux(live: Live, _: Owner, __: Parents) -> str | None:
    labels, _annotations = _marks(live.metadata)
    for kind, prefix in (("Kustomization", "kustomize"), ("HelmRelease", "helm")):
        name = labels.get(f"{prefix}.toolkit.fluxcd.io/name")
        if name:
            namespace = labels.get(f"{prefix}.toolkit.fluxcd.io/namespace", "")
            return f"Flux's {kind} {namespace}/{name}"
        if _written_by(live, f"{prefix}-controller"):
            return f"Flux's {prefix}-controller"
    return None


def _helm(live: Live, _: Owner, parents: Parents) -> str | None:
    release = release_of(live)
    if release is None or release in parents.dead_releases:
        return None
    return f"the Helm release {release.namespace}/{release.name}"


def _owner_reference(live: Live, owner: Owner, _: Parents) -> str | None:
    for reference in live.metadata.get("ownerReferences") or ():
        if reference.get("uid") != owner.uid:
            return f"{reference.get('kind')} {reference.get('name')} (ownerReference)"
    return None


def tool_of(live: Live) -> str | None:
    """The tool that deploys an object by its own marks, whether or not it is alive; None for no tool."""
    if live.observed.part_of:
        return f"an ApplySet ({APPLYSET_PART_OF_LABEL}={live.observed.part_of})"
    nobody, none = Owner("", "", ""), Parents({})
    found = (objection(live, nobody, none) for objection in (_argo_cd, _flux, _helm, _owner_reference))
    return next((who for who in found if who), None)


Objection: TypeAlias = Callable[[Live, Owner, Parents], str | None]
_OBJECTIONS: tuple[Objection, ...] = (_applyset, _argo_cd, _flux, _helm, _owner_reference)


def _marks(metadata: Mapping[str, Any]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return metadata.get("labels") or {}, metadata.get("annotations") or {}


def _written_by(live: Live, manager: str) -> bool:
    entries: Iterable[Mapping[str, Any]] = live.metadata.get("managedFields") or ()
    return any(entry.get("manager") == manager and not entry.get("subresource") for entry in entries)
