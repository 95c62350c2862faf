"""Bare repositories in a folder, served by both Git servers."""

import subprocess
from pathlib import Path

from gitops.local.worktree import clean_environment

_SETTINGS = {
    "http.receivepack": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",  # as the big hosting services do
    "receive.denyDeleteCurrent": "ignore",  # tests delete `main` to see what happens
}


def create(folder: Path, name: str) -> Path:
    """Make the bare repository `<folder>/<name>.git` with the branch `main` still unborn."""
    path = folder / f"{name}.git"
    commands = [["init", "--quiet", "--bare", "--initial-branch=main", str(path)]]
    commands += [["-C", str(path), "config", key, value] for key, value in _SETTINGS.items()]
    for command in commands:
        subprocess.run(["git", *command], check=True, env=clean_environment(), stdin=subprocess.DEVNULL)
    return path
