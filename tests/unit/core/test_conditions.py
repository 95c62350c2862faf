"""Conditions: what is said of every kind of finding, in the way that kstatus reads them."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core.conditions import NOTICES, Findings, Judgement, failures, is_passing, judge
from gitops.core.health import HEALTHY, Health, HealthState, degraded, progressing
from gitops.core.problem import Blame, Problem, Reason
from tests.unit.core.support import key

BROKEN = Problem(Reason.INVALID_FIELD, "no such field", Blame.REPOSITORY, "app.yaml:3", key=key("a"))
BUSY = Problem(Reason.API_UNAVAILABLE, "try later", Blame.CLUSTER)
AWAY = Problem(Reason.AUTHENTICATION_FAILED, "no answer", Blame.NETWORK)
NOTICE = Problem(Reason.PRUNE_UNCONFIRMED, "waits for a yes", Blame.SPEC)


def said(findings: Findings) -> dict[str, Judgement]:
    return {one.type: one for one in judge(findings)}


def short(findings: Findings) -> str:
    return " ".join(f"{one.type}={one.status}/{one.reason}" for one in judge(findings))


SETTLED = Findings(settled=True, revision="abc123")
ROWS: list[tuple[Findings, str]] = [
    (SETTLED, "Ready=True/Succeeded Synced=True/Synced Healthy=True/Healthy"),
    (
        Findings(),
        "Ready=False/Progressing Synced=False/Progressing Healthy=True/Healthy Reconciling=True/Progressing",
    ),
    (
        Findings(settled=True, health=progressing("2 of 3")),
        "Ready=False/Progressing Synced=True/Synced Healthy=False/Progressing Reconciling=True/Progressing",
    ),
    (
        Findings(settled=True, health=degraded("crash")),
        "Ready=False/Degraded Synced=True/Synced Healthy=False/Degraded",
    ),
    (
        Findings(settled=True, health=Health(HealthState.UNKNOWN, "?")),
        "Ready=False/Unknown Synced=True/Synced Healthy=Unknown/Unknown",
    ),
    (
        Findings(settled=True, health=Health(HealthState.SUSPENDED, "paused")),
        "Ready=True/Succeeded Synced=True/Synced Healthy=True/Suspended",
    ),
    (
        Findings((BROKEN,), settled=True),
        "Ready=False/InvalidField Synced=False/InvalidField Healthy=True/Healthy Stalled=True/InvalidField",
    ),
    (
        Findings((BUSY,)),
        (
            "Ready=False/APIUnavailable Synced=False/APIUnavailable Healthy=True/Healthy "
            "Reconciling=True/APIUnavailable"
        ),
    ),
    (
        Findings((BUSY, BROKEN)),
        (
            "Ready=False/APIUnavailable Synced=False/APIUnavailable Healthy=True/Healthy "
            "Stalled=True/InvalidField"
        ),
    ),
    (
        Findings((AWAY,)),
        (
            "Ready=False/AuthenticationFailed Synced=False/AuthenticationFailed Healthy=True/Healthy "
            "Reconciling=True/AuthenticationFailed"
        ),
    ),
    (Findings((NOTICE,), settled=True), "Ready=True/Succeeded Synced=True/Synced Healthy=True/Healthy"),
    (
        Findings(settled=True, health=progressing("slow"), deadline_exceeded=True),
        (
            "Ready=False/ProgressDeadlineExceeded Synced=True/Synced Healthy=False/Progressing "
            "Stalled=True/ProgressDeadlineExceeded"
        ),
    ),
    (
        Findings(suspended=True, problems=(BROKEN,)),
        "Ready=False/Suspended Synced=Unknown/Suspended Healthy=True/Healthy",
    ),
    (
        Findings(deleting=True, waits_for="a finalizer"),
        "Ready=False/Deleting Synced=False/Deleting Healthy=True/Healthy Reconciling=True/Deleting",
    ),
]


@pytest.mark.parametrize(
    ("findings", "conditions"), ROWS, ids=lambda row: row if isinstance(row, str) else ""
)
def test_conditions(findings: Findings, conditions: str) -> None:
    assert short(findings) == conditions


FINDINGS = st.builds(
    Findings,
    st.lists(st.sampled_from([BROKEN, BUSY, AWAY, NOTICE])).map(tuple),
    st.booleans(),
    st.sampled_from([Health(state, "why") for state in HealthState] + [HEALTHY]),
    st.sampled_from(["", "a finalizer"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.just("abc123"),
)


@given(FINDINGS)
def test_reconciling_and_stalled_are_there_only_while_true_and_never_both(findings: Findings) -> None:
    found = said(findings)
    assert not {"Reconciling", "Stalled"} <= found.keys()
    assert all(found[kind].status == "True" for kind in ("Reconciling", "Stalled") if kind in found)


@given(FINDINGS)
def test_each_condition_is_there_once_and_says_something(findings: Findings) -> None:
    found = judge(findings)
    assert len({one.type for one in found}) == len(found)
    assert {"Ready", "Synced", "Healthy"} <= {one.type for one in found}
    assert all(one.reason and one.message for one in found)


@given(FINDINGS)
def test_ready_means_synced_and_healthy_and_nothing_awaited(findings: Findings) -> None:
    found = said(findings)
    ready = found["Synced"].status == found["Healthy"].status == "True" and not findings.waits_for
    assert (found["Ready"].status == "True") == ready


@given(FINDINGS)
def test_a_failure_is_either_tried_again_or_waits_for_somebody(findings: Findings) -> None:
    found = said(findings)
    if failures(findings.problems) and not findings.suspended:
        assert {"Reconciling", "Stalled"} & found.keys()


def test_a_message_names_place_object_and_advice() -> None:
    assert said(Findings((BROKEN,)))["Stalled"].message == "app.yaml:3: ConfigMap shop/a: no such field"


def test_many_problems_are_counted_and_not_listed_for_ever() -> None:
    message = said(Findings((BROKEN,) * 7))["Synced"].message
    assert message.count("no such field") == 5
    assert message.endswith("; and 2 more")


def test_a_problem_of_the_network_may_pass_whatever_it_is() -> None:
    for reason, blame in product(Reason, Blame):
        if blame is Blame.NETWORK:
            assert is_passing(Problem(reason, "x", blame))


def test_what_is_kept_as_asked_is_no_failure() -> None:
    assert failures([Problem(reason, "x", Blame.SPEC) for reason in NOTICES]) == []


def test_a_prune_that_is_stuck_on_a_finalizer_is_not_ready() -> None:
    found = said(Findings(settled=True, waits_for="waits until 1 objects are gone"))
    assert (found["Synced"].status, found["Ready"].status) == ("True", "False")
    assert found["Ready"].message == found["Reconciling"].message == "waits until 1 objects are gone"
