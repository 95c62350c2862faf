"""Reference pages: checked in as generated, and complete."""

from pathlib import Path

import pytest

from gitops.core.problem import Blame, Reason
from gitops.observe.reasons import EXPLANATIONS, SECTIONS, WHO
from gitops.observe.reference import PAGES

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("page", PAGES)
def test_the_checked_in_page_is_the_generated_one(page: str) -> None:
    assert (ROOT / f"docs/reference/{page}.md").read_text() == PAGES[page](), "generate it anew"


def test_every_reason_is_explained_once() -> None:
    explained = [reason for section in SECTIONS.values() for reason in section]
    assert sorted(explained) == sorted(Reason)


def test_every_explanation_says_what_it_means_who_acts_and_what_to_do() -> None:
    assert set(Blame) <= WHO.keys()
    for reason, explanation in EXPLANATIONS.items():
        assert explanation.meaning.endswith("."), reason
        assert explanation.advice.endswith("."), reason
        assert "|" not in explanation.meaning + explanation.advice, reason
