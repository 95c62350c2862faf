"""`gitops plan`: what a sync would do, in the order in which it would do it, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gitops.api.application import Application
from gitops.api.group import APPROVE_ANNOTATION
from gitops.api.spec import Deploy
from gitops.cli.ahead import renderer
from gitops.cli.application_file import is_application_file, read_application, with_what_is_there
from gitops.cli.applications import list_applications
from gitops.cli.begun import begin
from gitops.cli.diff import code_of
from gitops.cli.due_hooks import DueHook
from gitops.cli.options import Exit, Output
from gitops.cli.preview import Preview, preview, refusals
from gitops.cli.saved_plan import SavedPlan, SavedStep, save
from gitops.cli.show import summary
from gitops.cli.sources import Place
from gitops.cli.target import newest, resolve
from gitops.cli.terminal import console, print_data
from gitops.core.conditions import NOTICES
from gitops.core.hook_annotations import HookPhase
from gitops.core.model import ObjectKey
from gitops.core.plan import Verb
from gitops.core.problem import Reason
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace
from gitops.observe.hiding import redactor_of

RUN = "run"  # what is done with a hook

_MARKS = {
    Verb.CREATE: ("+", "green"),
    Verb.REPLACE: ("-/+", "red"),
    Verb.DELETE: ("-", "red"),
    Verb.REFUSE: ("!", "bold red"),
    Verb.KEEP: ("=", "dim"),
    RUN: (">", "cyan"),
}
_WIDEST = 60  # characters: longer names stand out instead of pushing all reasons to the right


@dataclass(frozen=True, slots=True)
class Entry:
    """One step or hook; `acts` is False for what is refused or kept."""

    action: str
    key: ObjectKey
    why: str
    content: str = ""
    acts: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """What goes out together: it begins when all of the group before is there and healthy."""

    phase: str  # PreSync, Sync, Prune, PostSync
    entries: tuple[Entry, ...]
    wave: int | None = None  # None: not of a wave, or there is only one
    number: int = 0
    of: int = 0


async def run(
    target: str,
    *,
    access: Access,
    namespace: str | None,
    app_name: str | None,
    save_to: Path | None,
    output: Output,
    color: bool,
) -> int:
    """Print the plan; 5 when a guard refuses a part of it."""
    client = await Client.connect(access)
    try:
        shown = await work_out(client, access, target, namespace, app_name)
    finally:
        await client.close()
    if save_to:
        save(saved_of(shown), save_to)
    show(shown, output, color=color)
    return exit_code(shown)


async def work_out(
    client: Client, access: Access, target: str, namespace: str | None, app_name: str | None = None
) -> Preview:
    """The plan for an Application, for a file with one, or for a folder. Raises GitopsError."""
    home = namespace or context_namespace(access)
    applications = await list_applications(client, home)
    path = Path(target)
    if app_name is None and is_application_file(path):
        app = with_what_is_there(read_application(path, home), applications)
        return await of_application(client, app, applications)
    app, place, new = await resolve(client, path, app_name, home, applications)
    return await _of(client, app, place, applications, new=new)


async def of_application(client: Client, app: Application, applications: list[Application]) -> Preview:
    """The plan for the newest revision of an Application. Raises GitopsError."""
    return await _of(client, app, await newest(client, app), applications, new=not app.metadata.uid)


async def _of(
    client: Client, app: Application, place: Place, applications: list[Application], *, new: bool
) -> Preview:
    async with renderer() as render:
        begun = await begin(client, render, app, place)
        return await preview(client, begun, applications, new=new, thorough=False)


def show(shown: Preview, output: Output, *, color: bool) -> None:
    """Print it for people or programs."""
    if output is Output.TEXT:
        print_text(shown, console(color=color))
    else:
        print_data(as_data(shown), output)


def exit_code(shown: Preview) -> int:
    """Whose turn it is when something is refused; that there is something to do is no finding."""
    problems = [
        one for one in refusals(shown) if one.reason not in NOTICES and one.reason is not Reason.DRIFTED
    ]
    return code_of(problems) if problems else Exit.DONE


def groups_of(shown: Preview) -> tuple[Group, ...]:
    """The plan in its order: hooks before, waves with their hooks, deletions, hooks after."""
    waves_of_hooks = {one.key: one.wave for one in shown.desired.hooks}
    waves = sorted(
        {one.directives.wave for one in shown.desired.wanted.values()}
        | {waves_of_hooks.get(one.key, 0) for one in shown.hooks if one.phase is HookPhase.SYNC}
    )
    groups = [Group("PreSync", tuple(_hooks(shown, HookPhase.PRE_SYNC)))]
    for number, wave in enumerate(waves, start=1):
        entries = [
            _entry(shown, step) for step in shown.plan.steps if step.wave == wave and (step.acts or step.why)
        ]
        entries += [one for one in _hooks(shown, HookPhase.SYNC) if waves_of_hooks.get(one.key, 0) == wave]
        several = len(waves) > 1
        groups.append(Group("Sync", tuple(entries), wave if several else None, number, len(waves)))
    groups.append(Group("Prune", tuple(_entry(shown, step) for step in shown.plan.prunes if step.why)))
    groups.append(Group("PostSync", tuple(_hooks(shown, HookPhase.POST_SYNC))))
    return tuple(group for group in groups if group.entries)


def _entry(shown: Preview, step: Any) -> Entry:
    why = redactor_of(shown.hidden).text(step.why) if shown.hidden else step.why
    return Entry(str(step.verb), step.key, why, step.content, step.acts)


def _hooks(shown: Preview, phase: HookPhase) -> Iterator[Entry]:
    contents = {one.key: one.content for one in shown.desired.hooks}
    due: tuple[DueHook, ...] = shown.hooks
    for one in due:
        if one.phase is phase:
            yield Entry(RUN, one.key, f"{phase} hook", contents.get(one.key, ""))


def saved_of(shown: Preview) -> SavedPlan:
    """The plan as it is kept in a file."""
    steps = tuple(
        SavedStep(one.action, str(one.key), one.content)
        for group in groups_of(shown)
        for one in group.entries
        if one.acts and one.action not in (Verb.HEAL, Verb.REPAIR)
    )
    metadata = shown.app.metadata
    return SavedPlan(
        application=f"{metadata.namespace}/{metadata.name}",
        uid=metadata.uid,
        revision=shown.place.revision,
        digest=shown.proposal.digest if shown.proposal else "",
        summary=summary(shown),
        steps=steps,
    )


def as_data(shown: Preview) -> dict[str, Any]:
    """The plan for programs; the fields are stable."""
    return {
        "application": f"{shown.app.metadata.namespace}/{shown.app.metadata.name}",
        "new": shown.new,
        "revision": shown.place.revision,
        "digest": shown.proposal.digest if shown.proposal else "",
        "groups": [
            {
                "phase": group.phase,
                **({"wave": group.wave} if group.wave is not None else {}),
                "steps": [
                    {"action": one.action, "object": one.key._asdict(), "reason": one.why}
                    for one in group.entries
                ],
            }
            for group in groups_of(shown)
        ],
        "refused": [{"reason": str(problem.reason), "message": str(problem)} for problem in refusals(shown)],
        "warnings": [*map(str, shown.notices), *shown.warnings],
        "summary": summary(shown),
    }


def print_text(shown: Preview, console: Console) -> None:
    """The plan for people."""
    metadata, revision = shown.app.metadata, shown.place.revision
    short = revision[:7] if len(revision) == 40 else revision
    console.print(Text(f"{metadata.namespace}/{metadata.name} at {short}", style="bold"), soft_wrap=True)
    if shown.new:
        console.print(Text("as if it were a new Application: nothing would be pruned", style="dim"))
    first = True
    for group in groups_of(shown):
        console.print(Text(f"\n{_title(group, first=first)}", style="bold"), soft_wrap=True)
        first = False
        width = min(max(len(str(one.key)) for one in group.entries), _WIDEST)
        for one in group.entries:
            console.print(_line(one, width), soft_wrap=True)
    if groups_of(shown):
        console.print()
    for problem in refusals(shown):
        console.print(Text(f"! {problem}", style="bold red"), soft_wrap=True)
    for text in (*(f"note: {one}" for one in shown.notices), *(f"warning: {one}" for one in shown.warnings)):
        console.print(Text(text, style="yellow"), soft_wrap=True)
    console.print(Text(summary(shown), style="bold"), soft_wrap=True)
    if shown.proposal:
        words = (
            f"to deploy it, annotate the Application with {APPROVE_ANNOTATION}: "
            if shown.app.spec.sync.deploy is Deploy.MANUAL
            else "digest of the plan: "
        )
        console.print(Text.assemble(words, (shown.proposal.digest, "bold")), soft_wrap=True)


def _title(group: Group, *, first: bool) -> str:
    if group.phase == "Prune":
        return "Deletions" if first else "Deletions, when everything is there and healthy"
    if group.phase == "PostSync":
        return "After the sync"
    if group.phase == "PreSync":
        return "Before the sync"
    if group.wave is None:
        return "Sync"
    waits = "" if first else ", when what is above is there and healthy"
    return f"Wave {group.wave} ({group.number} of {group.of}){waits}"


def _line(one: Entry, width: int) -> Text:
    mark, style = _MARKS.get(one.action, ("~", "yellow"))
    return Text.assemble(
        (f"  {mark:<3} {one.action:<9} {one.key!s:<{width}}", style), "  ", (one.why, "dim" if style else "")
    )
