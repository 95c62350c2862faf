"""What an object's annotations ask of a sync: ours, and those of Argo CD, Helm, Flux and kustomize.

Repositories need not change (engine.md section 6): an alias means what it means there. A bad value of
ours is an error with its place; what can't be honoured of others' is a warning that names it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from gitops.api.group import (
    APPLIED_ANNOTATION,
    APPLY_ANNOTATION,
    FORCE_ANNOTATION,
    GROUP,
    IGNORE_HEALTH_ANNOTATION,
    PRUNE_ANNOTATION,
    ROLLOUT_ANNOTATION,
    WAVE_ANNOTATION,
)
from gitops.core.hook_annotations import DirectiveError, Hook, known, read_hook
from gitops.core.model import ObjectKey


class PruneMode(StrEnum):
    """`spec.sync.prune`, and the values of the annotation."""

    ENABLED = "Enabled"
    CONFIRM = "Confirm"
    DISABLED = "Disabled"


class ApplyMode(StrEnum):
    """Whether an object is kept as Git says, only made once, or left alone altogether."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True)
class Directives:
    """What one object asks for; the defaults are those of an object without annotations."""

    wave: int = 0
    prune: PruneMode | None = None
    keep_on_deletion: bool = False  # released when the Application is deleted
    apply: ApplyMode = ApplyMode.ALWAYS
    force: bool = False  # may be deleted and created anew when a field is immutable
    ignore_health: bool = False
    rollout: bool | None = None  # its Pods are restarted when their configuration changes
    depends_on: tuple[ObjectKey, ...] = ()
    hook: Hook | None = None
    skip: bool = False  # never applied


PLAIN = Directives()


@dataclass(frozen=True, slots=True)
class Reading:
    """The directives of one object, and what could not be honoured."""

    directives: Directives = PLAIN
    warnings: tuple[str, ...] = ()


_NOTHING = Reading()
_UNIQUE = frozenset({APPLIED_ANNOTATION, "argocd.argoproj.io/tracking-id"})  # each object has another one
_ARGO = "argocd.argoproj.io/"
_FLUX = "kustomize.toolkit.fluxcd.io/"
_HELM_KEEP = "helm.sh/resource-policy"
_DEPENDS_ON = "config.kubernetes.io/depends-on"
_DELETION = "client.lifecycle.config.k8s.io/deletion"
_PREFIXES = (
    f"{GROUP}/",
    _ARGO,
    _FLUX,
    "helm.sh/",
    "config.kubernetes.io/",
    "client.lifecycle.config.k8s.io/",
)


def read(annotations: Mapping[str, str]) -> Reading:
    """The directives that annotations give; raises DirectiveError for a bad value of ours."""
    told = _told(annotations)
    return _read(told) if told else _NOTHING


def of_live(annotations: Mapping[str, str]) -> Directives:
    """The directives that a live object carries; one that makes no sense doesn't undo the others."""
    told = _told(annotations)
    return _read_live(told) if told else PLAIN


def _told(annotations: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value or "")
        for name, value in annotations.items()
        if name.startswith(_PREFIXES) and name not in _UNIQUE
    )


# Few different ones, for very many objects: each is read and kept once.
@lru_cache(maxsize=2048)
def _read(told: tuple[tuple[str, str], ...]) -> Reading:
    annotations = dict(told)
    warnings: list[str] = []
    found = PLAIN
    for readers in (_ALIASES, _OURS):  # ours are read last: they win
        for name, reader in readers.items():
            if name in annotations:
                found = reader(found, annotations[name], warnings)
    hooked = read_hook(annotations)
    wave = found.wave if hooked.hook is None or hooked.hook.weight is None else hooked.hook.weight
    found = replace(found, hook=hooked.hook, skip=hooked.skip, wave=wave)
    warnings += hooked.warnings
    warnings.extend(
        f"the annotation {name} is not honoured"
        for name in annotations
        if name.startswith((_ARGO, _FLUX)) and name not in _ALIASES and name not in _ELSEWHERE
    )
    return Reading(found if found != PLAIN else PLAIN, tuple(warnings))


@lru_cache(maxsize=2048)
def _read_live(told: tuple[tuple[str, str], ...]) -> Directives:
    try:
        return _read(told).directives
    except DirectiveError:
        sound = [one for one in told if _is_sound(one)]
        return _read_live(tuple(sound)) if len(sound) < len(told) else PLAIN


def _is_sound(told: tuple[str, str]) -> bool:
    try:
        _read((told,))
    except DirectiveError:
        return False
    return True


def _flag(name: str, value: str, words: tuple[str, str]) -> bool:
    if value not in words:
        raise DirectiveError(f"the annotation {name} is {value!r}; expected: {', '.join(words)}")
    return value == words[0]


def _number(name: str, value: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,6}", value.strip()):
        raise DirectiveError(f"the annotation {name} is {value!r}; expected: a whole number in quotes")
    return int(value)


_Reader = Callable[[Directives, str, list[str]], Directives]


def _our_wave(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, wave=_number(WAVE_ANNOTATION, value))


def _our_prune(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, prune=PruneMode(known(PruneMode, PRUNE_ANNOTATION, value)))


def _our_apply(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, apply=ApplyMode(known(ApplyMode, APPLY_ANNOTATION, value)))


def _our_force(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, force=_flag(FORCE_ANNOTATION, value, ("Enabled", "Disabled")))


def _our_ignore_health(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, ignore_health=_flag(IGNORE_HEALTH_ANNOTATION, value, ("true", "false")))


def _our_rollout(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, rollout=_flag(ROLLOUT_ANNOTATION, value, ("true", "false")))


_OURS: dict[str, _Reader] = {
    WAVE_ANNOTATION: _our_wave,
    PRUNE_ANNOTATION: _our_prune,
    APPLY_ANNOTATION: _our_apply,
    FORCE_ANNOTATION: _our_force,
    IGNORE_HEALTH_ANNOTATION: _our_ignore_health,
    ROLLOUT_ANNOTATION: _our_rollout,
}


def _alias_wave(name: str) -> _Reader:
    def reader(found: Directives, value: str, warnings: list[str]) -> Directives:
        try:
            return replace(found, wave=_number(name, value))
        except DirectiveError as error:
            warnings.append(f"{error}; it counts as 0")
            return found

    return reader


def _argo_options(found: Directives, value: str, warnings: list[str]) -> Directives:
    for option in filter(None, (word.strip() for word in value.split(","))):
        change = _ARGO_OPTIONS.get(option)
        if change is not None:
            found = replace(found, **change)  # type: ignore[arg-type]
        elif option not in _ARGO_OPTIONS_AS_WE_DO:
            warnings.append(f"the sync option {option} of Argo CD is not honoured")
    return found


_ARGO_OPTIONS: dict[str, dict[str, object]] = {
    "Prune=false": {"prune": PruneMode.DISABLED},
    "Prune=confirm": {"prune": PruneMode.CONFIRM},
    "Prune=true": {"prune": PruneMode.ENABLED},
    "Delete=false": {"keep_on_deletion": True},
    "Delete=confirm": {"keep_on_deletion": True},
    "Force=true": {"force": True},
}
# What the option asks for happens anyway.
_ARGO_OPTIONS_AS_WE_DO = frozenset(
    {
        "SkipDryRunOnMissingResource=true",
        "ServerSideApply=true",
        "ClientSideApplyMigration=true",
        "ApplyOutOfSyncOnly=true",
        "PruneLast=true",
        "FailOnSharedResource=true",
        "RespectIgnoreDifferences=true",
        "PrunePropagationPolicy=background",
        "Delete=true",
        "Force=false",
        "Replace=false",
    }
)


def _argo_compare(found: Directives, value: str, warnings: list[str]) -> Directives:
    known = {"IgnoreExtraneous", "ServerSideDiff=true", "IncludeMutationWebhook=true", ""}
    warnings.extend(
        f"the compare option {option} of Argo CD is not honoured"
        for option in (word.strip() for word in value.split(","))
        if option not in known
    )
    return found


def _argo_ignore_health(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, ignore_health=value == "true")


def _flux_prune(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, prune=PruneMode.DISABLED) if value.lower() == "disabled" else found


def _flux_ssa(found: Directives, value: str, warnings: list[str]) -> Directives:
    word = value.lower()
    if word == "ifnotpresent":
        return replace(found, apply=ApplyMode.IF_NOT_PRESENT)
    if word == "ignore":
        return replace(found, apply=ApplyMode.IGNORE)
    if word not in ("override", "merge"):
        warnings.append(f"the annotation {_FLUX}ssa is {value!r}, which is not known")
    return found


def _flux_reconcile(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, apply=ApplyMode.IGNORE) if value.lower() == "disabled" else found


def _flux_force(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, force=value.lower() == "enabled")


def _helm_keep(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, prune=PruneMode.DISABLED) if value == "keep" else found


def _detach(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, prune=PruneMode.DISABLED) if value == "detach" else found


def _depends_on(found: Directives, value: str, _: list[str]) -> Directives:
    return replace(found, depends_on=tuple(dict.fromkeys(_reference(word) for word in value.split(","))))


_REFERENCE = re.compile(
    r"(?P<group>[^/\s]*)/(?:namespaces/(?P<namespace>[^/\s]+)/)?(?P<kind>[^/\s]+)/(?P<name>[^/\s]+)"
)


def _reference(text: str) -> ObjectKey:
    """`group/namespaces/NAMESPACE/Kind/name`, or `group/Kind/name` for a cluster-scoped object."""
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        raise DirectiveError(
            f"the annotation {_DEPENDS_ON} has {text.strip()!r}; "
            "expected: GROUP/namespaces/NAMESPACE/KIND/NAME or GROUP/KIND/NAME"
        )
    return ObjectKey(found["group"], found["kind"], found["namespace"] or "", found["name"])


_ALIASES: dict[str, _Reader] = {
    f"{_ARGO}sync-wave": _alias_wave(f"{_ARGO}sync-wave"),
    f"{_ARGO}sync-options": _argo_options,
    f"{_ARGO}compare-options": _argo_compare,
    f"{_ARGO}ignore-healthcheck": _argo_ignore_health,
    f"{_FLUX}prune": _flux_prune,
    f"{_FLUX}ssa": _flux_ssa,
    f"{_FLUX}reconcile": _flux_reconcile,
    f"{_FLUX}force": _flux_force,
    _HELM_KEEP: _helm_keep,
    _DELETION: _detach,
    _DEPENDS_ON: _depends_on,
}
# Read by the hooks' part, by the substitution, or marks that only the other tool's own controller writes.
_ELSEWHERE = frozenset(
    {
        f"{_ARGO}hook",
        f"{_ARGO}hook-delete-policy",
        f"{_ARGO}tracking-id",
        f"{_ARGO}installation-id",
        f"{_FLUX}substitute",
        f"{_FLUX}checksum",
        f"{_FLUX}name",
        f"{_FLUX}namespace",
    }
)
