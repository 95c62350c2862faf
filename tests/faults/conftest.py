"""The cluster and the tools; each run has a controller and a site of its own."""

from tests.support.fixtures import cluster, tools

__all__ = ["cluster", "tools"]
