"""Fixtures: the API server through our own client, and namespaces in it."""

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gitops.core.resources import Catalog
from gitops.kube.client import Access, Client
from gitops.kube.discovery import discover
from gitops.local.controlplane import ControlPlane
from tests.integration.rules.support import Place


@pytest_asyncio.fixture(scope="session")
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """Our own client, as administrator."""
    client = await Client.connect(Access(control_plane.kubeconfig))
    yield client
    await client.close()


@pytest_asyncio.fixture(scope="session")
async def catalog(client: Client) -> Catalog:
    return await discover(client)


@pytest.fixture
def place(client: Client, catalog: Catalog, namespace: str) -> Place:
    """A namespace of the test's own."""
    return Place(client, catalog, namespace)


@pytest.fixture(scope="module")
def shared_place(client: Client, catalog: Catalog, control_plane: ControlPlane) -> Place:
    """A namespace for the rows of a table, which use names of their own in it."""
    name = f"t-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    return Place(client, catalog, name)
