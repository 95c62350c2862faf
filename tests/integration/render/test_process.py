"""The renderer's life: small, restarted, ended with its parent, tidy, fair."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gitops.core.problem import GitopsError, Reason
from gitops.git.folder import FolderTree
from gitops.render.client import RendererClient
from gitops.render.closure import render_tree
from gitops.render.limits import Limits
from gitops.render.process import RendererProcess
from gitops.render.protocol import RenderRequest, encode_version_request

PACKAGES = str(Path(__file__).parents[3])
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def slow_tool(folder: Path, seconds: float) -> str:
    """A `helm` that takes its time and then renders nothing."""
    tool = folder / "slow-helm"
    tool.write_text(f"#!{sys.executable} -S\nimport time\ntime.sleep({seconds})\n")
    tool.chmod(0o755)
    return str(tool)


@pytest.fixture
def chart(tmp_path: Path) -> FolderTree:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    return FolderTree(tmp_path)


def request(path: str = "chart", **limits: Any) -> RenderRequest:
    return RenderRequest("shop/web", "shop", path, limits=Limits(**limits))


def resident_bytes(pid: int | None) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


async def test_at_rest_it_takes_less_than_30_mb(
    render: Callable[..., Any], renderer: RendererProcess
) -> None:
    await render({"app/a.yaml": CONFIG_MAP})
    assert resident_bytes(renderer.pid) < 30_000_000


async def test_it_knows_the_versions_that_are_part_of_the_key(client: RendererClient) -> None:
    version = await client.version()
    assert version.startswith("gitops ")
    assert "helm v" in version
    assert "kustomize v" in version


async def test_a_renderer_that_was_killed_is_started_again(tools: Mapping[str, Path], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    renderer = RendererProcess(helm=str(tools["helm"]))
    async with renderer as client:
        before = renderer.pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        done = await render_tree(FolderTree(tmp_path), request("."), client)
        assert len(done.rendered.manifests) == 1
        assert renderer.pid != before


async def test_a_renderer_that_is_not_there_is_no_fault_of_the_source(tmp_path: Path) -> None:
    with pytest.raises(GitopsError) as caught:
        await RendererClient(tmp_path / "nothing.sock").render(request())
    assert caught.value.problem.reason is Reason.RENDERER_UNAVAILABLE


async def test_two_run_and_others_wait_without_losing_their_time(tmp_path: Path, chart: FolderTree) -> None:
    async with RendererProcess(helm=slow_tool(tmp_path, 1.5), max_concurrent=2) as client:
        start = time.monotonic()
        await asyncio.gather(*[render_tree(chart, request(seconds=2.9), client) for _ in range(4)])
        assert time.monotonic() - start >= 3  # two after the other two


async def test_a_cancelled_render_is_ended(tmp_path: Path, chart: FolderTree) -> None:
    renderer = RendererProcess(helm=slow_tool(tmp_path, 60), max_concurrent=1)
    async with renderer as client:
        running = [asyncio.create_task(render_tree(chart, request(), client)) for _ in range(2)]
        await asyncio.sleep(0.5)
        for each in running:  # one runs, one waits
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        (tmp_path / "plain").mkdir()
        (tmp_path / "plain" / "a.yaml").write_text(CONFIG_MAP)
        async with asyncio.timeout(5):
            await render_tree(chart, request("plain"), client)
        children = Path(f"/proc/{renderer.pid}/task/{renderer.pid}/children")
        await asyncio.to_thread(eventually, lambda: children.read_text() == "")


async def test_whoever_says_nothing_or_nonsense_keeps_nobody_waiting(
    renderer: RendererProcess, render: Callable[..., Any]
) -> None:
    path = str(renderer.client.socket_path)
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as nonsense:
        silent.connect(path)
        nonsense.connect(path)
        nonsense.sendall(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        nonsense.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert nonsense.recv(1) == b""
        silent.sendall(b"".join(encode_version_request())[:5])
        assert (await render({"app/a.yaml": CONFIG_MAP})).rendered.manifests


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio\n"
        "from gitops.render.process import RendererProcess\n"
        "async def main():\n"
        "    renderer = RendererProcess()\n"
        "    await renderer.start()\n"
        "    print(renderer.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": PACKAGES, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    eventually(lambda: not is_running(pid))
    assert not list(tmp_path.iterdir()), "nor is its folder left"


def test_a_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    with started(path, {"TMPDIR": str(tmp_path)}) as process:
        eventually(path.exists)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"".join(encode_version_request()))
            assert connection.recv(4) == b"GOR1"
        process.terminate()
        assert process.wait(5) == 0
    assert not path.exists()


def test_what_a_killed_renderer_left_is_removed_at_the_next_start(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    leftover = tmp_path / f"gitops-render-{dead.pid}-abc"
    another = tmp_path / f"gitops-render-{os.getpid()}-abc"
    for folder in (leftover, another):
        (folder / "tree").mkdir(parents=True)
    with started(tmp_path / "r.sock", {"TMPDIR": str(tmp_path)}) as process:
        eventually(lambda: not leftover.exists())
        process.terminate()
    assert another.exists()


def started(path: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gitops.render", "--socket", str(path)],
        env={"PYTHONPATH": PACKAGES, **environment},
        stdin=subprocess.DEVNULL,
    )


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
