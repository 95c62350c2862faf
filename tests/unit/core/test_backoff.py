"""Backoff: doubled, bounded, spread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core.backoff import FRESH, Backoff


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_within_its_bounds_however_often_it_failed(attempts: int, jitter: float) -> None:
    """A thousand failures at five minutes each are three days: no reason to fall over."""
    delay = Backoff(attempts).failed(0.0, jitter).until
    assert 0.5 <= delay <= 300.0


@pytest.mark.parametrize(("attempts", "longest"), [(0, 1), (1, 2), (2, 4), (8, 256), (9, 300), (50, 300)])
def test_delays_double_up_to_the_longest(attempts: int, longest: float) -> None:
    assert Backoff(attempts).failed(100.0, 0.0).until == 100.0 + longest / 2
    assert Backoff(attempts).failed(100.0, 0.999999).until == pytest.approx(100.0 + longest, rel=1e-5)


def test_failures_are_counted() -> None:
    assert FRESH.failed(0, 0).failed(0, 0).attempts == 2


def test_first_and_longest_are_the_callers() -> None:
    assert Backoff(0).failed(0, 0, first=10).until == 5
    assert Backoff(9).failed(0, 0, longest=20).until == 10
