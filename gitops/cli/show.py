"""How differences are printed: by object and field path, Secret values hidden."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.cli.hiding import object_without_hidden, without_hidden
from gitops.cli.preview import Preview, refusals
from gitops.controller.applications import owner_of
from gitops.controller.gather import DryRun
from gitops.core.desired import body_of
from gitops.core.diff import ABSENT, Change, differences, without_noise
from gitops.core.mask import LAST_APPLIED, is_secret, masked, masked_change
from gitops.core.plan import Step, Verb

_MARKS = {Verb.CREATE: ("+", "green"), Verb.DELETE: ("-", "red"), Verb.REFUSE: ("!", "bold red")}
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
    return shown


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
    for step in (*shown.plan.steps, *shown.plan.prunes):
        _print_step(shown, step, console)
    for problem in refusals(shown):
        console.print(Text(f"! {problem}", style="bold red"), soft_wrap=True)
    for one in shown.notices:
        console.print(Text(f"note: {one}", style="yellow"), soft_wrap=True)
    for warning in shown.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    console.print(Text(summary(shown), style="bold"))


def _print_step(shown: Preview, step: Step, console: Console) -> None:
    if step.problem or (not step.acts and not step.why):
        return
    mark, style = _MARKS.get(step.verb, ("~", "yellow"))
    console.print(Text(f"{mark} {step.key}: {step.verb} ({step.why})", style=style), soft_wrap=True)
    if step.verb is Verb.CREATE:
        for line in _lines(created(shown, step)):
            console.print(Text(f"    + {line}", style="green"), soft_wrap=True)
    result = shown.tried.get(step.key)
    if result:
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
        Verb.DELETE: "to prune",
    }
    parts = [f"{counts[verb]} {word}" for verb, word in words.items() if counts[verb]]
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
            "object": _named(step),
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
        if step.verb is Verb.HEAL and drift:
            one["drift"] = {"by": drift.author, "at": drift.at}
        if step.verb is Verb.CREATE:
            one["manifest"] = created(shown, step)
        steps.append(one)
    return {
        "application": f"{shown.app.metadata.namespace}/{shown.app.metadata.name}",
        "new": shown.new,
        "revision": shown.place.revision,
        "steps": steps,
        "refused": [{"reason": str(problem.reason), "message": str(problem)} for problem in refusals(shown)],
        "warnings": [*map(str, shown.notices), *shown.warnings],
        "summary": summary(shown),
    }


def _named(step: Step) -> dict[str, str]:
    key = step.key
    return {"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}
