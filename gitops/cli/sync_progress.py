"""What a sync tells while it runs: a line for each thing that happens, on a terminal the waves below."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from gitops.api.application import Application
from gitops.api.status import ConditionType
from gitops.controller.execute import Outcome
from gitops.controller.passes import Pass, Witness
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Verb, Wanted
from gitops.core.problem import Reason
from gitops.core.waves import GOOD

WORDS = {
    Verb.CREATE: "created",
    Verb.UPDATE: "updated",
    Verb.HEAL: "healed",
    Verb.ADOPT: "adopted",
    Verb.REPAIR: "repaired",
    Verb.DELETE: "deleted",
    Verb.HAND_OVER: "handed over",
}
_STYLES = {"created": "green", "deleted": "red", "failed": "bold red"}
_BAR = 24  # characters
_FLEETING = ("is not applied yet", "is not there yet", "is being applied")


@dataclass(frozen=True, slots=True)
class Row:
    """One wave: how many of its objects are applied, and how many of these are healthy."""

    wave: int
    applied: int
    healthy: int
    total: int


def rows_of(wanted: Mapping[ObjectKey, Wanted], members: Mapping[ObjectKey, Observed]) -> tuple[Row, ...]:
    """A row for each wave, ascending."""
    total: Counter[int] = Counter()
    applied: Counter[int] = Counter()
    healthy: Counter[int] = Counter()
    for key, one in wanted.items():
        wave, seen = one.directives.wave, members.get(key)
        total[wave] += 1
        if seen is not None and seen.content == one.content and not seen.deleting:
            applied[wave] += 1
            healthy[wave] += one.directives.ignore_health or seen.health.state in GOOD
    return tuple(Row(wave, applied[wave], healthy[wave], total[wave]) for wave in sorted(total))


def where(rows: tuple[Row, ...]) -> str:
    """`3 of 7 objects applied, wave 1 of 2`: how far it is, in words."""
    if not rows:
        return "nothing was applied"
    applied, total = sum(row.applied for row in rows), sum(row.total for row in rows)
    words = f"{applied} of {total} objects applied"
    if len(rows) == 1:
        return words
    at = next((number for number, row in enumerate(rows, 1) if row.healthy < row.total), len(rows))
    return f"{words}, wave {at} of {len(rows)}"


class Progress(Witness):
    """Prints on standard error; the result alone goes to standard output."""

    def __init__(self, *, color: bool) -> None:
        self._console = Console(
            stderr=True, color_system="auto" if color else None, highlight=False, soft_wrap=True
        )
        self._live: Live | None = None
        self.steps: list[tuple[str, str]] = []
        self.rows: tuple[Row, ...] = ()
        self._waits = ""
        self._hooks: dict[tuple[str, str], str] = {}
        self._problems: set[str] = set()

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and self._console.is_terminal:
            self._live = Live(console=self._console, transient=True, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def begin(self, app: Application) -> None:
        """What is known before it begins is not told."""
        self._hooks = {(one.phase, one.name): one.state.lower() for one in app.status.hooks}

    def say(self, line: str, style: str = "") -> None:
        """One line."""
        self._console.print(Text(line, style=style), soft_wrap=True)

    def did(self, word: str, name: str) -> None:
        """One object was changed."""
        self.steps.append((word, name))
        self.say(f"{word} {name}", _STYLES.get(word, "yellow"))

    def stepped(self, outcome: Outcome) -> None:
        key = outcome.step.key
        if outcome.replaced:
            self.did("deleted", f"{key}, to create it anew")
        elif outcome.done and outcome.step.verb in WORDS:
            self.did(WORDS[outcome.step.verb], str(key))

    def passed(self, done: Pass) -> None:
        for key, heir in done.handed_over:
            self.did("handed over", f"{key} to {heir}")
        if done.target:
            self.show_rows(rows_of(done.target.wanted, done.members))

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        self.rows = rows
        self._draw()

    def status(self, app: Application) -> None:
        """What the status says since the last look: hooks, what is waited for, what is wrong."""
        for one in app.status.hooks:
            at = (one.phase, one.name)
            state = one.state.lower()
            if self._hooks.get(at) != state and state != "pending":
                self._hooks[at] = state
                why = f": {one.message}" if one.message and state == "failed" else ""
                style = {"failed": "bold red", "succeeded": "green"}.get(state, "cyan")
                where_ = f"{one.object.kind} {one.object.namespace}/{one.name}"
                self.say(f"{one.phase} hook {where_} {state.replace('running', 'started')}{why}", style)
        self._tell_problems(app)
        self._tell_waits(app)

    def _tell_problems(self, app: Application) -> None:
        for one in app.status.problems:
            if one.reason in (Reason.WAITING, Reason.CHANGED_MEANWHILE, Reason.HOOK_FAILED):
                continue
            at = one.object
            name = f"{at.kind} {f'{at.namespace}/' if at.namespace else ''}{at.name}" if at else ""
            line = ": ".join(part for part in (one.where, name, one.message) if part)
            if line not in self._problems:
                self._problems.add(line)
                self.say(f"{one.reason}: {line}", "red")

    def _tell_waits(self, app: Application) -> None:
        going = app.status.condition(ConditionType.RECONCILING)
        waits = going.message if going and going.reason == Reason.PROGRESSING else ""
        if waits.endswith(_FLEETING):
            waits = ""
        words = waits.removeprefix("waits for ").removeprefix("waits ")
        if words and words != self._waits:
            self.say(f"waiting for {words}", "dim")
        self._waits = words
        self._draw()

    def _draw(self) -> None:
        if self._live:
            self._live.update(Group(*self._drawn()))

    def _drawn(self) -> Iterable[Text]:
        for row in self.rows:
            filled = _BAR * row.applied // max(row.total, 1)
            name = f"wave {row.wave}  " if len(self.rows) > 1 else ""
            yield Text.assemble(
                name,
                ("━" * filled, "green"),
                ("━" * (_BAR - filled), "dim"),
                f"  {row.applied} of {row.total} applied, {row.healthy} healthy",
                no_wrap=True,
                overflow="ellipsis",
            )
        if self._waits:
            yield Text(f"waiting for {self._waits}", style="dim", no_wrap=True, overflow="ellipsis")
