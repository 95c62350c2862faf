"""`A..B`: the two revisions that are compared."""

from dataclasses import dataclass

from gitops.core.problem import Blame, Reason, fail


@dataclass(frozen=True, slots=True)
class RevisionRange:
    """Empty: what the caller takes for it. `from_fork`: from where both parted, as `A...B` asks."""

    before: str
    after: str
    from_fork: bool = False


def parse_range(text: str) -> RevisionRange:
    """`A..B`, `A..`, `..B`, `A...B`. Raises GitopsError INVALID_OBJECT for anything else."""
    dots = "..." if "..." in text else ".."
    before, found, after = text.partition(dots)
    sides = (before, after)
    if not found or not any(sides) or any(".." in one or one.startswith((".", "-")) for one in sides):
        raise fail(
            Reason.INVALID_OBJECT,
            f"{text[:80]!r} is no range of revisions",
            Blame.SPEC,
            where="--rev",
            advice="write A..B, such as main..feature; A...B begins where both parted",
        )
    return RevisionRange(before, after, dots == "...")
