"""One controller at a time, on a real Lease."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from gitops.kube import lease as lease_module
from gitops.kube.client import Access, Client
from gitops.kube.lease import Lease
from gitops.local.controlplane import ControlPlane

Kubectl = Callable[..., str]


@pytest.fixture
def access(control_plane: ControlPlane) -> Access:
    return Access(control_plane.kubeconfig)


@pytest.fixture
async def client(access: Access) -> AsyncIterator[Client]:
    connected = await Client.connect(access)
    yield connected
    await connected.close()


def holder(kubectl: Kubectl, namespace: str) -> str:
    found = json.loads(kubectl("get", "lease", "test", "-n", namespace, "-o", "json"))
    return str(found["spec"].get("holderIdentity", ""))


async def held_by(client: Client, namespace: str, identity: str) -> None:
    """Somebody on another host holds the lease, renewed just now."""
    body = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "test", "namespace": namespace},
        "spec": {"holderIdentity": identity, "leaseDurationSeconds": 15},
    }
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    assert (await client.request("POST", path, json.dumps(body).encode())).ok


async def test_a_free_lease_is_taken_and_given_back(access: Access, namespace: str, kubectl: Kubectl) -> None:
    lease = Lease(access, namespace, "test", lambda: None)
    async with asyncio.timeout(10):
        await lease.acquire()
    assert holder(kubectl, namespace) == lease_module.own_identity()
    await lease.release()
    assert holder(kubectl, namespace) == ""


async def test_a_lease_of_a_dead_process_of_this_host_is_taken_at_once(
    access: Access, namespace: str, client: Client
) -> None:
    dead = lease_module.own_identity().rpartition("_")[0] + "_4194305"  # beyond the largest pid
    await held_by(client, namespace, dead)
    lease = Lease(access, namespace, "test", lambda: None)
    async with asyncio.timeout(5):
        await lease.acquire()
    await lease.release()


async def test_a_lease_that_somebody_holds_is_taken_only_when_it_has_expired(
    access: Access, namespace: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "_DURATION", 4.0)
    monkeypatch.setattr(lease_module, "_RETRY", 0.3)
    await held_by(client, namespace, "elsewhere_1")
    lease = Lease(access, namespace, "test", lambda: None)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(15):
        await lease.acquire()
    assert loop.time() - began >= 4.0
    await lease.release()


async def test_a_lease_that_is_taken_away_is_reported_as_lost(
    access: Access, namespace: str, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "_RENEW", 0.2)
    monkeypatch.setattr(lease_module, "_RETRY", 0.2)
    monkeypatch.setattr(lease_module, "_GIVE_UP", 0.5)
    loop = asyncio.get_running_loop()
    lost = asyncio.Event()
    lease = Lease(access, namespace, "test", lambda: loop.call_soon_threadsafe(lost.set))
    async with asyncio.timeout(10):
        await lease.acquire()
    patch = '{"spec":{"holderIdentity":"elsewhere_1"}}'
    kubectl("patch", "lease", "test", "-n", namespace, "--type=merge", "-p", patch)
    async with asyncio.timeout(10):
        await lost.wait()
    assert not lease.held
    assert holder(kubectl, namespace) == "elsewhere_1"
    await lease.release()
