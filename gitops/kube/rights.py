"""What an account may do in a namespace, asked as that account itself."""

from typing import Any

import orjson

from gitops.kube.client import Client

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


async def rules_in(client: Client, namespace: str) -> list[dict[str, Any]] | None:
    """The rules of the client's own account; None when they can't be had in full.

    Everybody may ask this of himself (`system:basic-user`), so the controller needs no right for it.
    """
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    reply = await client.request("POST", _PATH, orjson.dumps(body), label="selfsubjectrulesreviews")
    status = reply.json.get("status") if reply.ok else None
    if not status or status.get("incomplete"):
        return None
    found: list[dict[str, Any]] = status.get("resourceRules") or []
    return found
