"""How differences are printed: by object and field path, Secret values hidden."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL, APPROVE_ANNOTATION
from gitops.api.spec import Deploy
from gitops.cli.due_hooks import AFTER, BEFORE
from gitops.cli.hiding import object_without_hidden, without_hidden
from gitops.cli.preview import Preview, refusals
from gitops.controller.applications import owner_of
from gitops.controller.gather import DryRun
from gitops.core.desired import body_of
from gitops.core.diff import ABSENT, Change, differences, without_noise
from gitops.core.hook_annotations import HookPhase
from gitops.core.mask import LAST_APPLIED, is_secret, masked, masked_change
from gitops.core.model import ObjectKey
from gitops.core.plan import Step, Verb
from gitops.core.rollout import checksum_of, uses_of, without_checksum

_MARKS = {
    Verb.CREATE: ("+", "green"),
    Verb.REPLACE: ("-/+", "red"),
    Verb.DELETE: ("-", "red"),
    Verb.REFUSE: ("!", "bold red"),
}
_OURS = (APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL, LAST_APPLIED)


def changes_of(result: DryRun, hidden: tuple[str, ...] = ()) -> list[Change]:
    """What a step would change, without our own marks and the server's noise, values of Secrets hidden."""
    if result.before is None or result.after is None:
        return []
    secret = is_secret(result.after)
    changes = differences(_readable(result.before), _readable(result.after))
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


def _restart_in_words(because: tuple[ObjectKey, ...]) -> str:
    if not because:
        return "restarts, because the checksum of its configuration comes, goes or is behind"
    if len(because) == 1:
        return f"restarts, because {because[0]} changes"
    return f"restarts, because {', '.join(map(str, because[:-1]))} and {because[-1]} change"


def created(shown: Preview, step: Step) -> dict[str, Any]:
    """The object that a create makes, as the manifest says it."""
    wanted = shown.desired.wanted[step.key]
    body = json.loads(body_of(shown.desired.manifests[step.key], wanted, owner_of(shown.app)))
    return object_without_hidden(masked(_readable(body)), shown.hidden)


def print_text(shown: Preview, console: Console) -> None:
    """The diff for people."""
    if shown.new:
        name = f"{shown.app.metadata.namespace}/{shown.app.metadata.name}"
        console.print(Text(f"as if a new Application {name} were made: nothing would be pruned", style="dim"))
    _print_hooks(shown, BEFORE, console)
    for step in (*shown.plan.steps, *shown.plan.prunes):
        _print_step(shown, step, console)
    _print_hooks(shown, AFTER, console)
    for problem in refusals(shown):
        console.print(Text(f"! {problem}", style="bold red"), soft_wrap=True)
    for one in shown.notices:
        console.print(Text(f"note: {one}", style="yellow"), soft_wrap=True)
    for warning in shown.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    console.print(Text(summary(shown), style="bold"))
    if shown.proposal and shown.app.spec.sync.deploy is Deploy.MANUAL:
        console.print(Text(f"to deploy it, annotate the Application with {APPROVE_ANNOTATION}: "), end="")
        console.print(Text(shown.proposal.digest, style="bold"))


def _print_hooks(shown: Preview, phases: Collection[HookPhase], console: Console) -> None:
    for one in shown.hooks:
        if one.phase in phases:
            console.print(Text(f"> {one.key}: runs as {one.phase} hook", style="cyan"), soft_wrap=True)


def _print_step(shown: Preview, step: Step, console: Console) -> None:
    if step.problem or (not step.acts and not step.why):
        return
    mark, style = _MARKS.get(step.verb, ("~", "yellow"))
    console.print(Text(f"{mark} {step.key}: {step.verb} ({step.why})", style=style), soft_wrap=True)
    if step.verb in (Verb.CREATE, Verb.REPLACE):
        for line in _lines(created(shown, step)):
            console.print(Text(f"    + {line}", style="green"), soft_wrap=True)
    result = shown.tried.get(step.key)
    if result:
        because = restart_of(shown, step)
        if because is not None:
            console.print(Text(f"    {_restart_in_words(because)}", style="yellow"), soft_wrap=True)
        for change in changes_of(result, shown.hidden):
            console.print(_line(change), soft_wrap=True)


def _lines(obj: Mapping[str, Any]) -> Iterable[str]:
    import yaml

    text: str = yaml.safe_dump(dict(obj), sort_keys=False, allow_unicode=True, width=10_000)
    return text.splitlines()


def _line(change: Change) -> Text:
    if change.before is ABSENT:
        return Text(f"    + {change.pointer}: {_value(change.after)}", style="green")
    if change.after is ABSENT:
        return Text(f"    - {change.pointer}: {_value(change.before)}", style="red")
    return Text(f"    ~ {change.pointer}: {_value(change.before)} → {_value(change.after)}", style="yellow")


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def summary(shown: Preview) -> str:
    """One line: what would happen, in numbers."""
    steps = (*shown.plan.steps, *shown.plan.prunes)
    counts = {verb: sum(step.verb is verb for step in steps) for verb in Verb}
    words = {
        Verb.CREATE: "to create",
        Verb.UPDATE: "to update",
        Verb.HEAL: "drifted",
        Verb.ADOPT: "to adopt",
        Verb.REPAIR: "to repair",
        Verb.HAND_OVER: "to hand over",
        Verb.REPLACE: "to delete and create anew",
        Verb.DELETE: "to prune",
    }
    parts = [f"{counts[verb]} {word}" for verb, word in words.items() if counts[verb]]
    if shown.hooks:
        parts.append(f"{len(shown.hooks)} hook{'s' if len(shown.hooks) > 1 else ''} to run")
    refused = len(refusals(shown))
    if refused:
        parts.append(f"{refused} refused")
    return ", ".join(parts) or "no differences"


def as_data(shown: Preview) -> dict[str, Any]:
    """The diff for programs; the fields are stable."""
    steps = []
    for step in (*shown.plan.steps, *shown.plan.prunes):
        result = shown.tried.get(step.key)
        drift = shown.drifts.get(step.key)
        one: dict[str, Any] = {
            "action": str(step.verb),
            "object": _named(step.key),
            "reason": step.why,
            "changes": [
                {
                    "path": change.pointer,
                    **({} if change.before is ABSENT else {"before": change.before}),
                    **({} if change.after is ABSENT else {"after": change.after}),
                }
                for change in (changes_of(result, shown.hidden) if result else [])
            ],
        }
        because = restart_of(shown, step)
        if because is not None:
            one["restart"] = {"because": [_named(key) for key in because]}
        if step.verb is Verb.HEAL and drift:
            one["drift"] = {"by": drift.author, "at": drift.at}
        if step.verb in (Verb.CREATE, Verb.REPLACE):
            one["manifest"] = created(shown, step)
        steps.append(one)
    return {
        "application": f"{shown.app.metadata.namespace}/{shown.app.metadata.name}",
        "new": shown.new,
        **({"digest": shown.proposal.digest} if shown.proposal else {}),
        "revision": shown.place.revision,
        "steps": steps,
        "hooks": [{"phase": str(one.phase), "object": _named(one.key)} for one in shown.hooks],
        "refused": [{"reason": str(problem.reason), "message": str(problem)} for problem in refusals(shown)],
        "warnings": [*map(str, shown.notices), *shown.warnings],
        "summary": summary(shown),
    }


def _named(key: ObjectKey) -> dict[str, str]:
    return {"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}
