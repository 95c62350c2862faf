"""The commands, their options and help, one file for each subject; importing them registers them.

What a command does stands in a module of its own, imported when it runs: the start must stay fast.
"""

from gitops.cli.commands import comparing, looking, serving, setting_up, steering, syncing

__all__ = ["comparing", "looking", "serving", "setting_up", "steering", "syncing"]
