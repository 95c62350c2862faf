"""What an Application allows a sync to do, as planning takes it."""

from gitops.api.application import Application
from gitops.api.spec import Heal
from gitops.controller.applications import is_approved
from gitops.core.adoption import AdoptPolicy
from gitops.core.directives import PruneMode
from gitops.core.plan import Policy
from gitops.core.prune import PruneLimit, PrunePolicy


def policy_of(app: Application, sha: str) -> Policy:
    """What an Application allows for one revision; the command plans by the same."""
    sync = app.spec.sync
    return Policy(
        AdoptPolicy(sync.adopt),
        PrunePolicy(
            PruneMode(sync.prune),
            PruneLimit(sync.prune_limit.percent, sync.prune_limit.objects),
            approved=is_approved(app, sha),
        ),
        report=sync.heal is Heal.REPORT,
    )
