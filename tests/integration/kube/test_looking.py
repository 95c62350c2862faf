"""Looking: what is there, what is absent, and what can't be told from each other by a failed read."""

from collections.abc import Callable

import orjson

from gitops.core.inventory import Absent, Live, Unreadable
from gitops.core.model import ObjectKey
from gitops.core.problem import Problem, Reason
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.kube import objects
from gitops.kube.client import Account, Client
from gitops.kube.discovery import discover

Kubectl = Callable[..., str]
CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS)
NOPES = Resource("", "v1", "Nope", "nopes", namespaced=True, verbs=NEEDED_VERBS)


def key(namespace: str, name: str = "a") -> ObjectKey:
    return ObjectKey("", "ConfigMap", namespace, name)


async def test_an_object_that_is_there_is_live_and_its_data_stays_with_the_server(
    client: Client, namespace: str, kubectl: Kubectl
) -> None:
    kubectl("create", "configmap", "a", "--from-literal=k=hunter2", f"--namespace={namespace}")
    found = await objects.look(client, CONFIG_MAPS, key(namespace))
    assert isinstance(found, Live)
    assert found.observed.key == key(namespace)
    assert b"hunter2" not in orjson.dumps(found.metadata)


async def test_an_object_that_is_not_there_is_absent(client: Client, namespace: str) -> None:
    assert isinstance(await objects.look(client, CONFIG_MAPS, key(namespace)), Absent)


async def test_an_object_in_a_namespace_that_is_not_there_is_absent(client: Client) -> None:
    assert isinstance(await objects.look(client, CONFIG_MAPS, key("nowhere")), Absent)


async def test_a_kind_that_is_not_served_is_unreadable_and_not_absent(client: Client, namespace: str) -> None:
    """A CRD that was removed for a moment, or an aggregated API that is down, must not look like a prune."""
    for resource in (NOPES, Resource("gone.example", "v1", "Nope", "nopes", True, NEEDED_VERBS)):
        found = await objects.look(client, resource, key(namespace))
        assert isinstance(found, Unreadable)


async def test_a_forbidden_look_is_unreadable_and_says_so(client: Client, namespace: str) -> None:
    nobody = client.as_account(Account(namespace, "nobody"))
    found = await objects.look(nobody, CONFIG_MAPS, key(namespace))
    assert isinstance(found, Unreadable)
    assert found.problem.reason is Reason.FORBIDDEN
    assert found.problem.message.startswith("can't be read: ")


async def test_a_list_has_all_objects_of_a_type_and_a_forbidden_list_is_a_problem(
    client: Client, namespace: str, kubectl: Kubectl
) -> None:
    for name in ("a", "b"):
        kubectl("create", "configmap", name, f"--namespace={namespace}")
    found = await objects.look_at_all(client, CONFIG_MAPS, namespace)
    assert not isinstance(found, Problem)
    assert {key(namespace, "a"), key(namespace, "b")} <= found.keys()
    nobody = client.as_account(Account(namespace, "nobody"))
    refused = await objects.look_at_all(nobody, CONFIG_MAPS, namespace)
    assert isinstance(refused, Problem)


async def test_discovery_lists_what_is_built_in(client: Client) -> None:
    catalog = await discover(client)
    deployments = catalog.at_version("apps/v1", "Deployment")
    assert deployments
    assert (deployments.plural, deployments.namespaced, deployments.missing_verbs) == (
        "deployments",
        True,
        frozenset(),
    )
    namespaces = catalog.at_version("v1", "Namespace")
    assert namespaces
    assert not namespaces.namespaced
    assert "autoscaling/v2" in catalog.api_versions()
    assert "autoscaling/v2/HorizontalPodAutoscaler" in catalog.api_versions()
    assert catalog.unavailable == frozenset()


async def test_discovery_lists_no_subresources(client: Client) -> None:
    catalog = await discover(client)
    scale = catalog.at_version("autoscaling/v1", "Scale")
    assert scale is None


async def test_discovery_lists_a_custom_resource_soon_after_its_definition_is_established(
    client: Client, widgets: Resource
) -> None:
    found = None
    for _ in range(100):
        found = (await discover(client)).at_version(widgets.api_version, "Widget")
        if found:
            break
    assert found
    assert (found.plural, found.namespaced, found.missing_verbs) == ("widgets", True, frozenset())
