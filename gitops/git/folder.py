"""Folders of this machine as source trees: a plain directory, or a work tree with uncommitted changes."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gitops.core.model import TreeFile
from gitops.core.problem import Blame, Reason, fail
from gitops.git.tree import check_limits, clean_path


class FolderTree:
    """`gitops.core.model.Tree` over the files below `path` as they are now, without `.git`.

    Symbolic links are entries of mode 0o120000 and are never followed; sockets, pipes and
    devices are left out.
    """

    def __init__(self, path: Path) -> None:
        """Raises GitopsError PATH_NOT_FOUND when `path` is no directory."""
        if not path.is_dir():
            raise fail(Reason.PATH_NOT_FOUND, f"{path} is not a directory", Blame.SPEC)
        self.path = path.resolve()

    def digest(self, path: str) -> str | None:
        """A hash over names, modes and contents of all that is at and below `path`."""
        path = clean_path(path)
        place = self.path / path
        if self._through_a_link(path) or not os.path.lexists(place):
            return None
        total = hashlib.sha256()
        for file in self.files([path]):
            total.update(f"{len(file.path)} {file.path} {file.mode:o} {len(file.content)}\n".encode())
            total.update(file.content)
        return total.hexdigest()

    def files(self, paths: Iterable[str]) -> list[TreeFile]:
        """All files at and below each of `paths`, each once, sorted by path.

        Raises:
            GitopsError: RENDER_LIMIT_EXCEEDED, UNSAFE_PATH.
        """
        found: dict[str, TreeFile] = {}
        size = 0
        for path in sorted({clean_path(path) for path in paths}):
            if self._through_a_link(path):
                continue
            for place in self._walk(self.path / path):
                name = place.relative_to(self.path).as_posix()
                if name not in found and (file := _file(place, name)):
                    found[name] = file
                    size += len(file.content)
                    check_limits(len(found), size)
        return [found[name] for name in sorted(found)]

    def _through_a_link(self, path: str) -> bool:
        """Whether a folder on the way is a link, below which a commit has nothing."""
        return any((self.path / parent).is_symlink() for parent in Path(path).parents)

    def _walk(self, place: Path) -> Iterator[Path]:
        if place.is_symlink() or not place.is_dir():
            yield place
            return
        for folder, folders, names in os.walk(place):
            here = Path(folder)
            yield from (here / name for name in names if name != ".git")
            yield from (here / name for name in folders if (here / name).is_symlink())
            folders[:] = [name for name in folders if name != ".git"]


def _file(place: Path, name: str) -> TreeFile | None:
    try:
        state = place.lstat()
        if stat.S_ISLNK(state.st_mode):
            return TreeFile(name, 0o120000, os.fsencode(place.readlink()))
        if not stat.S_ISREG(state.st_mode):
            return None
        check_limits(1, state.st_size)
        mode = 0o100755 if state.st_mode & stat.S_IXUSR else 0o100644
        return TreeFile(name, mode, place.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise fail(Reason.PATH_NOT_FOUND, f"{name} can't be read", Blame.SPEC, where=name) from None


@dataclass(frozen=True, slots=True)
class Discovered:
    """Where a folder lies: the root of its work tree, the path in it, the remote's address."""

    root: Path
    path: str  # relative to root, "" for the root itself
    remote: str | None  # without credentials


def discover(path: Path) -> Discovered:
    """Find the Git work tree around `path`; outside of one, `path` is its own root without a remote."""
    place = path.resolve()
    if not any(os.path.lexists(above / ".git") for above in (place, *place.parents)):
        return Discovered(place, "", None)
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo

    try:
        with Repo(place, search_parent_directories=True) as repository:
            root = repository.working_tree_dir
            remotes = {remote.name: remote.url for remote in repository.remotes}
    except (InvalidGitRepositoryError, NoSuchPathError):
        return Discovered(place, "", None)
    if root is None:
        return Discovered(place, "", None)
    url = remotes.get("origin") or next(iter(remotes.values()), None)
    top = Path(root).resolve()
    relative = place.relative_to(top).as_posix()
    remote = re.sub(r"^(https?://)[^/]*@", r"\1", url) if url else None
    return Discovered(top, "" if relative == "." else relative, remote)
