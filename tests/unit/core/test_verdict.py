"""Verdicts that no server can be made to give at will, and the masking of messages about Secrets.

The refusals of the real server are in tests/integration/rules/test_refusals.py.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core.problem import Reason
from gitops.core.verdict import Turn, judge, safe_message
from tests.unit.core.support import key

SECRET = key("s", "Secret")


@pytest.mark.parametrize(
    ("status", "message", "turn", "reason"),
    [
        (0, "Cannot connect to host", Turn.LATER, Reason.API_UNAVAILABLE),
        (429, "too many requests", Turn.LATER, Reason.API_UNAVAILABLE),
        (500, "etcdserver: leader changed", Turn.LATER, Reason.API_UNAVAILABLE),
        (502, "<html>bad gateway</html>", Turn.LATER, Reason.API_UNAVAILABLE),
        (504, "request timed out", Turn.LATER, Reason.API_UNAVAILABLE),
        (401, "Unauthorized", Turn.LATER, Reason.FORBIDDEN),
        (403, "", Turn.LATER, Reason.FORBIDDEN),
        (404, 'configmaps "a" not found', Turn.AGAIN, Reason.CHANGED_MEANWHILE),
        (409, 'configmaps "a" already exists', Turn.AGAIN, Reason.CHANGED_MEANWHILE),
        (
            409,
            (
                'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, '
                "Precondition failed: UID in precondition: 1, UID in object meta: 2"
            ),
            Turn.AGAIN,
            Reason.CHANGED_MEANWHILE,
        ),
        (
            403,
            'admission webhook "policy.example.com" denied the request: no',
            Turn.LATER,
            Reason.ADMISSION_DENIED,
        ),
        (
            400,
            'admission webhook "policy.example.com" denied the request: field is immutable',
            Turn.LATER,
            Reason.ADMISSION_DENIED,
        ),
        (422, "", Turn.STALLED, Reason.INVALID_OBJECT),
    ],
)
def test_a_verdict(status: int, message: str, turn: Turn, reason: Reason) -> None:
    verdict = judge(status, {"message": message}, key("a"), "a.yaml:1")
    assert (verdict.turn, verdict.problem.reason) == (turn, reason)
    assert (verdict.problem.where, verdict.problem.key) == ("a.yaml:1", key("a"))
    assert verdict.problem.message


@given(st.integers(0, 599), st.text())
def test_whatever_is_answered_there_is_a_verdict(status: int, message: str) -> None:
    assert judge(status, {"message": message}, key("a")).problem.message


@given(st.text(min_size=1).filter(lambda text: '"' not in text and "\\" not in text))
def test_what_stands_in_quotes_is_not_shown_of_a_secret(value: str) -> None:
    message = f'Secret "s" is invalid: data: Invalid value: "hunter2{value}": wrong'
    assert "hunter2" not in judge(422, {"message": message}, SECRET).problem.message


@pytest.mark.parametrize(
    "message",
    [
        r'Invalid value: "hun\"ter2": wrong',
        "Invalid value: `hunter2`: wrong",
        '.data.k: expected string, got &value.valueUnstructured{Value:"hunter2"}',
        ".data.k: expected string, got &value.valueUnstructured{Value:hunter2}",
        ".data: expected map, got &{hunter2}",
        ".data: expected map, got &{[hunter2\n hunter2]}",
    ],
)
def test_values_are_masked_however_they_are_quoted(message: str) -> None:
    masked = safe_message(message)
    assert "hunter2" not in masked
    assert "ter2" not in masked
    assert '"***"' in masked


def test_names_that_help_stay() -> None:
    conflict = 'Apply failed with 1 conflict: conflict with "kubectl-edit": .data.k'
    assert safe_message(conflict) == conflict
    denied = (
        'secrets "login" is forbidden: User "system:serviceaccount:team:deployer" cannot patch resource '
        '"secrets" in API group "" in the namespace "shop"'
    )
    assert safe_message(denied) == denied
    by_webhook = denied.replace("cannot patch", 'cannot "hunter2"')
    assert "hunter2" not in safe_message(by_webhook)
    assert "hunter2" not in safe_message(f'{denied}: "hunter2"')
    assert safe_message('no kind "Secret" in version "v1"') == 'no kind "Secret" in version "v1"'


def test_messages_about_other_kinds_are_shown_as_they_are() -> None:
    message = 'Invalid value: "hunter2"'
    assert judge(422, {"message": message}, key("a")).problem.message == message
