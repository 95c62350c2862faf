"""The commands, their options and help, one file for each subject; importing them registers them.

What a command does stands in a module of its own, imported when it runs: the start must stay fast.
"""

from gitops.cli.app import app
from gitops.cli.commands import comparing, looking, serving, setting_up, steering, syncing
from gitops.cli.help import Command

for _command in app.registered_commands:
    _command.cls = Command

__all__ = ["comparing", "looking", "serving", "setting_up", "steering", "syncing"]
