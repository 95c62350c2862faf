"""One controller for each module, and a site for each test."""

from tests.support.fixtures import cluster, command, controller, idle_controller, site, tools

__all__ = ["cluster", "command", "controller", "idle_controller", "site", "tools"]
