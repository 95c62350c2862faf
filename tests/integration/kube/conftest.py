"""Fixtures: our own client."""

from collections.abc import AsyncIterator

import pytest_asyncio

from gitops.kube.client import Access, Client
from gitops.local.controlplane import ControlPlane


@pytest_asyncio.fixture(scope="session")
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """Our own client, as administrator."""
    client = await Client.connect(Access(control_plane.kubeconfig))
    yield client
    await client.close()
