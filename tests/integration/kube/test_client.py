"""The client: whose rights a request has, and what becomes of failures."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from gitops.core.model import ObjectKey
from gitops.core.problem import GitopsError, Reason
from gitops.core.resources import NEEDED_VERBS, Resource
from gitops.kube import objects
from gitops.kube.client import APPLY, Access, Account, Client
from gitops.local.controlplane import ControlPlane

Kubectl = Callable[..., str]
CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS)


def config_map(name: str, text: str = "x") -> bytes:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": text}}
    return orjson.dumps(body)


async def apply(client: Client, namespace: str, name: str) -> Any:
    key = ObjectKey("", "ConfigMap", namespace, name)
    return await objects.apply(client, CONFIG_MAPS, key, config_map(name), "test", force=False)


@pytest.fixture
def writer(kubectl: Kubectl, namespace: str) -> Account:
    """An account that may write ConfigMaps in its namespace, and nothing else."""
    here = f"--namespace={namespace}"
    kubectl("create", "serviceaccount", "writer", here)
    kubectl("create", "role", "writer", "--verb=get,patch,create", "--resource=configmaps", here)
    kubectl("create", "rolebinding", "writer", "--role=writer", f"--serviceaccount={namespace}:writer", here)
    return Account(namespace, "writer")


async def test_an_impersonated_account_does_what_it_may_and_nothing_else(
    client: Client, namespace: str, writer: Account
) -> None:
    limited = client.as_account(writer)
    reply = await apply(limited, namespace, "a")
    while reply.status == 403:  # RBAC learns of a binding by a watch
        reply = await apply(limited, namespace, "a")
    assert reply.status == 201
    assert (await apply(limited, "default", "a")).status == 403
    secrets = await limited.request("GET", f"/api/v1/namespaces/{namespace}/secrets")
    assert (secrets.status, secrets.failure["reason"]) == (403, "Forbidden")
    assert f"system:serviceaccount:{namespace}:writer" in secrets.failure["message"]


async def test_the_original_client_keeps_its_own_rights(
    client: Client, namespace: str, writer: Account
) -> None:
    client.as_account(writer)
    assert (await client.request("GET", f"/api/v1/namespaces/{namespace}/secrets")).ok


async def test_an_impersonated_account_has_the_groups_of_its_own_token(
    client: Client, namespace: str, writer: Account
) -> None:
    review = orjson.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    reply = await client.as_account(writer).request(
        "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review
    )
    assert set(reply.json["status"]["userInfo"]["groups"]) == {
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    }


async def test_a_watch_is_opened_with_the_same_rights(
    client: Client, namespace: str, writer: Account
) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    async with client.as_account(writer).stream(path, {"watch": "1"}, "application/json") as response:
        assert response.status == 403


async def test_nobody_there_is_a_reply_of_status_0_that_says_why(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    kubeconfig = tmp_path / "config"
    nowhere = control_plane.kubeconfig.read_text().replace(control_plane.url, "https://127.0.0.1:1")
    kubeconfig.write_text(nowhere)
    client = await Client.connect(Access(kubeconfig))
    reply = await client.request("GET", "/api/v1/namespaces")
    await client.close()
    assert (reply.status, reply.ok) == (0, False)
    assert "127.0.0.1:1" in reply.failure["message"]


async def test_new_credentials_are_read_when_the_old_ones_are_refused(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    kubeconfig = tmp_path / "config"
    good = control_plane.kubeconfig.read_text()
    kubeconfig.write_text(good.replace(control_plane.admin_token, "long-expired"))
    client = await Client.connect(Access(kubeconfig))
    kubeconfig.write_text(good)
    assert (await client.request("GET", "/api/v1/namespaces")).ok
    await client.close()


async def test_requests_that_are_refused_at_once_all_use_the_new_credentials(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    kubeconfig = tmp_path / "config"
    good = control_plane.kubeconfig.read_text()
    kubeconfig.write_text(good.replace(control_plane.admin_token, "long-expired"))
    client = await Client.connect(Access(kubeconfig))
    kubeconfig.write_text(good)
    replies = await asyncio.gather(*(client.request("GET", "/api/v1/namespaces") for _ in range(20)))
    assert {reply.status for reply in replies} == {200}
    await client.close()


async def test_what_is_under_way_goes_on_when_credentials_are_read_again(
    client: Client, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    async with client.stream(path, {"watch": "1"}, "application/json") as watch:
        slow = [asyncio.create_task(client.request("GET", "/openapi/v2")) for _ in range(4)]
        await asyncio.sleep(0.01)
        assert await client._pool.reload(time.monotonic())
        await apply(client, namespace, "later")
        async with asyncio.timeout(10):
            while b"later" not in await watch.content.readline():
                pass
        assert {reply.status for reply in await asyncio.gather(*slow)} == {200}


async def test_credentials_that_stay_refused_are_a_401_and_not_a_loop(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(control_plane.kubeconfig.read_text().replace(control_plane.admin_token, "wrong"))
    seen: list[int] = []
    client = await Client.connect(
        Access(kubeconfig), lambda method, label, status, seconds: seen.append(status)
    )
    assert (await client.request("GET", "/api/v1/namespaces")).status == 401
    assert (await client.request("GET", "/api/v1/namespaces")).status == 401
    await client.close()
    assert seen == [401, 401, 401], "the second request doesn't read the same file again"


@pytest.mark.parametrize("content", [None, "", "kind: Config", "{"])
async def test_a_kubeconfig_that_can_not_be_used_says_so(tmp_path: Path, content: str | None) -> None:
    kubeconfig = tmp_path / "config"
    if content is not None:
        kubeconfig.write_text(content)
    with pytest.raises(GitopsError) as caught:
        await Client.connect(Access(kubeconfig))
    assert caught.value.problem.reason is Reason.API_UNAVAILABLE
    assert str(kubeconfig) in str(caught.value)


async def test_proxies_of_the_environment_are_not_used(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    client = await Client.connect(Access(control_plane.kubeconfig))
    assert (await client.request("GET", "/version")).ok
    await client.close()


async def test_a_body_of_many_megabytes_is_sent_whole(client: Client, namespace: str) -> None:
    """The server refuses it for its size, so it has read it."""
    path = CONFIG_MAPS.path(ObjectKey("", "ConfigMap", namespace, "big"))
    reply = await client.request(
        "PATCH",
        path,
        config_map("big", "x" * (2 * 2**20)),
        params={"fieldManager": "test"},
        content_type=APPLY,
    )
    assert (reply.status, reply.failure["reason"]) == (422, "Invalid")


async def test_the_observer_hears_of_every_request(control_plane: ControlPlane) -> None:
    heard: list[tuple[str, str, int]] = []
    client = await Client.connect(
        Access(control_plane.kubeconfig),
        lambda method, label, status, _: heard.append((method, label, status)),
    )
    await client.request("GET", "/api/v1/namespaces/default", label="namespaces")
    await client.request("GET", "/api/v1/namespaces/nowhere", label="namespaces")
    await client.close()
    assert heard == [("GET", "namespaces", 200), ("GET", "namespaces", 404)]


def test_the_kubeconfig_of_the_test_is_the_administrators(control_plane: ControlPlane) -> None:
    whoami = json.loads(control_plane.kubectl("auth", "whoami", "--output=json"))
    assert "system:masters" in whoami["status"]["userInfo"]["groups"]
