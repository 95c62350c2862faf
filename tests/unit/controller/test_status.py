"""What the status keeps for the next start."""

import pytest

from gitops.api.status import LONGEST_READ, MOST_READS, RenderReads
from gitops.controller.rendering import RenderMemory
from gitops.controller.status import reads_of


def render(*paths: str) -> RenderMemory:
    return RenderMemory("app", dict.fromkeys(paths, "digest"), "kustomize", "key")


def test_what_a_render_read_is_kept_in_order() -> None:
    assert reads_of(render("base", "app")) == RenderReads(renderer="kustomize", paths=("app", "base"))


@pytest.mark.parametrize(
    "paths", [[f"p{number}" for number in range(MOST_READS + 1)], ["p" * (LONGEST_READ + 1)]]
)
def test_what_is_too_much_for_a_status_is_left_out(paths: list[str]) -> None:
    """A status that the server refuses would be lost whole."""
    assert reads_of(render(*paths)) is None
    shorter = [path[:LONGEST_READ] for path in paths[:MOST_READS]]
    assert reads_of(render(*shorter)) is not None
