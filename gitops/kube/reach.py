"""An API server that could not be asked, as an error for people."""

from gitops.core.problem import GitopsError
from gitops.core.reach import unanswered
from gitops.kube.client import Client, Reply


def raise_unanswered(client: Client, reply: Reply) -> None:
    """Raises GitopsError when the reply says that there was no answer, or for whom there is none."""
    problem = unanswered(client.server, reply.status, str(reply.failure.get("message") or "no reason given"))
    if problem:
        raise GitopsError(problem)
