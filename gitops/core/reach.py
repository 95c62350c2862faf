"""Why an API server could not be asked at all, in words, and what to do: certificates, tokens, network."""

import re
from typing import NamedTuple

from gitops.core.problem import Blame, Problem, Reason


class _Case(NamedTuple):
    pattern: re.Pattern[str]
    message: str
    blame: Blame
    advice: str


def _case(pattern: str, message: str, blame: Blame, advice: str) -> _Case:
    return _Case(re.compile(pattern, re.IGNORECASE), message, blame, advice)


# The texts are those of OpenSSL and of the C library; the first row that fits counts.
_CASES = (
    _case(
        r"certificate has expired|certificate is not yet valid",
        "its certificate has expired or is not valid yet",
        Blame.CLUSTER,
        "compare the clocks, and have the certificate renewed",
    ),
    _case(
        r"hostname mismatch|ip address mismatch|doesn't match",
        "its certificate is for another name",
        Blame.CREDENTIALS,
        "correct the server's address in the kubeconfig, or set tls-server-name there",
    ),
    _case(
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "its certificate is not signed by the authority that the kubeconfig names",
        Blame.CREDENTIALS,
        "the kubeconfig may be for another cluster: get it anew, or choose another --context",
    ),
    _case(
        r"name or service not known|nodename nor servname|name resolution|no address associated|getaddrinfo",
        "its name can't be resolved",
        Blame.NETWORK,
        "check the network or VPN, and the server's address in the kubeconfig",
    ),
    _case(
        r"timeout|timed out|unreachable|no route",
        "it can't be reached",
        Blame.NETWORK,
        "check the network or VPN, and the server's address in the kubeconfig",
    ),
    _case(
        r"refused|connect call failed",
        "it accepts no connection",
        Blame.NETWORK,
        "check that the cluster runs, and the server's address in the kubeconfig",
    ),
)


def unanswered(server: str, status: int, message: str) -> Problem | None:
    """The problem of a request that reached no API, or was refused for who sent it; None for any other.

    Args:
        server: the address of the API server.
        status: HTTP status, 0 when there was no answer.
        message: what the connection or the server said.
    """
    where = f"the API server {server}"
    if status == 401:
        return Problem(
            Reason.API_UNAVAILABLE,
            "it doesn't accept the credentials of the kubeconfig",
            Blame.CREDENTIALS,
            where,
            "they may have expired: log in again, or choose another --context",
        )
    if status in (502, 503, 504):
        advice = "try again; if it lasts, look at the control plane"
        return Problem(
            Reason.API_UNAVAILABLE, f"it is not available: {message}", Blame.CLUSTER, where, advice
        )
    if status:
        return None
    found = next((case for case in _CASES if case.pattern.search(message)), None)
    if found:
        return Problem(Reason.API_UNAVAILABLE, found.message, found.blame, where, found.advice)
    advice = "check --kubeconfig, --context and the network"
    return Problem(Reason.API_UNAVAILABLE, f"it doesn't answer: {message}", Blame.NETWORK, where, advice)
