"""Lists of more objects than one answer has."""

import json
from collections.abc import Callable

from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.kube.client import METADATA_LIST, Account, Client, Reply
from gitops.kube.listing import Listed, list_all, list_up_to

Kubectl = Callable[..., str]
CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS)
_OVER_A_PAGE = 501
_SELECTOR = "many=yes"


def many(kubectl: Kubectl, namespace: str) -> None:
    made = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"n{index}", "labels": {"many": "yes"}},
            "data": {"k": "hunter2"},
        }
        for index in range(_OVER_A_PAGE)
    ]
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    kubectl("create", "--filename=-", f"--namespace={namespace}", input=document)


async def test_a_list_is_read_whole_or_up_to_a_number_of_objects(
    client: Client, namespace: str, kubectl: Kubectl
) -> None:
    many(kubectl, namespace)
    for at_once in (False, True):
        found = await list_all(client, CONFIG_MAPS, namespace, selector=_SELECTOR, at_once=at_once)
        assert not isinstance(found, Reply)
        assert len({one["metadata"]["name"] for one in found}) == _OVER_A_PAGE

    enough = await list_up_to(_OVER_A_PAGE, client, CONFIG_MAPS, namespace, selector=_SELECTOR)
    assert isinstance(enough, Listed)
    assert (len(enough.objects), enough.complete) == (_OVER_A_PAGE, True)

    cut = await list_up_to(500, client, CONFIG_MAPS, namespace, selector=_SELECTOR, accept=METADATA_LIST)
    assert isinstance(cut, Listed)
    assert (len(cut.objects), cut.complete) == (500, False)
    assert "hunter2" not in json.dumps(cut.objects)


async def test_a_list_that_is_refused_says_why(client: Client, namespace: str) -> None:
    nobody = client.as_account(Account(namespace, "nobody"))
    for found in (
        await list_all(nobody, CONFIG_MAPS, namespace),
        await list_up_to(500, nobody, CONFIG_MAPS, namespace),
    ):
        assert isinstance(found, Reply)
        assert found.status == 403
        assert "cannot list" in found.failure["message"]
