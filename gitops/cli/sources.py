"""Where a command's manifests come from: a folder of this machine, a repository, an Application's source."""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops.core.model import Tree
from gitops.core.problem import Blame, Reason, fail
from gitops.core.revision import choose, parse_repository, parse_wanted
from gitops.git.checkout import commit_tree
from gitops.git.credentials import Credentials
from gitops.git.folder import FolderTree, discover
from gitops.git.mirror import Mirror
from gitops.git.mirrors import mirror_folder

_REPOSITORY = re.compile(r"(?:https?|ssh|file)://|[^/@]+@[^/:]+:")


@dataclass(frozen=True, slots=True)
class Place:
    """A tree, the path in it, and what it is a revision of (for people)."""

    tree: Tree
    path: str
    revision: str  # a SHA, or "work tree"
    remote: str | None = None


def is_repository(text: str) -> bool:
    """Whether an argument names a remote repository rather than a folder or an Application."""
    return bool(_REPOSITORY.match(text))


def of_folder(path: Path) -> Place:
    """A folder of this machine, with what is not committed. Raises GitopsError PathNotFound."""
    if not path.exists():
        raise fail(
            Reason.PATH_NOT_FOUND, "no such folder", Blame.SPEC, where=str(path), advice="correct the path"
        )
    found = discover(path)
    return Place(FolderTree(found.root), found.path, "work tree", found.remote)


async def of_revision(folder: Path, revision: str) -> Place:
    """A folder as a commit of the local repository has it. Raises GitopsError PathNotFound."""
    place = folder.resolve()
    here = next(one for one in (place, *place.parents) if one.is_dir())  # the commit may have more

    def read() -> Place:
        tree, found = commit_tree(here, revision), discover(here)
        path = (found.root / found.path / place.relative_to(here)).relative_to(found.root).as_posix()
        path = "" if path == "." else path
        if tree.digest(path) is None:
            raise fail(
                Reason.PATH_NOT_FOUND,
                f"there is no {path} in {revision}",
                Blame.SPEC,
                where=str(folder),
                advice="correct the path or the revision",
            )
        return Place(tree, path, tree.sha, found.remote)

    return await asyncio.to_thread(read)


async def of_repository(
    url: str, revision: str | None, path: str, secret: Mapping[str, bytes] | None = None
) -> Place:
    """A commit of a remote repository, fetched into the user's cache."""
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gitops" / "mirrors"
    credentials = Credentials.from_secret(secret) if secret is not None else None
    address = parse_repository(url, allow_file=True)

    def fetch() -> Place:
        mirror = Mirror(mirror_folder(root, address, credentials), url, allow_file=True)
        refs = mirror.remote_refs(credentials)
        chosen = choose(refs.refs, refs.head, parse_wanted(revision))
        mirror.fetch(chosen.sha, chosen.ref, credentials)
        tree = mirror.tree(chosen.sha)
        if tree.digest(path) is None:
            raise fail(
                Reason.PATH_NOT_FOUND,
                f"there is no {path} in {chosen.sha[:7]}",
                Blame.SPEC,
                where=url,
                advice="correct the path",
            )
        return Place(tree, path, chosen.sha, url)

    return await asyncio.to_thread(fetch)
