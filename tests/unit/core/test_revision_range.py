"""`A..B` as people write it."""

import pytest

from gitops.core.problem import Blame, GitopsError
from gitops.core.revision_range import RevisionRange, parse_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main..feature", RevisionRange("main", "feature")),
        ("main..", RevisionRange("main", "")),
        ("..feature", RevisionRange("", "feature")),
        ("main...feature", RevisionRange("main", "feature", from_fork=True)),
        ("v1.2.0..v1.3.0", RevisionRange("v1.2.0", "v1.3.0")),
    ],
)
def test_a_range_has_two_sides(text: str, expected: RevisionRange) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "main", "..", "...", "a..b..c", "a....b", "--x..b"])
def test_what_is_no_range_is_a_wrong_call(text: str) -> None:
    with pytest.raises(GitopsError) as caught:
        parse_range(text)
    assert caught.value.problem.blame is Blame.SPEC
