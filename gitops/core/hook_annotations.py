"""Hooks as annotations say them: ours, Argo CD's and Helm's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gitops.api.group import HOOK_ANNOTATION, HOOK_DELETE_ANNOTATION


class HookPhase(StrEnum):
    """When a hook runs."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"


class HookDelete(StrEnum):
    """When a hook's object is deleted."""

    BEFORE_HOOK_CREATION = "BeforeHookCreation"
    HOOK_SUCCEEDED = "HookSucceeded"
    HOOK_FAILED = "HookFailed"


class Occasion(StrEnum):
    """Helm tells the first sync of a release from the later ones."""

    INSTALL = "install"
    UPGRADE = "upgrade"


@dataclass(frozen=True, slots=True)
class Hook:
    """When an object runs as a hook, and when it goes. A phase that `occasions` names runs only then."""

    phases: tuple[HookPhase, ...]
    delete: frozenset[HookDelete] = frozenset({HookDelete.BEFORE_HOOK_CREATION})
    occasions: tuple[tuple[HookPhase, Occasion], ...] = ()
    weight: int | None = None  # Helm's, in place of a wave

    def runs(self, phase: HookPhase, occasion: Occasion) -> bool:
        """Whether it runs in this phase of a first or later sync."""
        if phase not in self.phases:
            return False
        limited = {one for at, one in self.occasions if at is phase}
        return not limited or occasion in limited


class DirectiveError(ValueError):
    """An annotation of ours with a value that makes no sense."""


@dataclass(frozen=True, slots=True)
class HookReading:
    """A hook, or None for an ordinary object. `skip`: the object is never applied."""

    hook: Hook | None = None
    skip: bool = False
    warnings: tuple[str, ...] = ()


GENERATED = 8  # characters of the content's digest that stand after generateName
ARGO_HOOK = "argocd.argoproj.io/hook"
ARGO_DELETE = "argocd.argoproj.io/hook-delete-policy"
_HELM_HOOK = "helm.sh/hook"
_HELM_WEIGHT = "helm.sh/hook-weight"
_HELM_DELETE = "helm.sh/hook-delete-policy"

_HELM_PHASES: dict[str, tuple[HookPhase, Occasion | None]] = {
    "pre-install": (HookPhase.PRE_SYNC, Occasion.INSTALL),
    "pre-upgrade": (HookPhase.PRE_SYNC, Occasion.UPGRADE),
    "post-install": (HookPhase.POST_SYNC, Occasion.INSTALL),
    "post-upgrade": (HookPhase.POST_SYNC, Occasion.UPGRADE),
    "pre-delete": (HookPhase.PRE_DELETE, None),
    "post-delete": (HookPhase.POST_DELETE, None),
}
# `helm test` is run by people, a rollback is a sync like any other.
_HELM_NEVER = frozenset({"test", "test-success", "test-failure", "pre-rollback", "post-rollback"})
_HELM_ORDINARY = frozenset({"crd-install"})  # Helm 2's way to say "an ordinary CRD"
_HELM_DELETES = {
    "before-hook-creation": HookDelete.BEFORE_HOOK_CREATION,
    "hook-succeeded": HookDelete.HOOK_SUCCEEDED,
    "hook-failed": HookDelete.HOOK_FAILED,
}
_ORDINARY = HookReading()


def read_hook(annotations: Mapping[str, str]) -> HookReading:
    """The hook that annotations describe: ours, else Argo CD's, else Helm's.

    Raises DirectiveError for a bad value of ours.
    """
    if HOOK_ANNOTATION in annotations:
        return _ours(annotations)
    if ARGO_HOOK in annotations:
        return _argo(annotations)
    if _HELM_HOOK in annotations:
        return _helm(annotations)
    return _ORDINARY


def words(value: str) -> list[str]:
    """The parts of a comma-separated value."""
    return [word for word in (part.strip() for part in value.split(",")) if word]


def _hook(
    phases: list[HookPhase],
    deletes: list[HookDelete],
    occasions: tuple[tuple[HookPhase, Occasion], ...] = (),
    weight: int | None = None,
) -> Hook:
    default = frozenset({HookDelete.BEFORE_HOOK_CREATION})
    return Hook(tuple(dict.fromkeys(phases)), frozenset(deletes) or default, occasions, weight)


def _ours(annotations: Mapping[str, str]) -> HookReading:
    phases = [known(HookPhase, HOOK_ANNOTATION, name) for name in words(annotations[HOOK_ANNOTATION])]
    if not phases:
        raise DirectiveError(f"the annotation {HOOK_ANNOTATION} is empty; expected: {', '.join(HookPhase)}")
    asked = words(annotations.get(HOOK_DELETE_ANNOTATION, ""))
    deletes = [known(HookDelete, HOOK_DELETE_ANNOTATION, name) for name in asked]
    return HookReading(_hook([HookPhase(one) for one in phases], [HookDelete(one) for one in deletes]))


def known(enum: type[StrEnum], name: str, value: str) -> str:
    """A value that is one of these words; raises DirectiveError for any other, with the words."""
    if value not in enum.__members__.values():
        raise DirectiveError(f"the annotation {name} is {value!r}; expected: {', '.join(enum)}")
    return value


def _argo(annotations: Mapping[str, str]) -> HookReading:
    names = words(annotations[ARGO_HOOK])
    if "Skip" in names:
        return HookReading(skip=True)
    asked = words(annotations.get(ARGO_DELETE, ""))
    phases = [HookPhase(name) for name in names if name in HookPhase.__members__.values()]
    deletes = [HookDelete(name) for name in asked if name in HookDelete.__members__.values()]
    warnings = [f"the hook {name} of Argo CD is not known" for name in names if name not in phases]
    warnings += [f"the hook-delete-policy {name} is not known" for name in asked if name not in deletes]
    if not phases:
        return HookReading(skip=bool(names), warnings=tuple(warnings))
    return HookReading(_hook(phases, deletes), warnings=tuple(warnings))


def _helm(annotations: Mapping[str, str]) -> HookReading:
    events = words(annotations[_HELM_HOOK])
    if all(event in _HELM_ORDINARY for event in events):
        return _ORDINARY
    phased = [_HELM_PHASES[event] for event in events if event in _HELM_PHASES]
    asked = words(annotations.get(_HELM_DELETE, ""))
    warnings = [
        f"the hook {event} of Helm is not known"
        for event in events
        if event not in _HELM_PHASES and event not in _HELM_NEVER
    ]
    warnings += [f"the hook-delete-policy {name} is not known" for name in asked if name not in _HELM_DELETES]
    if not phased:
        return HookReading(skip=True, warnings=tuple(warnings))
    weight = annotations.get(_HELM_WEIGHT, "0").strip()
    if not re.fullmatch(r"[+-]?\d{1,6}", weight):
        warnings.append(f"the annotation {_HELM_WEIGHT} is {weight!r}, no whole number; it counts as 0")
        weight = "0"
    phases = [phase for phase, _ in phased]
    occasions = tuple((phase, one) for phase, one in phased if one and phases.count(phase) == 1)
    deletes = [_HELM_DELETES[name] for name in asked if name in _HELM_DELETES]
    return HookReading(_hook(phases, deletes, occasions, int(weight)), warnings=tuple(warnings))
