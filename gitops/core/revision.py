"""Which repository, which commit: what a source's `repository` and `revision` mean, decided without I/O."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from semantic_version import NpmSpec, Version

from gitops.core.problem import Blame, GitopsError, Reason, fail

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_LONGEST_URL = 2048

# A host never starts with "-" (ssh would read it as an option: CVE-2017-1000117), nor does a user.
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_SCP = re.compile(r"(?P<user>[^@/:]+)@(?P<host>\[[^\]/]+\]|[^:/\[\]]+):(?P<path>.+)")
_TRANSPORT = re.compile(r"[A-Za-z0-9+.-]*::")  # ext::, fd::, transport::address: remote helpers run commands
_PRINTABLE = re.compile(r"[!-~]+")

_FULL_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHORT_SHA = re.compile(r"[0-9a-f]{7,39}")
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


@dataclass(frozen=True, slots=True)
class RepositoryURL:
    """A repository's address that is safe to hand to Git; `url` is normalised and has no credentials."""

    url: str
    scheme: str  # https, http, ssh or file
    user: str  # of SSH addresses only
    host: str  # lower case; empty for file
    port: int | None  # None: the scheme's default
    path: str

    @property
    def origin(self) -> str:
        """`https://git.example.com:8443`: what credentials are bound to."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")

    @property
    def place(self) -> str:
        """`git.example.com/team/shop`: the same for each way to reach it, to recognise a repository."""
        return f"{self.host}/{self.path.strip('/').removesuffix('.git')}"

    def __str__(self) -> str:
        return self.url


def parse_repository(url: str, *, allow_file: bool = False, allow_http: bool = True) -> RepositoryURL:
    """Check and normalise the address of a repository.

    Accepts `https://`, `http://`, `ssh://`, `user@host:path`, and `file://` where allowed.

    Raises:
        GitopsError: INVALID_REPOSITORY, for anything else; the URL is quoted only where it
            can't hold a password.
    """
    if not url or len(url) > _LONGEST_URL or not _PRINTABLE.fullmatch(url):
        raise _invalid("the address is empty, too long, or holds spaces, control or non-ASCII characters")
    if url.startswith("-"):
        raise _invalid("the address starts with a dash, which Git would read as an option")
    if _TRANSPORT.match(url):
        raise _invalid("addresses of the form transport::address are refused: they can run commands")
    scheme, separator, _ = url.partition("://")
    parsed = _from_url(url) if separator else _from_scp(url)
    if parsed.scheme == "file" and not allow_file:
        raise _invalid(f"{scheme}:// repositories are not allowed here")
    if parsed.scheme == "http" and not allow_http:
        raise _invalid("http:// repositories are not allowed here")
    if any(part in {".", ".."} for part in unquote(parsed.path).split("/")):
        raise _invalid("the path holds . or .. segments")
    return parsed


def _from_url(url: str) -> RepositoryURL:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid("host or port are not well-formed") from None
    scheme = parts.scheme
    if scheme not in {"https", "http", "ssh", "file"}:
        raise _invalid(f"the scheme {scheme[:20]}:// is not supported")
    if parts.query or parts.fragment or "\\" in url:
        raise _invalid("an address has no query, fragment or backslash")
    path = parts.path.rstrip("/")
    if not path:
        raise _invalid("the address names a host but no repository")
    if scheme == "file":
        if parts.netloc:
            raise _invalid("a file:// address has three slashes and no host")
        return RepositoryURL(f"file://{path}", "file", "", "", None, path)
    user, host = _authority(parts.netloc, scheme)
    port = None if port == _DEFAULT_PORTS[scheme] else port
    address = (f"{user}@" if user else "") + host + (f":{port}" if port else "")
    return RepositoryURL(f"{scheme}://{address}{path}", scheme, user, host, port, path)


def _authority(netloc: str, scheme: str) -> tuple[str, str]:
    """User and host; a password, or any user over HTTP (often a token), is refused unseen."""
    user, at, address = netloc.rpartition("@")
    if at and (scheme != "ssh" or ":" in user):
        raise fail(
            Reason.INVALID_REPOSITORY,
            "the address holds credentials",
            Blame.SPEC,
            where="spec.source.repository",
            advice="put them into a Secret named by spec.source.credentials, and change them",
        )
    host = re.sub(r":[0-9]*$", "", address).lower()
    if not _HOST.fullmatch(host):
        raise _invalid("the host is not a host name or address")
    if at and not _USER.fullmatch(user):
        raise _invalid("the user is not a user name")
    return user, host


def _from_scp(url: str) -> RepositoryURL:
    """`git@host:path`. Kept in this form: its path is relative to the account's home, ssh://'s is not."""
    match = _SCP.fullmatch(url)
    if not match:
        raise _invalid("it is neither a URL nor of the form git@host:path")
    user, host, path = match["user"], match["host"].lower(), match["path"].rstrip("/")
    if not _HOST.fullmatch(host) or not _USER.fullmatch(user) or not path or path.startswith("-"):
        raise _invalid("user, host or path of git@host:path are not well-formed")
    return RepositoryURL(f"{user}@{host}:{path}", "ssh", user, host, None, path)


def _invalid(message: str) -> GitopsError:
    return fail(
        Reason.INVALID_REPOSITORY,
        message,
        Blame.SPEC,
        where="spec.source.repository",
        advice="use https://host/path, ssh://git@host/path or git@host:path",
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """A `revision` as it was asked for; exactly one reading for a SHA, up to two for other text."""

    text: str  # empty: the remote's HEAD
    sha: str | None = None  # a full SHA: no poll is needed
    name: str | None = None  # a branch, tag, or full ref name
    range: str | None = None  # a semver range over tags, tried when no ref has that name


@dataclass(frozen=True, slots=True)
class Chosen:
    """The commit that a revision means now; `ref` is empty for a SHA."""

    ref: str
    sha: str


def valid_ref(name: str) -> bool:
    """Whether `name` is a ref name by the rules of git-check-ref-format(1), and no option."""
    return (
        bool(name)
        and name != "@"
        and not name.startswith(("-", "/"))
        and not name.endswith(("/", "."))
        and not _FORBIDDEN_IN_REF.search(name)
        and not any(part.startswith(".") or part.endswith(".lock") for part in name.split("/"))
    )


def valid_sha(text: str) -> bool:
    """Whether `text` is a full object name, SHA-1 or SHA-256, in lower case."""
    return bool(_FULL_SHA.fullmatch(text))


def parse_wanted(revision: str | None) -> Wanted:
    """Read a `revision`: nothing, a full SHA, or a name and/or a semver range.

    Raises:
        GitopsError: REVISION_NOT_FOUND, when it can be none of them.
    """
    text = (revision or "").strip()
    if not text:
        return Wanted("")
    if valid_sha(text.lower()):
        return Wanted(text, sha=text.lower())
    name = text if valid_ref(text) else None
    versions = _range(text)
    if name is None and versions is None:
        raise fail(
            Reason.REVISION_NOT_FOUND,
            f"{_shown(text)} is no branch, tag, full SHA or semver range",
            Blame.SPEC,
            where="spec.source.revision",
            advice="ranges are written like >=1.2 <2 or 1.x",
        )
    return Wanted(text, name=name, range=versions)


def _range(text: str) -> str | None:
    """The range in the one spelling that NpmSpec takes, or None."""
    if len(text) > 200:  # the parser backtracks
        return None
    spelled = re.sub(r"([<>=^~]) ", r"\1", " ".join(text.replace(",", " ").split()))
    try:
        NpmSpec(spelled)
    except ValueError:
        return None
    return spelled


def choose(refs: Mapping[str, str], head_target: str | None, wanted: Wanted) -> Chosen:
    """The commit that `wanted` means among a remote's refs; a branch wins over a tag of its name.

    `refs` is as `git ls-remote` lists it (with `HEAD` and peeled `^{}` entries); `head_target`
    is the branch that HEAD points to.

    Raises:
        GitopsError: REVISION_NOT_FOUND, with the nearest names.
    """
    if wanted.sha:
        return Chosen("", wanted.sha)
    if not wanted.text:
        return _head(refs, head_target)
    if wanted.name:
        names = (f"refs/heads/{wanted.name}", f"refs/tags/{wanted.name}", wanted.name)
        for ref in names if wanted.name.startswith("refs/") else names[:2]:
            if ref in refs:
                return Chosen(ref, _peeled(refs, ref))
    if wanted.range:
        spec = NpmSpec(wanted.range)
        found = [(version, tag) for version, tag in _versions(refs) if spec.match(version)]
        if found:
            _, tag = max(found, key=lambda item: (item[0].precedence_key, item[1]))
            return Chosen(f"refs/tags/{tag}", _peeled(refs, f"refs/tags/{tag}"))
    raise _not_found(refs, wanted)


def _head(refs: Mapping[str, str], head_target: str | None) -> Chosen:
    for ref in (head_target, "HEAD"):
        if ref and ref in refs:
            return Chosen(ref, refs[ref])
    branches = _names(refs, "refs/heads/")
    raise fail(
        Reason.REVISION_NOT_FOUND,
        "the repository's HEAD points to no commit" if branches else "the repository has no commits yet",
        Blame.REPOSITORY,
        where="spec.source.revision",
        advice=f"name a revision, such as {_listed(branches[:3])}" if branches else "push a first commit",
    )


def _peeled(refs: Mapping[str, str], ref: str) -> str:
    """The commit of an annotated tag, which `ls-remote` lists as `<ref>^{}`."""
    return refs.get(f"{ref}^{{}}", refs[ref])


def _versions(refs: Mapping[str, str]) -> Iterator[tuple[Version, str]]:
    for tag in _names(refs, "refs/tags/"):
        try:
            yield Version(tag.removeprefix("v")), tag
        except ValueError:
            continue


def _names(refs: Mapping[str, str], prefix: str) -> list[str]:
    return [ref.removeprefix(prefix) for ref in refs if ref.startswith(prefix) and not ref.endswith("^{}")]


def _not_found(refs: Mapping[str, str], wanted: Wanted) -> GitopsError:
    names = _names(refs, "refs/heads/") + _names(refs, "refs/tags/")
    if wanted.name is None or (wanted.range and "." in wanted.text):
        versions = sorted(_versions(refs), key=lambda item: (item[0].precedence_key, item[1]), reverse=True)
        message = f"no version tag lies in {_shown(wanted.text)}"
        advice = (
            f"the newest are {_listed(tag for _, tag in versions[:3])}" if versions else "push a version tag"
        )
    else:
        near = difflib.get_close_matches(wanted.name, names, n=3, cutoff=0.5) or names[:3]
        message = f"the repository has no branch or tag {_shown(wanted.text)}"
        advice = f"there are {_listed(near)}" if near else "push a first commit"
        if _SHORT_SHA.fullmatch(wanted.name):
            advice = "if this is a commit, give all 40 digits"
    return fail(
        Reason.REVISION_NOT_FOUND, message, Blame.REPOSITORY, where="spec.source.revision", advice=advice
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_shown(name) for name in names)


def _shown(text: str) -> str:
    """Names come from strangers: quoted, printable, and short."""
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
