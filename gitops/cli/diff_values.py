"""What a diff says, before it is written as text, Markdown or data; Secret values are hidden already."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops.cli.due_hooks import DueHook
from gitops.core.diff import Change
from gitops.core.impact import Impact
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift, Verb
from gitops.core.problem import Problem
from gitops.core.version_noise import Bump, bumps


@dataclass(frozen=True, slots=True)
class Field:
    """One field that changes. `drift`: somebody changed it in the cluster, the revision did not."""

    change: Change
    drift: bool = False
    by: str = ""  # the field manager that owns it now; empty: we, or nobody
    at: str = ""  # RFC 3339, when that manager last wrote


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a diff. `manifest` is the whole object, of one that comes or goes."""

    verb: Verb
    key: ObjectKey
    why: str
    fields: tuple[Field, ...] = ()
    manifest: Mapping[str, Any] | None = None
    impacts: tuple[Impact, ...] = ()
    renamed: ObjectKey | None = None  # of a create: what it was called; of a delete: what it will be
    restart: tuple[ObjectKey, ...] | None = None  # the configuration for which its Pods restart
    drift: Drift | None = None
    silent: bool = False  # nothing that people have to see

    @property
    def acts(self) -> bool:
        return self.verb not in (Verb.KEEP, Verb.REFUSE)

    @property
    def changes(self) -> list[Change]:
        return [field.change for field in self.fields]


@dataclass(frozen=True, slots=True)
class Report:
    """A diff. `since` is set where two revisions are compared, `live` where the server was asked."""

    application: str
    revision: str
    entries: tuple[Entry, ...]
    summary: str
    since: str | None = None
    live: bool = True
    new: bool = False
    digest: str = ""
    to_approve: bool = False
    hooks: tuple[DueHook, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def grouped(entries: tuple[Entry, ...]) -> dict[tuple[Bump, ...], list[Entry]]:
    """The updates that are nothing but version labels, by what they change; two objects or more each."""
    found: dict[tuple[Bump, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        alone = entry.verb is Verb.UPDATE and not entry.impacts and entry.restart is None
        if alone and (only := bumps(entry.changes)):
            found[only].append(entry)
    return {only: members for only, members in found.items() if len(members) > 1}


SUMMARY_WORDS = {
    Verb.CREATE: "to create",
    Verb.UPDATE: "to update",
    Verb.HEAL: "drifted",
    Verb.ADOPT: "to adopt",
    Verb.REPAIR: "to repair",
    Verb.HAND_OVER: "to hand over",
    Verb.REPLACE: "to delete and create anew",
    Verb.DELETE: "to prune",
}


def in_numbers(verbs: list[Verb]) -> list[str]:
    """`2 to create`, `1 to prune`: the parts of a summary."""
    return [f"{count} {word}" for verb, word in SUMMARY_WORDS.items() if (count := verbs.count(verb))]
