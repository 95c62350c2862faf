"""A pass: what one reconcile of one Application collects on its way, for whoever tells of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gitops.api.application import Application
from gitops.controller.applications import Registry
from gitops.controller.execute import Outcome
from gitops.controller.memory import Target
from gitops.controller.progress import Towards
from gitops.core.approval import Proposal
from gitops.core.identity import Owner
from gitops.core.inventory import Observed
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.plan import Drift, Plan, Verb
from gitops.core.problem import Problem


class Witness:
    """Told what happens as it happens. The controller's own tells nobody; a command's prints it."""

    def stepped(self, outcome: Outcome) -> None:
        """A step is over, done or not."""

    def passed(self, done: "Pass") -> None:
        """A pass is over and reported."""


@dataclass(slots=True)
class Pass:
    """What one pass collects on its way."""

    app: Application
    owner: Owner
    target: Target | None = None
    problems: list[Problem] = field(default_factory=list)
    causes: Sequence[Problem] = ()  # why its objects don't work: told, and no reason to try anything again
    stale: bool = False  # the target is not the newest revision, which can't be had or rendered
    held: str = ""  # the commit that the Application is held at
    newest: str = ""  # the commit that its source means meanwhile
    held_back: bool = False  # a newer commit waits for other Applications
    concludes: bool = True  # what others may build on: all that this one depends on has got to the commit
    unreadable: Mapping[GroupKind, Problem] = field(default_factory=dict)
    drifts: Mapping[ObjectKey, Drift] = field(default_factory=dict)
    plan: Plan | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    heals: list[tuple[Drift, float | None]] = field(default_factory=list)
    pruned: list[ObjectKey] = field(default_factory=list)
    handed_over: list[tuple[ObjectKey, Owner]] = field(default_factory=list)
    replaced: list[ObjectKey] = field(default_factory=list)  # deleted, to be created anew
    recreated: list[ObjectKey] = field(default_factory=list)
    members: Mapping[ObjectKey, Observed] = field(default_factory=dict)
    waiting_prunes: int = 0
    waits: str = ""
    towards: Towards | None = None
    deployed: bool = False  # exactly this was applied as a whole before
    run: str = ""  # of the hooks
    proposal: Proposal | None = None  # what waits for an approval
    present: Collection[ObjectKey] = ()  # there without being ours, which is all that was asked for

    @property
    def places(self) -> set[str]:
        """The namespaces in which the Application's objects can be."""
        return Registry.namespaces_of(self.app) | (self.target.namespaces if self.target else set())

    def counted(self, verb: Verb) -> int:
        """How many steps of this verb were done."""
        return sum(1 for one in self.outcomes if one.done and one.step.verb is verb)
