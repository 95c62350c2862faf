"""A Git working tree that tests and the demo commit to and push from, free of the user's settings."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops.core.problem import Blame
from gitops.local.trouble import unavailable

# A user's or a machine's settings (signing, hooks, default branch, URL rewriting) would make
# results differ from one machine to the next.
GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "no_proxy": "127.0.0.1",  # curl would ask a proxy from the environment for it
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a git that takes its settings from nowhere but its repository."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**inherited, **GIT_ENVIRONMENT, **(more or {})}


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A working tree in `folder` whose remote `origin` is `url`; `environment` is for its git."""

    folder: Path
    url: str
    environment: dict[str, str]

    @classmethod
    def create(cls, folder: Path, url: str, environment: Mapping[str, str] | None = None) -> "WorkTree":
        """Make an empty working tree on the branch `main`; nothing is fetched."""
        folder.mkdir(parents=True, exist_ok=True)
        tree = cls(folder, url, clean_environment(environment))
        tree.git("init", "--quiet", "--initial-branch=main")
        tree.git("remote", "add", "origin", url)
        return tree

    @classmethod
    def clone(cls, folder: Path, url: str, environment: Mapping[str, str] | None = None) -> "WorkTree":
        """Make a working tree of what `url` holds."""
        tree = cls.create(folder, url, environment)
        tree.git("fetch", "--quiet", "origin", "HEAD")
        tree.git("reset", "--quiet", "--hard", "FETCH_HEAD")
        return tree

    def git(self, *arguments: str) -> str:
        """Run git here and give its output; raises GitopsError with git's own words."""
        result = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise unavailable(
                f"git {' '.join(arguments)}: {result.stderr.strip()}",
                f"look into {self.folder}",
                Blame.OURSELVES,
            )
        return result.stdout.strip()

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files by their path in the tree; None removes one."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")

    def commit(self, message: str, files: Mapping[str, str | None] | None = None) -> str:
        """Write `files`, commit all that changed (maybe nothing), and give the full SHA."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.head()

    def head(self) -> str:
        """The full SHA of the current commit."""
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        """Go to a branch; a new one starts at the current commit."""
        known = self.git("branch", "--list", name)
        self.git("switch", "--quiet", *(() if known else ("--create",)), name)

    def tag(self, name: str, message: str | None = None) -> None:
        """Tag the current commit, annotated when there is a message; `push` sends it."""
        self.git("tag", *(("--annotate", f"--message={message}") if message else ()), name)

    def push(self) -> None:
        """Send the current branch and all tags; refused when that would lose commits."""
        self.git("push", "--quiet", "--tags", "origin", "HEAD")

    def force_push(self) -> None:
        """Send the current branch whatever the server had, as somebody who rewrites history."""
        self.git("push", "--quiet", "--force", "origin", "HEAD")

    def delete_branch(self, name: str) -> None:
        """Remove a branch from the server."""
        self.git("push", "--quiet", "--delete", "origin", name)
