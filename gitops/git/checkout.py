"""A commit of a repository on this machine, as a source tree, without a word to any remote."""

from pathlib import Path

from git import InvalidGitRepositoryError, NoSuchPathError, Repo

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.git.process import run
from gitops.git.tree import CommitTree

_TIMEOUT = 60.0  # seconds; local reads


def commit_tree(folder: Path, revision: str) -> CommitTree:
    """The commit that `revision` names in the repository around `folder`.

    Raises:
        GitopsError: REVISION_NOT_FOUND, also where there is no repository.
    """
    try:
        with Repo(folder, search_parent_directories=True) as repository:
            place = Path(repository.git_dir)
    except (InvalidGitRepositoryError, NoSuchPathError):
        raise _not_found(f"{folder} is in no Git repository", revision) from None
    wanted = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    found = run(wanted, repository=place, timeout=_TIMEOUT)
    if found.code:
        raise _not_found("there is no such commit, branch or tag in the local repository", revision)

    def damaged() -> GitopsError:
        return _not_found("the local repository has not all of this commit", revision)

    return CommitTree(place, found.text.strip(), damaged)


def _not_found(message: str, revision: str) -> GitopsError:
    advice = "correct the revision, or fetch it: a shallow clone has few commits"
    return fail(Reason.REVISION_NOT_FOUND, message, Blame.SPEC, where=revision, advice=advice)
