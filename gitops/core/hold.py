"""A hold: an Application stays at one commit, whatever its branch does, until somebody resumes it."""

from collections.abc import Mapping

from gitops.api.group import HOLD_ANNOTATION
from gitops.api.status import Hold
from gitops.core.problem import Blame, Problem, Reason, fail
from gitops.core.revision import valid_sha

WHERE = f"metadata.annotations[{HOLD_ANNOTATION}]"
ADVICE = "`gitops history` lists commits to roll back to; `gitops resume` follows the branch again"


def hold_of(annotations: Mapping[str, str]) -> str:
    """The commit that an Application is held at, a full SHA; empty when it follows its source.

    Raises:
        GitopsError: REVISION_NOT_FOUND for anything but a full SHA. Then nothing new may be synced
            either: a hold that can't be understood is one all the same.
    """
    text = annotations.get(HOLD_ANNOTATION, "").strip()
    if text and not valid_sha(text.lower()):
        shown = repr(text if len(text) <= 80 else f"{text[:80]}…")
        raise fail(
            Reason.REVISION_NOT_FOUND, f"{shown} is no full SHA", Blame.SPEC, where=WHERE, advice=ADVICE
        )
    return text.lower()


def unknown_commit(sha: str) -> Problem:
    """What to say when the repository doesn't have the commit that an Application is held at."""
    return Problem(
        Reason.REVISION_NOT_FOUND, f"the repository has no commit {sha}", Blame.SPEC, WHERE, ADVICE
    )


def hold_in_words(hold: Hold | None, source_revision: str | None) -> str:
    """`held at abc1234 since …, main is at def5678`; empty without a hold."""
    if hold is None:
        return ""
    since = hold.since.strftime("%Y-%m-%d %H:%M:%S UTC")
    branch = source_revision or "HEAD"
    if hold.newest is None:
        where = f"where {branch} is isn't known"
    elif hold.newest == hold.revision:
        where = f"{branch} is there too"
    else:
        where = f"{branch} is at {hold.newest[:7]}"
    return f"held at {hold.revision[:7]} since {since}, {where}; `gitops resume` follows it again"
