"""`sync.deploy: Manual`: what waits for an approval, and whether it has one. Heals wait for nobody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops.api.group import APPROVE_ANNOTATION
from gitops.core.hooks import WantedHook
from gitops.core.identity import digest
from gitops.core.plan import Plan, Verb
from gitops.core.problem import Blame, Problem, Reason

_HEALING = frozenset({Verb.HEAL, Verb.REPAIR})
SHORTEST = 7  # what Git shows as short: an empty or tiny prefix would approve everything
_WORDS = {
    Verb.CREATE: "to create",
    Verb.UPDATE: "to update",
    Verb.ADOPT: "to adopt",
    Verb.DELETE: "to prune",
    Verb.HAND_OVER: "to hand over",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be deployed: `digest` is what an approval names."""

    digest: str
    counts: Mapping[Verb, int]
    hooks: int = 0

    def __str__(self) -> str:
        """`2 to create, 1 to prune, 1 hook to run`."""
        parts = [f"{self.counts[verb]} {word}" for verb, word in _WORDS.items() if self.counts.get(verb)]
        if self.hooks:
            parts.append(f"{self.hooks} {'hook' if self.hooks == 1 else 'hooks'} to run")
        return ", ".join(parts)

    def problem(self, sha: str) -> Problem:
        """What the status says while it waits."""
        return Problem(
            Reason.APPROVAL_REQUIRED,
            f"revision {sha[:7]} waits for an approval of plan {self.digest}: {self}",
            Blame.SPEC,
            advice=f"see it with `gitops diff`, then annotate the Application with "
            f"{APPROVE_ANNOTATION}: {self.digest}",
        )


def proposal_of(plan: Plan, hooks: Iterable[WantedHook], *, deployed: bool) -> Proposal | None:
    """What of a plan needs an approval; None: nothing.

    Once a revision is `deployed` as a whole, only deletions are news: whatever else there is to do
    brings back what had been approved.
    """
    steps = [*plan.prunes] if deployed else [*plan.steps, *plan.prunes]
    steps = [step for step in steps if step.acts and step.verb not in _HEALING]
    due = [] if deployed else sorted(f"hook {hook.key} {hook.content}" for hook in hooks)
    if not steps and not due:
        return None
    lines = [f"{step.verb} {step.key} {step.content}" for step in steps]
    counts = {verb: sum(step.verb is verb for step in steps) for verb in _WORDS}
    return Proposal(digest(*(line.encode() for line in (*lines, *due))), counts, len(due))


def approves(annotation: str, proposal: Proposal, sha: str) -> bool:
    """Whether the annotation's value approves this: the plan's digest, or the revision."""
    return names(annotation.strip(), proposal.digest, sha)


def names(given: str, *digests: str) -> bool:
    """Whether a value names one of these, by its start."""
    return len(given) >= SHORTEST and any(one.startswith(given) for one in digests)
