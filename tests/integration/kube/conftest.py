"""Fixtures: our own client, and a type of objects that is new to the API server."""

import json
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.kube.client import Access, Client
from gitops.local.controlplane import ControlPlane


@pytest_asyncio.fixture(scope="session")
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """Our own client, as administrator."""
    client = await Client.connect(Access(control_plane.kubeconfig))
    yield client
    await client.close()


@pytest.fixture
def widgets(kubectl: Callable[..., str], namespace: str) -> Iterator[Resource]:
    """A custom resource whose definition was established just now."""
    group = f"{namespace}.example"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    name = f"crd/widgets.{group}"
    kubectl("create", "--filename=-", input=json.dumps(definition))
    kubectl("wait", name, "--for=condition=Established", "--timeout=30s")
    yield Resource(group, "v1", "Widget", "widgets", namespaced=True, verbs=NEEDED_VERBS)
    kubectl("delete", name, "--wait=false")
