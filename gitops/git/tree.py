"""The tree of one commit, read from a mirror: digests of folders and the content of files."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from gitops.core.model import TreeFile
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.git.process import MEBIBYTE, OverdueError, OverflowingError, run, running

MOST_BYTES = 256 * MEBIBYTE
MOST_FILES = 50_000
_TIMEOUT = 60.0  # seconds; local reads
_PATHS_AT_ONCE = 500  # well below the limit for arguments
_LISTING_LIMIT = 512 * MEBIBYTE


class _UnreadableError(Exception):
    """Git can't read what this commit consists of."""


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    mode: int
    sha: str
    size: int


class CommitTree:
    """`gitops.core.model.Tree` over one commit of a mirror; threads may share it.

    `on_damage` is called when objects of the commit turn out to be missing or broken; it gives
    the error to raise.
    """

    def __init__(self, repository: Path, sha: str, on_damage: Callable[[], GitopsError]) -> None:
        self.sha = sha
        self._repository = repository
        self._on_damage = on_damage
        self._digests: dict[str, str | None] = {}
        self._folders: dict[str, str] | None = None
        self._lock = threading.Lock()

    def digest(self, path: str) -> str | None:
        """The SHA of the folder or file at `path`; None where the commit has none.

        Raises:
            GitopsError: UNSAFE_PATH, or that the mirror is damaged.
        """
        path = clean_path(path)
        with self._lock:
            if self._folders is None:
                self._folders = self._read_folders()
            if folder := self._folders.get(path):
                return folder
            if path not in self._digests:
                found = self._list(["-z", self.sha, "--", path])
                self._digests[path] = next((sha for _, kind, sha, _ in found if kind != "commit"), None)
            return self._digests[path]

    def files(self, paths: Iterable[str]) -> list[TreeFile]:
        """All files at and below each of `paths`, each once, sorted by path; submodules are left out.

        Raises:
            GitopsError: RENDER_LIMIT_EXCEEDED, UNSAFE_PATH, or that the mirror is damaged.
        """
        entries = sorted(self._entries(paths), key=lambda entry: entry.path)
        check_limits(len(entries), sum(entry.size for entry in entries))
        return list(self._read(entries)) if entries else []

    def _read_folders(self) -> dict[str, str]:
        """All folders at once: many Applications ask for one folder each of the same commit."""
        folders = {path: sha for _, kind, sha, path in self._list(["-rdz", self.sha]) if kind == "tree"}
        root = self._git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.sha}^{{tree}}"])
        folders[""] = root.decode().strip()
        return folders

    def _entries(self, paths: Iterable[str]) -> Iterable[_Entry]:
        wanted = sorted({clean_path(path) for path in paths})
        if "" in wanted:
            wanted = [""]
        entries: dict[str, _Entry] = {}
        remaining = iter(wanted)
        while part := list(islice(remaining, _PATHS_AT_ONCE)):
            selection = [] if part == [""] else ["--", *part]
            for head, kind, sha, path in self._list(["-rlz", self.sha, *selection]):
                if kind == "blob":
                    mode, size = head.split()
                    if not size.isdigit():  # "BAD": the commit names it, but it isn't there
                        raise self._on_damage()
                    entries[path] = _Entry(_safe(path), int(mode, 8), sha, int(size))
        return entries.values()

    def _list(self, arguments: list[str]) -> Iterator[tuple[str, str, str, str]]:
        """`ls-tree`: mode (and size, with -l), type, SHA and path of each entry."""
        for record in self._git(["ls-tree", *arguments]).split(b"\0")[:-1]:
            head, _, path = record.partition(b"\t")
            mode, kind, sha, *size = head.decode().split()
            yield " ".join([mode, *size]), kind, sha, path.decode("utf-8", "surrogateescape")

    def _git(self, arguments: list[str]) -> bytes:
        try:
            output = run(arguments, repository=self._repository, timeout=_TIMEOUT, limit=_LISTING_LIMIT)
        except (OverdueError, OverflowingError):
            raise _limit_exceeded(
                f"the commit has more files than can be listed in {_TIMEOUT:.0f} s"
            ) from None
        if output.code:
            raise self._on_damage()
        return output.stdout

    def _read(self, entries: list[_Entry]) -> Iterator[TreeFile]:
        names = "".join(f"{entry.sha}\n" for entry in entries).encode()
        try:
            with running(
                ["cat-file", "--batch", "--buffer"],
                repository=self._repository,
                timeout=_TIMEOUT,
                stdin=names,
            ) as child:
                for entry in entries:
                    yield TreeFile(entry.path, entry.mode, _blob(child.stdout, entry))
                child.finish()
        except OverdueError:
            raise _limit_exceeded(f"the files could not be read within {_TIMEOUT:.0f} s") from None
        except _UnreadableError:
            raise self._on_damage() from None


def _blob(stream: IO[bytes], entry: _Entry) -> bytes:
    """One answer of `cat-file --batch`: `<sha> blob <size>`, the content, a newline."""
    head = stream.readline().split()
    if len(head) != 3 or head[0] != entry.sha.encode():
        raise _UnreadableError
    size = int(head[2])
    content = stream.read(size)
    if len(content) != size or stream.read(1) != b"\n":
        raise _UnreadableError
    return content


def clean_path(path: str) -> str:
    """A path below the root with single slashes, `""` for the root itself.

    Raises:
        GitopsError: UNSAFE_PATH for an absolute path, `..`, or a NUL.
    """
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise fail(
            Reason.UNSAFE_PATH,
            f"the path {path[:80]!r} leaves the repository",
            Blame.SPEC,
            advice="give a path relative to the repository's root, without ..",
        )
    return "/".join(parts)


def _safe(path: str) -> str:
    """Whoever makes a tree object by hand may name its entries `..` or `.git`; files get written by name."""
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in path.split("/")):
        raise fail(
            Reason.UNSAFE_PATH,
            f"the commit holds a file named {path[:80]!r}",
            Blame.REPOSITORY,
            where=path[:80],
            advice="no Git client makes such a commit: find out where it comes from",
        )
    return path


def check_limits(files: int, size: int) -> None:
    """Refuse to read more than a source may have.

    Raises:
        GitopsError: RENDER_LIMIT_EXCEEDED.
    """
    if files > MOST_FILES:
        raise _limit_exceeded(f"{files} files are to be read, the limit is {MOST_FILES}")
    if size > MOST_BYTES:
        raise _limit_exceeded(
            f"the files have {size // MEBIBYTE} MiB, the limit is {MOST_BYTES // MEBIBYTE} MiB"
        )


def _limit_exceeded(message: str) -> GitopsError:
    return fail(
        Reason.RENDER_LIMIT_EXCEEDED,
        message,
        Blame.REPOSITORY,
        advice="point spec.source.path at a smaller folder, or keep large files out of the repository",
    )
