"""Bombs: each meets its limit with an error that says so, and the next render works."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops.core.problem import Blame, Reason
from gitops.render.limits import MEBIBYTE, Limits
from gitops.render.process import RendererProcess

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
ENDLESS = '{{ define "x" }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}'


def children_of(pid: int | None) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def no_children(pid: int | None) -> None:
    """They are there for another moment: the renderer answers before it tidies up."""
    for _ in range(150):
        if not children_of(pid):
            return
        await asyncio.sleep(0.02)
    pytest.fail("a process is left")


@pytest.fixture
async def unharmed(render: Callable[..., Any], renderer: RendererProcess) -> Any:
    """After the test: the same renderer still works, and has no process left."""
    pid = renderer.pid
    yield
    assert [each.name for each in (await render({"app/a.yaml": CONFIG_MAP})).rendered.manifests] == ["a"]
    assert renderer.pid == pid
    await no_children(pid)


@pytest.mark.usefixtures("unharmed")
class TestABomb:
    async def test_of_aliases(self, failure: Callable[..., Any]) -> None:
        lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        error = await failure({"app/a.yaml": "\n".join([CONFIG_MAP + "a0: &a0 [x, x, x]", *lines])})
        assert error.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
        assert error.problem.where.startswith("app/a.yaml:")

    async def test_of_depth(self, failure: Callable[..., Any]) -> None:
        for name, text in (("a.yaml", "[" * 50_000), ("a.json", "[" * 50_000), ("a.yaml", "- " * 50_000)):
            error = await failure({f"app/{name}": text})
            assert error.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
            assert "nested" in error.problem.message

    async def test_of_aliases_that_nest(self, failure: Callable[..., Any]) -> None:
        lines = [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5000)]
        error = await failure({"app/a.yaml": "\n".join([CONFIG_MAP + "a0: &a0 [x]", *lines])})
        assert error.problem.reason in (Reason.INVALID_MANIFEST, Reason.RENDER_LIMIT_EXCEEDED)

    async def test_of_bytes(self, failure: Callable[..., Any]) -> None:
        big = b"# " + b"x" * (100 * MEBIBYTE)
        error = await failure({"app/big.yaml": big, "app/a.yaml": CONFIG_MAP})
        assert error.problem.reason is Reason.RENDER_LIMIT_EXCEEDED

    async def test_of_documents(self, failure: Callable[..., Any]) -> None:
        error = await failure({"app/a.yaml": "---\na: 1\n" * 1_000_000})
        assert error.problem.reason in (Reason.RENDER_LIMIT_EXCEEDED, Reason.INVALID_MANIFEST)
        error = await failure({"app/a.yaml": "---\n" * 1_000_000})
        assert error.problem.message == "more than 20000 documents and objects"

    async def test_of_memory(self, failure: Callable[..., Any]) -> None:
        values = "".join(f"  k{n}: {{a: {n}, b: [x, y, z]}}\n" for n in range(20_000))
        limits = Limits(memory_bytes=20 * MEBIBYTE)
        error = await failure({"app/a.yaml": f"{CONFIG_MAP}data:\n{values}"}, limits=limits)
        assert error.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
        assert error.problem.message == "the render needs more than 20 MiB of memory"

    async def test_of_a_charts_memory(self, failure: Callable[..., Any]) -> None:
        template = '{{ $x := "xxxxxxxxxxxxxxxx" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}'
        error = await failure(
            {"app/Chart.yaml": CHART, "app/templates/a.yaml": template},
            limits=Limits(memory_bytes=512 * MEBIBYTE),
        )
        assert error.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
        assert error.problem.message == "helm needs more than 512 MiB of memory"

    async def test_of_a_charts_output(self, failure: Callable[..., Any]) -> None:
        template = f"{{{{ range until 2000 }}}}\n{CONFIG_MAP}data: {{a: {'x' * 1000}}}\n---\n{{{{ end }}}}"
        error = await failure(
            {"app/Chart.yaml": CHART, "app/templates/a.yaml": template}, limits=Limits(output_bytes=MEBIBYTE)
        )
        assert error.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
        assert error.problem.message == "helm writes more than 1048576 bytes"

    async def test_of_time(self, failure: Callable[..., Any], renderer: RendererProcess) -> None:
        start = time.monotonic()
        files = {"app/Chart.yaml": CHART, "app/templates/a.yaml": f'{ENDLESS}{{{{ include "x" . }}}}'}
        running = asyncio.create_task(failure(files, limits=Limits(seconds=1.5)))
        await asyncio.sleep(0.8)
        (child,) = children_of(renderer.pid)
        (helm,) = children_of(child)
        error = await running
        assert error.problem.reason is Reason.RENDER_TIMEOUT
        assert error.problem.blame is Blame.REPOSITORY
        assert "longer than 1.5 s" in error.problem.message
        assert time.monotonic() - start < 4
        await no_children(renderer.pid)
        for pid in (child, helm):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
