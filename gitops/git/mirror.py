"""Mirrors: one bare, shallow repository for each remote and its credentials, a cache that may be lost.

A commit is in the mirror when `refs/gitops/<sha>` exists; the ref is written after all its objects.
"""

import contextlib
import fcntl
import re
import shutil
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.revision import RepositoryURL, parse_repository, valid_ref, valid_sha
from gitops.git.credentials import Credentials, lend
from gitops.git.failures import REFUSED_OBJECT, explain, overdue, overflowing, redirected, understood
from gitops.git.process import Output, OverdueError, OverflowingError, run
from gitops.git.tree import CommitTree

_LOCAL_TIMEOUT = 60.0  # seconds, for commands that use no network
_KEPT_TREES = 4  # of the newest commits: Applications of one repository share what is known of them
_REDIRECT = re.compile(
    r"^.*<= recv header: location: (\S+?)(/info/refs\?\S*)?$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """What a remote has: SHA by full ref name (`HEAD`, peeled `^{}` entries too), and HEAD's branch."""

    refs: Mapping[str, str]
    head: str | None


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """What people want to know of a commit; author and subject are printable and short."""

    sha: str
    committed_at: datetime  # UTC
    author: str  # name <address>
    subject: str


class Mirror:
    """The local copy of a remote repository. All methods block, have deadlines, and may be called by threads.

    `folder` belongs to the mirror alone; `mirrors.mirror_folder` names one. Errors are GitopsErrors that
    name the host and never hold a credential.
    """

    def __init__(self, folder: Path, url: str, *, allow_file: bool = False) -> None:
        """Nothing is read or made before it is needed.

        Raises:
            GitopsError: INVALID_REPOSITORY.
        """
        self.url: RepositoryURL = parse_repository(url, allow_file=allow_file)
        self.folder = folder
        self._damaged = folder / "gitops-damaged"
        self._trees: dict[str, CommitTree] = {}
        self._trees_lock = threading.Lock()

    def remote_refs(self, credentials: Credentials | None = None, *, timeout: float = 60.0) -> RemoteRefs:
        """Ask the remote for its refs: one `ls-remote`, whatever the mirror holds.

        Raises:
            GitopsError: REPOSITORY_UNREACHABLE, AUTHENTICATION_FAILED, HOST_KEY_UNKNOWN,
                INVALID_REPOSITORY, CREDENTIALS_INVALID.
        """
        deadline = time.monotonic() + timeout
        output = self._remote(["ls-remote", "--symref", "--", self.url.url], None, credentials, deadline)
        if output.code:
            raise self._explained(output, credentials, deadline)
        refs: dict[str, str] = {}
        head = None
        for line in output.text.splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: ") and name == "HEAD":
                head = value.removeprefix("ref: ")
            elif valid_sha(value) and valid_ref(name.removesuffix("^{}")):
                refs[name] = value
        return RemoteRefs(refs, head)

    def fetch(
        self, sha: str, ref: str = "", credentials: Credentials | None = None, *, timeout: float = 300.0
    ) -> bool:
        """Have the commit here; True when the network was used, False when it was here already.

        `ref` is where the commit was seen, for servers that don't give out a commit by its SHA.

        Raises:
            GitopsError: as `remote_refs`, and REVISION_NOT_FOUND.
        """
        if not valid_sha(sha) or (ref and not valid_ref(ref)):
            raise fail(Reason.REVISION_NOT_FOUND, f"{sha[:80]!r} or {ref[:80]!r} is not valid", Blame.SPEC)
        if self._holds(sha):
            return False
        deadline = time.monotonic() + timeout
        with self._locked(deadline):
            if self._holds(sha):
                return False
            if self._damaged.exists():
                self._make_anew(sha, ref, credentials, deadline)
                return True
            try:
                self._fetch_into(self.folder, sha, ref, credentials, deadline)
            except _SuspectError as suspect:
                if self._is_sound(deadline):
                    raise suspect.error from None
                self._make_anew(sha, ref, credentials, deadline)
        return True

    def commit_info(self, sha: str) -> CommitInfo:
        """When, by whom and for what the commit was made.

        Raises:
            GitopsError: the commit was not fetched, or the mirror is damaged.
        """
        form = "--format=%ct%x00%an <%ae>%x00%s"
        arguments = ["log", "-1", "--no-show-signature", form, "--end-of-options", sha, "--"]
        output = self._local(self.folder, arguments, time.monotonic() + _LOCAL_TIMEOUT)
        parts = output.text.rstrip("\n").split("\0")
        if output.code or len(parts) != 3:
            raise self._damage(sha)
        seconds = min(max(int(parts[0]), 0), 253_402_300_799)  # the last second of the year 9999
        return CommitInfo(
            sha, datetime.fromtimestamp(seconds, UTC), _printable(parts[1]), _printable(parts[2])
        )

    def tree(self, sha: str) -> CommitTree:
        """The files of a commit that was fetched; the same value for each caller, as long as it is recent."""
        with self._trees_lock:
            tree = self._trees.pop(sha, None) or CommitTree(self.folder, sha, lambda: self._damage(sha))
            self._trees[sha] = tree
            while len(self._trees) > _KEPT_TREES:
                del self._trees[next(iter(self._trees))]
            return tree

    def tidy(self, keep: Collection[str], *, timeout: float = 600.0) -> bool:
        """Drop all commits but those in `keep`, and what only they needed; False: nothing to drop.

        Raises:
            GitopsError: when it takes longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._locked(deadline):
            listed = self._local(self.folder, ["for-each-ref", "--format=%(refname)"], deadline)
            kept = {f"refs/gitops/{sha}" for sha in keep}
            dropped = [ref for ref in listed.text.split() if ref not in kept]
            if listed.code or not dropped:
                return False
            commands = "".join(f"delete {ref}\n" for ref in dropped).encode()
            self._local(self.folder, ["update-ref", "--stdin"], deadline, stdin=commands)
            output = self._local(self.folder, ["gc", "--quiet", "--prune=now"], deadline)
            if output.code:
                raise explain(output.stderr, self.url, None)
        return True

    # -- fetching ---------------------------------------------------------------------------

    def _fetch_into(
        self, repository: Path, sha: str, ref: str, credentials: Credentials | None, deadline: float
    ) -> None:
        """Fetch by SHA; else by `ref`; else everything, for a commit that no ref points to any more."""
        self._initialise(repository, sha, deadline)
        kept = f"refs/gitops/{sha}"
        refusal = self._fetch(repository, ["--depth=1"], [f"+{sha}:{kept}"], credentials, deadline)
        if refusal is None:
            self._require_commit(repository, sha, deadline)
            return
        if ref:
            specs = [f"+{ref}:refs/incoming/one"]
            self._fetch(repository, ["--depth=1"], specs, credentials, deadline)
        if not self._has_commit(repository, sha, deadline):
            specs = [f"+refs/{kind}/*:refs/incoming/{kind}/*" for kind in ("heads", "tags")]
            self._fetch(repository, ["--depth=2147483647"], specs, credentials, deadline)
        self._require_commit(repository, sha, deadline)
        self._local(repository, ["update-ref", kept, sha], deadline)

    def _fetch(
        self,
        repository: Path,
        options: Sequence[str],
        specs: Sequence[str],
        credentials: Credentials | None,
        deadline: float,
    ) -> Output | None:
        """None when it worked, the output when the remote refused to give out the object."""
        fixed = ["--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance"]
        arguments = ["fetch", "--quiet", *fixed, *options, "--", self.url.url, *specs]
        output = self._remote(arguments, repository, credentials, deadline)
        if not output.code:
            return None
        if REFUSED_OBJECT.search(output.stderr):
            return output
        error = self._explained(output, credentials, deadline)
        raise error if understood(output.stderr) else _SuspectError(error)

    def _has_commit(self, repository: Path, sha: str, deadline: float) -> bool:
        return not self._local(repository, ["cat-file", "-e", f"{sha}^{{commit}}"], deadline).code

    def _require_commit(self, repository: Path, sha: str, deadline: float) -> None:
        if not self._has_commit(repository, sha, deadline):
            self._local(repository, ["update-ref", "-d", f"refs/gitops/{sha}"], deadline)
            raise fail(
                Reason.REVISION_NOT_FOUND,
                f"{self.url} has no commit {sha}",
                Blame.REPOSITORY,
                where="spec.source.revision",
                advice="it may have been removed by a force-push; give a branch, a tag or another commit",
            )

    # -- the repository on disk -------------------------------------------------------------

    def _holds(self, sha: str) -> bool:
        if self._damaged.exists() or not (self.folder / "HEAD").exists():
            return False
        arguments = ["cat-file", "-e", f"refs/gitops/{sha}^{{tree}}"]
        return not self._local(self.folder, arguments, time.monotonic() + _LOCAL_TIMEOUT).code

    def _initialise(self, repository: Path, sha: str, deadline: float) -> None:
        if (repository / "HEAD").exists() and (repository / "config").exists():
            return
        repository.mkdir(mode=0o700, parents=True, exist_ok=True)
        form = "sha256" if len(sha) == 64 else "sha1"
        arguments = ["init", "--quiet", "--bare", "--template=", f"--object-format={form}"]
        output = self._local(repository, arguments, deadline)
        if output.code:
            raise _SuspectError(explain(output.stderr, self.url, None))

    def _is_sound(self, deadline: float) -> bool:
        return not self._local(self.folder, ["fsck", "--connectivity-only", "--no-dangling"], deadline).code

    def _make_anew(self, sha: str, ref: str, credentials: Credentials | None, deadline: float) -> None:
        """Fetch into a new folder, then swap: a fetch that fails doesn't cost what is still readable."""
        fresh = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            self._fetch_into(fresh, sha, ref, credentials, deadline)
        except _SuspectError as suspect:
            raise suspect.error from None
        shutil.rmtree(self.folder, ignore_errors=True)
        fresh.rename(self.folder)

    def _damage(self, sha: str) -> GitopsError:
        """The commit can't be read. Where it should be, the next `fetch` makes the mirror anew."""
        ref = f"refs/gitops/{sha}"
        with contextlib.suppress(OSError):
            packed = self.folder / "packed-refs"
            if (self.folder / ref).exists() or (packed.exists() and ref in packed.read_text()):
                self._damaged.touch()
        return fail(
            Reason.REPOSITORY_UNREACHABLE,
            f"the local copy of {self.url} can't give commit {sha[:64]}",
            Blame.OURSELVES,
            advice="it is fetched anew at the next try",
        )

    @contextlib.contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        """One writer at a time, among threads and processes; the lock dies with its holder."""
        timeout = max(deadline - time.monotonic(), 0.0)
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.folder.with_name(f"{self.folder.name}.lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise overdue(self.url, timeout) from None
                    time.sleep(0.02)
            yield

    # -- commands ---------------------------------------------------------------------------

    def _local(
        self, repository: Path, arguments: Sequence[str], deadline: float, *, stdin: bytes = b""
    ) -> Output:
        timeout = max(deadline - time.monotonic(), 0.0)
        try:
            return run(arguments, repository=repository, timeout=timeout, stdin=stdin)
        except OverdueError:
            raise overdue(self.url, timeout) from None

    def _remote(
        self,
        arguments: Sequence[str],
        repository: Path | None,
        credentials: Credentials | None,
        deadline: float,
        environment: Mapping[str, str] | None = None,
    ) -> Output:
        timeout = max(deadline - time.monotonic(), 0.0)
        with lend(credentials, self.url) as access:
            try:
                return run(
                    arguments,
                    repository=repository,
                    timeout=timeout,
                    settings=access.settings,
                    environment={**access.environment, **(environment or {})},
                )
            except OverdueError:
                raise overdue(self.url, timeout) from None
            except OverflowingError:
                raise overflowing(self.url) from None

    def _explained(self, output: Output, credentials: Credentials | None, deadline: float) -> GitopsError:
        """The error for `output`; for a redirect, ask once more, with no credentials, where it leads."""
        error = explain(output.stderr, self.url, credentials)
        if not re.search(r"error: 30[12378]", output.stderr):
            return error
        trace = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"}
        arguments = ["ls-remote", "--", self.url.url]
        with contextlib.suppress(GitopsError):
            asked = self._remote(arguments, None, None, min(deadline, time.monotonic() + 10), trace)
            if found := _REDIRECT.search(asked.stderr):
                return redirected(error, parse_repository(urljoin(self.url.url, found[1])))
        return error


class _SuspectError(Exception):
    """A failure that the remote doesn't explain: perhaps the mirror's own files are broken."""

    def __init__(self, error: GitopsError) -> None:
        super().__init__(str(error))
        self.error = error


def _printable(text: str) -> str:
    return "".join(character for character in text[:200] if character.isprintable())
