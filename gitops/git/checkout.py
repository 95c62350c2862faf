"""Revisions of a local checkout: its own repository is read, nothing is fetched or checked out."""

from pathlib import Path

from git import InvalidGitRepositoryError, NoSuchPathError, Repo

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.git.process import run
from gitops.git.tree import CommitTree

_TIMEOUT = 60.0  # seconds; local reads


class Checkout:
    """The repository around a folder, which need not exist itself: another revision may have it."""

    def __init__(self, folder: Path) -> None:
        """Raises GitopsError INVALID_REPOSITORY where there is none."""
        place = folder.resolve()
        there = next(one for one in (place, *place.parents) if one.is_dir())
        try:
            with Repo(there, search_parent_directories=True) as repository:
                root, self._folder = repository.working_tree_dir, Path(repository.git_dir)
        except (InvalidGitRepositoryError, NoSuchPathError):
            root = None
        if root is None:
            raise fail(
                Reason.INVALID_REPOSITORY,
                "is in no Git work tree, so it has no revisions",
                Blame.SPEC,
                where=str(folder),
                advice="give a folder of a checkout, or an Application",
            )
        self.root = Path(root).resolve()
        relative = place.relative_to(self.root).as_posix()
        self.path = "" if relative == "." else relative

    def commit(self, revision: str) -> str:
        """The full SHA. Raises GitopsError REVISION_NOT_FOUND."""
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
        output = run(arguments, repository=self._folder, timeout=_TIMEOUT)
        if output.code:
            raise self._unknown(f"this checkout has no revision {revision[:80]!r}")
        return output.text.strip()

    def fork(self, one: str, other: str) -> str:
        """The newest commit that both have. Raises GitopsError REVISION_NOT_FOUND."""
        arguments = ["merge-base", "--end-of-options", self.commit(one), self.commit(other)]
        output = run(arguments, repository=self._folder, timeout=_TIMEOUT)
        if output.code:
            raise self._unknown(f"{one[:80]!r} and {other[:80]!r} have no commit in common here")
        return output.text.split()[0]

    def tree(self, sha: str) -> CommitTree:
        """The files of a commit."""
        return CommitTree(self._folder, sha, lambda: self._unknown(f"commit {sha[:7]} is not complete here"))

    def _unknown(self, message: str) -> GitopsError:
        return fail(
            Reason.REVISION_NOT_FOUND,
            message,
            Blame.SPEC,
            where="--rev",
            advice="fetch it with `git fetch`; a shallow clone (as CI makes it) has few commits",
        )
