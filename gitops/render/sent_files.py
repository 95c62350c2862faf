"""The part of a source tree that the renderer was sent: look-ups that can't leave it."""

import posixpath
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from gitops.core.model import TreeFile
from gitops.core.problem import Blame, GitopsError, Reason, fail

SYMLINK = 0o120000
_MAX_HOPS = 40  # as Linux follows them


class Found(Enum):
    """What a path of the tree is, as far as it was sent."""

    FILE = "file"
    FOLDER = "folder"
    ABSENT = "absent"  # its surroundings were sent: it is not in the tree
    UNSENT = "unsent"


class SentFiles:
    """The sent files; `roots` are the paths at and below which all that exists was sent.

    Every path is relative to the tree, with `/`, and is looked up as the file system would:
    `..` after a symbolic link starts from the link's target. Raises UNSAFE_PATH for a path or
    a link that leaves the tree, naming both.
    """

    def __init__(self, files: Iterable[TreeFile], roots: Iterable[str]) -> None:
        self._files: dict[str, bytes] = {}
        self._links: dict[str, str] = {}
        self._folders: set[str] = {""}
        self.roots = frozenset(normal(root) for root in roots)
        self.used: set[str] = set()  # what was asked for by name: the roots that are still needed
        for file in files:
            self._take(file)
        for path in self._links:
            self._refuse_inside_link(path)
        for path in self._files:
            self._refuse_inside_link(path)

    def _take(self, file: TreeFile) -> None:
        parts = file.path.split("/")
        if not file.path or "\0" in file.path or not {"", ".", ".."}.isdisjoint(parts):
            raise unsafe(f"the file name {file.path!r} is not allowed")
        if file.mode == SYMLINK:
            self._links[file.path] = file.content.decode("utf-8", "surrogateescape")
        else:
            self._files[file.path] = file.content
        folder = posixpath.dirname(file.path)
        while folder and folder not in self._folders:
            self._folders.add(folder)
            folder = posixpath.dirname(folder)

    def _refuse_inside_link(self, path: str) -> None:
        """A file "below" a link would be written through it."""
        folder = posixpath.dirname(path)
        while folder:
            if folder in self._links or folder in self._files:
                raise unsafe(f"{path} lies inside {folder}, which is no folder")
            folder = posixpath.dirname(folder)

    def locate(self, path: str) -> str:
        """The path with all `..` and symbolic links worked out; the thing itself may be absent."""
        todo = path.split("/")[::-1]
        done: list[str] = []
        last_link = ""
        hops = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    raise self._leaves(path, last_link)
                done.pop()
                continue
            done.append(part)
            here = "/".join(done)
            target = self._links.get(here)
            if target is None:
                continue
            last_link = here
            hops += 1
            if hops > _MAX_HOPS:
                raise unsafe(f"the symbolic links at {path} form a loop", here)
            if target.startswith("/") or "\0" in target:
                raise self._leaves(path, last_link)
            done.pop()
            todo.extend(target.split("/")[::-1])
        return "/".join(done)

    def _leaves(self, path: str, link: str) -> GitopsError:
        if link:
            return unsafe(f"the symbolic link {link} → {self._links[link]} leaves the repository", link)
        return unsafe(f"{path} leaves the repository")

    def find(self, path: str) -> tuple[Found, str]:
        """What is at `path`, and where that really is. Counts the path as used."""
        real = self.locate(path)
        self.used.update((normal(path), real))
        if real in self._files:
            return Found.FILE, real
        if self._covered(real):
            return (Found.FOLDER if real in self._folders else Found.ABSENT), real
        return Found.UNSENT, real

    def _covered(self, real: str) -> bool:
        while real not in self.roots:
            if not real:
                return False
            real = posixpath.dirname(real)
        return True

    def content(self, real: str) -> bytes:
        """The bytes of a file that `find` has found."""
        return self._files[real]

    def below(self, real: str) -> list[str]:
        """The paths of all files and links in a folder and its sub-folders, sorted."""
        prefix = f"{real}/" if real else ""
        return sorted(path for path in (*self._files, *self._links) if path.startswith(prefix))

    def unsent_link_targets(self) -> set[str]:
        """Where symbolic links lead that was not sent yet; raises when one leaves the tree."""
        found = (self.find(link) for link in self._links)
        return {real for what, real in found if what is Found.UNSENT}

    def write(self, folder: Path) -> None:
        """Lay the files out below `folder` for a tool to read. `unsent_link_targets` comes first."""
        for path in sorted(self._folders, key=len):
            (folder / path).mkdir(exist_ok=True)
        for path, content in self._files.items():
            (folder / path).write_bytes(content)
        for path, target in self._links.items():
            (folder / path).symlink_to(target)


def normal(path: str) -> str:
    """`./deploy//prod/` as `deploy/prod`, the root as an empty string; `..` stays at the front."""
    made = posixpath.normpath(path) if path else ""
    return "" if made == "." else made


def join(folder: str, reference: str) -> str:
    """The path that `reference` means in a file of `folder`; not looked up, `..` still in it."""
    return f"{folder}/{reference}" if folder else reference


def refuse_absolute(reference: str, where: str) -> None:
    """References are relative: an absolute one would read the renderer's own machine."""
    if reference.startswith(("/", "~", "file:/")) or "\0" in reference:
        raise unsafe(f"the reference {reference!r} is not relative to the repository", where)


def unsafe(message: str, where: str = "") -> GitopsError:
    """A path that leaves the repository."""
    advice = "refer to files of the same repository, by relative paths"
    return fail(Reason.UNSAFE_PATH, message, Blame.REPOSITORY, where=where, advice=advice)
