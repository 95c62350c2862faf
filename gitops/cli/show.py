"""How differences are printed: by object and field path, Secret values hidden."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.api.spec import Deploy
from gitops.cli.diff_values import Entry, Field, Report, in_numbers
from gitops.cli.hiding import object_without_hidden, without_hidden
from gitops.cli.preview import Preview, refusals
from gitops.controller.applications import owner_of
from gitops.controller.gather import DryRun
from gitops.core.desired import body_of
from gitops.core.diff import Change, differences, without_noise
from gitops.core.drift import writer_of
from gitops.core.impact import immutable_advice, impacts
from gitops.core.mask import LAST_APPLIED, is_secret, masked, masked_change
from gitops.core.model import ObjectKey
from gitops.core.plan import Step, Verb
from gitops.core.problem import Reason
from gitops.core.renames import renames
from gitops.core.rollout import checksum_of, uses_of, without_checksum

_OURS = (APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL, LAST_APPLIED)


def changes_of(result: DryRun, hidden: tuple[str, ...] = ()) -> list[Change]:
    """What a step would change, without our own marks and the server's noise, values of Secrets hidden."""
    if result.before is None or result.after is None:
        return []
    return changes_between(result.before, result.after, hidden)


def changes_between(
    before: Mapping[str, Any], after: Mapping[str, Any], hidden: tuple[str, ...] = ()
) -> list[Change]:
    """The changes from one state of an object to another, fit to be shown."""
    secret = is_secret(before) or is_secret(after)
    changes = differences(_readable(before), _readable(after))
    return [without_hidden(masked_change(change, secret=secret), hidden) for change in changes]


def _readable(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object as a diff compares it: our bookkeeping is no difference that anybody asked for."""
    shown = without_noise(obj)
    metadata = dict(shown.get("metadata") or {})
    for name in ("labels", "annotations"):
        kept = {key: value for key, value in (metadata.get(name) or {}).items() if key not in _OURS}
        metadata.pop(name, None)
        if kept:
            metadata[name] = kept
    shown["metadata"] = metadata
    return without_checksum(shown)


def restart_of(shown: Preview, step: Step) -> tuple[ObjectKey, ...] | None:
    """The changing ConfigMaps and Secrets for which a step restarts its Pods; None if it doesn't for any.

    Empty: its checksum comes or goes, or the change went out before and the restart didn't.
    """
    result = shown.tried.get(step.key)
    if result is None or result.before is None or result.after is None:
        return None
    if checksum_of(result.before) == checksum_of(result.after):
        return None
    if checksum_of(result.before) is None or checksum_of(result.after) is None:
        return ()
    used = uses_of(shown.desired.manifests[step.key], step.key.namespace)
    steps = (*shown.plan.steps, *shown.plan.prunes)
    return tuple(sorted({one.key for one in steps if one.acts and one.key in used}))


def created(shown: Preview, step: Step) -> dict[str, Any]:
    """The object that a create makes, as the manifest says it."""
    wanted = shown.desired.wanted[step.key]
    body = json.loads(body_of(shown.desired.manifests[step.key], wanted, owner_of(shown.app)))
    return object_without_hidden(masked(_readable(body)), shown.hidden)


def report_of(shown: Preview, gone: Mapping[ObjectKey, Mapping[str, Any]] | None = None) -> Report:
    """What the diff says; `gone` are the live objects that would be pruned, where they were read."""
    doomed = {key: readable(obj, shown.hidden) for key, obj in (gone or {}).items()}
    steps = (*shown.plan.steps, *shown.plan.prunes)
    # As the server would have them, with its defaults: what goes has them too.
    coming = {
        step.key: readable(result.after, shown.hidden)
        for step in steps
        if step.verb is Verb.CREATE and (result := shown.tried.get(step.key)) and result.after is not None
    }
    moved = renames(doomed, coming) if doomed else {}
    back = {old: new for new, old in moved.items()}
    entries = [
        _entry(shown, step, doomed.get(step.key), moved.get(step.key) or back.get(step.key)) for step in steps
    ]
    return Report(
        application=f"{shown.app.metadata.namespace}/{shown.app.metadata.name}",
        revision=shown.place.revision,
        entries=tuple(_with_moves(shown, entries, gone or {})),
        summary=summary(shown),
        new=shown.new,
        digest=shown.proposal.digest if shown.proposal else "",
        to_approve=shown.app.spec.sync.deploy is Deploy.MANUAL,
        hooks=shown.hooks,
        problems=tuple(refusals(shown)),
        notices=tuple(map(str, shown.notices)),
        warnings=shown.warnings,
    )


def readable(obj: Mapping[str, Any], hidden: tuple[str, ...]) -> dict[str, Any]:
    """A whole object as it may be shown: without noise, our marks, and the values of Secrets."""
    return object_without_hidden(masked(_readable(obj)), hidden)


def _with_moves(
    shown: Preview, entries: list[Entry], gone: Mapping[ObjectKey, Mapping[str, Any]]
) -> Iterator[Entry]:
    """A renamed object also says what else of it changes."""
    names = (("metadata", "name"), ("metadata", "namespace"))
    for entry in entries:
        result = shown.tried.get(entry.key)
        if entry.verb is Verb.CREATE and entry.renamed and result and result.after is not None:
            changes = changes_between(gone[entry.renamed], result.after, shown.hidden)
            yield replace(entry, fields=tuple(Field(one) for one in changes if one.path not in names))
        else:
            yield entry


def _entry(shown: Preview, step: Step, doomed: Mapping[str, Any] | None, renamed: ObjectKey | None) -> Entry:
    result = shown.tried.get(step.key)
    fields = tuple(_fields(shown, step, result)) if result else ()
    whole = created(shown, step) if step.verb in (Verb.CREATE, Verb.REPLACE) else doomed
    before, after = (result.before, result.after) if result else (None, None)
    found = impacts(step.key, step.verb, before, after, [field.change for field in fields])
    refused = result.problem if result else None
    if refused and refused.reason is Reason.IMMUTABLE_FIELD:
        found = (*found, immutable_advice())
    return Entry(
        step.verb,
        step.key,
        step.why,
        fields,
        whole,
        found,
        renamed,
        restart_of(shown, step),
        shown.drifts.get(step.key),
        silent=bool(step.problem) or (not step.acts and not step.why),
    )


def _fields(shown: Preview, step: Step, result: DryRun) -> Iterator[Field]:
    manager = owner_of(shown.app).manager
    for change in changes_of(result, shown.hidden):
        by, at = writer_of(result.before or {}, change, manager) if step.acts else ("", "")
        drift = step.verb is Verb.HEAL or (step.verb is Verb.UPDATE and bool(by))
        if step.verb is Verb.HEAL and not by and (whole := shown.drifts.get(step.key)):
            by, at = ("", "") if whole.author == "unknown" else (whole.author, whole.at)
        yield Field(change, drift, by, at)


def summary(shown: Preview) -> str:
    """One line: what would happen, in numbers."""
    parts = in_numbers([step.verb for step in (*shown.plan.steps, *shown.plan.prunes)])
    if shown.hooks:
        parts.append(f"{len(shown.hooks)} hook{'s' if len(shown.hooks) > 1 else ''} to run")
    if refused := len(refusals(shown)):
        parts.append(f"{refused} refused")
    return ", ".join(parts) or "no differences"
