"""`sync.deploy: Manual` in a pass: what nobody has approved waits, what was there before is kept up."""

from gitops.api.group import APPROVE_ANNOTATION
from gitops.api.spec import Deploy
from gitops.controller.memory import Memory, Target
from gitops.controller.passes import Pass
from gitops.controller.progress import Towards, held, syncing
from gitops.core.approval import approves, proposal_of
from gitops.core.plan import Situation, plan


def needs_approval(done: Pass, memory: Memory, target: Target) -> bool:
    """Whether the target may only be deployed with an approval that isn't on record yet."""
    on_record = (memory.status or done.app.status).approved
    return done.app.spec.sync.deploy is Deploy.MANUAL and on_record != target.contents


def until_approved(done: Pass, memory: Memory, target: Target, situation: Situation) -> Towards | None:
    """What to work towards until the target is approved; None: there is nothing to approve.

    An approval is put into the status first and acted on by the next pass: half-way through, the rest
    of the plan has another digest.
    """
    done.proposal = proposal_of(plan(situation), target.hooks, deployed=done.deployed)
    if done.proposal is None:
        return None
    sha = target.commit.sha
    if approves(done.app.metadata.annotations.get(APPROVE_ANNOTATION, ""), done.proposal, sha):
        memory.approved = target.contents
    else:
        done.problems.append(done.proposal.problem(sha))
    sync = syncing(done.app, done.owner, memory, target, situation.inventory.members, done.run)
    return held(sync, target, memory, deployed=done.deployed)
