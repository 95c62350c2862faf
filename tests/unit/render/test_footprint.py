"""The renderer stays small, and far from the libraries that could reach a cluster."""

import subprocess
import sys

HEAVY = (
    "kubernetes",
    "aiohttp",
    "git",
    "pydantic",
    "typer",
    "asyncio",
    "ssl",
    "structlog",
    "prometheus_client",
)


def test_the_renderer_imports_no_library_that_reaches_a_cluster_or_a_network() -> None:
    code = f"import sys, gitops.render.__main__; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
