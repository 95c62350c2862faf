"""Fixtures for tests with a whole controller."""

from tests.support.fixtures import cluster, command, controller, idle_controller, site, tools

__all__ = ["cluster", "command", "controller", "idle_controller", "site", "tools"]
