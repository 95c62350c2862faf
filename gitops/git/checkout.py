"""Commits of a repository on this machine, as source trees, without a word to any remote."""

from dataclasses import dataclass
from pathlib import Path

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.git.process import run
from gitops.git.tree import CommitTree

_TIMEOUT = 60.0  # seconds; local reads


@dataclass(frozen=True, slots=True)
class _Around:
    """The repository around a folder: its `.git`, and the root of its work tree, if it has one."""

    folder: Path
    root: Path | None


def _around(place: Path) -> _Around | None:
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo  # here, as in gitops.git.process

    try:
        with Repo(place, search_parent_directories=True) as repository:
            root = repository.working_tree_dir
            return _Around(Path(repository.git_dir), Path(root) if root else None)
    except (InvalidGitRepositoryError, NoSuchPathError):
        return None


def commit_tree(folder: Path, revision: str) -> CommitTree:
    """The commit that `revision` names in the repository around `folder`.

    Raises:
        GitopsError: REVISION_NOT_FOUND, also where there is no repository.
    """
    around = _around(folder)
    if around is None:
        raise _not_found(f"{folder} is in no Git repository", revision)
    place = around.folder
    wanted = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    found = run(wanted, repository=place, timeout=_TIMEOUT)
    if found.code:
        raise _not_found("there is no such commit, branch or tag in the local repository", revision)

    def damaged() -> GitopsError:
        return _not_found("the local repository has not all of this commit", revision)

    return CommitTree(place, found.text.strip(), damaged)


class Checkout:
    """The work tree around a folder, which need not exist itself: another revision may have it."""

    def __init__(self, folder: Path) -> None:
        """Raises GitopsError INVALID_REPOSITORY where there is none."""
        place = folder.resolve()
        there = next(one for one in (place, *place.parents) if one.is_dir())
        around = _around(there)
        if around is None or around.root is None:
            raise fail(
                Reason.INVALID_REPOSITORY,
                "is in no Git work tree, so it has no revisions",
                Blame.SPEC,
                where=str(folder),
                advice="give a folder of a checkout, or an Application",
            )
        self._folder = around.folder
        self.root = around.root.resolve()
        relative = place.relative_to(self.root).as_posix()
        self.path = "" if relative == "." else relative

    def tree(self, revision: str) -> CommitTree:
        """The files of a revision. Raises GitopsError REVISION_NOT_FOUND."""
        return commit_tree(self.root, revision)

    def fork(self, one: str, other: str) -> str:
        """The newest commit that both have. Raises GitopsError REVISION_NOT_FOUND."""
        sides = [self.tree(one).sha, self.tree(other).sha]
        arguments = ["merge-base", "--end-of-options", *sides]
        output = run(arguments, repository=self._folder, timeout=_TIMEOUT)
        if output.code:
            raise _not_found("both have no commit in common here", f"{one}...{other}")
        return output.text.split()[0]


def _not_found(message: str, revision: str) -> GitopsError:
    advice = "correct the revision, or fetch it: a shallow clone has few commits"
    return fail(Reason.REVISION_NOT_FOUND, message, Blame.SPEC, where=revision, advice=advice)
