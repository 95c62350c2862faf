"""An API server that can't be asked: one sentence says why, and what to do."""

import pytest

from gitops.core.problem import Blame
from gitops.core.reach import unanswered

SERVER = "https://10.0.0.1:6443"


@pytest.mark.parametrize(
    ("said", "why", "advice"),
    [
        (
            "Cannot connect to host h:1 [[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer]",
            "not signed by the authority",
            "--context",
        ),
        ("certificate verify failed: certificate has expired (_ssl.c:1000)", "expired", "clocks"),
        (
            "certificate verify failed: IP address mismatch",
            "another name",
            "address",
        ),
        ("Cannot connect to host h:1 ssl:default [Name or service not known]", "can't be resolved", "VPN"),
        ("Cannot connect to host h:1 [Connect call failed ('::1', 1)]", "accepts no connection", "runs"),
        ("Connection timeout to host https://h:1/api", "can't be reached", "VPN"),
        ("Server disconnected", "Server disconnected", "--kubeconfig"),
    ],
)
def test_no_answer_is_told_in_words(said: str, why: str, advice: str) -> None:
    problem = unanswered(SERVER, 0, said)
    assert problem
    assert why in problem.message
    assert advice in problem.advice
    assert str(problem).startswith(f"the API server {SERVER}: ")


def test_credentials_that_are_refused_are_not_called_a_network_problem() -> None:
    problem = unanswered(SERVER, 401, "Unauthorized")
    assert problem
    assert problem.blame is Blame.CREDENTIALS
    assert "log in again" in problem.advice


@pytest.mark.parametrize("status", [403, 404, 409, 500])
def test_an_answer_about_the_request_itself_is_left_to_others(status: int) -> None:
    assert unanswered(SERVER, status, "no") is None
