"""A controller for each module, a site and a command for each test."""

from tests.support.fixtures import cluster, command, controller, idle_controller, site, tools

__all__ = ["cluster", "command", "controller", "idle_controller", "site", "tools"]
