"""Credentials of a Git repository: read from a Secret, lent to one Git process, shown nowhere."""

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from urllib.parse import quote, quote_plus

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.revision import RepositoryURL

KEYS = ("username", "password", "bearerToken", "identity", "known_hosts", "ca.crt")

_SALT = secrets.token_bytes(32)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[!-~]+")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----\n.+\n-----END [A-Z0-9 ]+-----", re.DOTALL
)
_OPENSSH_ENCRYPTED = re.compile(rb"openssh-key-v1\0\0\0\0.(?!none)", re.DOTALL)


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a Secret holds for a repository, checked; empty strings for what it doesn't hold."""

    username: str = ""
    password: str = ""
    bearer_token: str = ""
    identity: str = ""
    known_hosts: str = ""
    ca: str = ""

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes]) -> "Credentials":
        """Read the keys `username`, `password`, `bearerToken`, `identity`, `known_hosts`, `ca.crt`.

        Raises:
            GitopsError: CREDENTIALS_INVALID, naming the key and never its value.
        """
        if not any(data.get(key) for key in KEYS):
            raise _invalid("the Secret holds none of the keys that are understood", f"use {', '.join(KEYS)}")
        read = cls(
            username=_line(data, "username"),
            password=_line(data, "password"),
            bearer_token=_line(data, "bearerToken"),
            identity=_lines(data, "identity"),
            known_hosts=_lines(data, "known_hosts"),
            ca=_lines(data, "ca.crt"),
        )
        _check(read)
        return read

    @property
    def digest(self) -> str:
        """Equal for equal credentials in this process; worth nothing elsewhere."""
        return self.digest_with(_SALT)

    def digest_with(self, salt: bytes) -> str:
        """128 bits of a keyed hash over all values, in hex."""
        parts = [getattr(self, item.name).encode() for item in fields(self)]
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.new(salt, message, hashlib.sha256).hexdigest()[:32]

    def scrub(self, text: str) -> str:
        """`text` without any of the values, in whatever spelling Git, curl or a server may repeat them."""
        for spelling in sorted(self._spellings(), key=len, reverse=True):
            text = text.replace(spelling, "***")
        return text

    def _spellings(self) -> Iterator[str]:
        for value in (self.password, self.bearer_token):
            if value:
                yield from (value, quote(value, safe=""), quote_plus(value), _base64(value))
        if self.password:
            yield _base64(f"{self.username}:{self.password}")
        yield from (line for line in self.identity.splitlines() if len(line) >= 16)

    def __repr__(self) -> str:
        held = ", ".join(item.name for item in fields(self) if getattr(self, item.name))
        return f"<Credentials: {held}>"


@dataclass(frozen=True, slots=True)
class Access:
    """Configuration and environment for one Git process; they hold paths, no values."""

    settings: tuple[str, ...]
    environment: Mapping[str, str]


@contextlib.contextmanager
def lend(credentials: Credentials | None, url: RepositoryURL) -> Iterator[Access]:
    """Give one Git process access to the host of `url`, for as long as the context lasts.

    The values live in anonymous memory files of this process, which its children open as
    `/proc/<pid>/fd/<n>`. That leaks least of the ways there are: nothing is in an argument or an
    environment variable, no file has a name that a scan or a crash could find, nothing is left to
    delete, and the kernel lets only the same user (who could read our memory anyway) open it.
    ssh closes the files that it inherits, so they are opened through this process, not handed down.

    Raises:
        GitopsError: HOST_KEY_UNKNOWN or CREDENTIALS_INVALID, where they can't be used for `url`.
    """
    environment = {"GIT_ALLOW_PROTOCOL": url.scheme, "GIT_PROTOCOL_FROM_USER": "0"}
    with contextlib.ExitStack() as files:
        if url.scheme == "ssh":
            held = _for_ssh(credentials, url)
            identity = files.enter_context(_unnamed(held.identity))
            hosts = files.enter_context(_unnamed(held.known_hosts))
            environment |= {"GIT_SSH_VARIANT": "ssh", "GIT_SSH_COMMAND": _ssh(identity, hosts, held, url)}
            yield Access((), environment)
            return
        if credentials is None or url.scheme == "file":
            yield Access((), environment)
            return
        settings: tuple[str, ...] = ()
        if header := _header(credentials):
            # Asking a credential helper instead would cost a refused request at each poll.
            config = f'[http "{url.origin}/"]\n\textraHeader = "{header}"\n'
            settings = (f"include.path={files.enter_context(_unnamed(config))}",)
        elif not credentials.ca:
            raise _invalid(
                f"they hold nothing for {url.scheme}://", "give username and password, or bearerToken"
            )
        if credentials.ca:
            environment["GIT_SSL_CAINFO"] = files.enter_context(_unnamed(credentials.ca))
        yield Access(settings, environment)


def _for_ssh(credentials: Credentials | None, url: RepositoryURL) -> Credentials:
    if credentials is None or not credentials.known_hosts:
        raise fail(
            Reason.HOST_KEY_UNKNOWN,
            f"nothing says which key {url.host} has, so SSH could talk to anyone",
            Blame.CREDENTIALS,
            where="spec.source.credentials",
            advice="name a Secret with identity and known_hosts (the host documents its keys)",
        )
    if not credentials.identity:
        raise _invalid("the key identity is missing, which SSH needs", "put the private key there")
    return credentials


def _ssh(identity: str, hosts: str, credentials: Credentials, url: RepositoryURL) -> str:
    options = {
        "IdentityFile": identity,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "PreferredAuthentications": "publickey",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",
        "ControlPath": "none",
        "ConnectTimeout": "20",
        "ServerAliveInterval": "10",
        "LogLevel": "ERROR",
    }
    if not url.user:
        options["User"] = credentials.username or "git"
    return " ".join(["ssh", "-F", "/dev/null", *(f"-o {name}={value}" for name, value in options.items())])


def _header(credentials: Credentials) -> str:
    """The request header; quotes and backslashes in it are escaped for Git's configuration syntax."""
    if credentials.bearer_token:
        value = f"Authorization: Bearer {credentials.bearer_token}"
    elif credentials.password:
        value = f"Authorization: Basic {_base64(f'{credentials.username}:{credentials.password}')}"
    else:
        return ""
    return value.replace("\\", "\\\\").replace('"', '\\"')


@contextlib.contextmanager
def _unnamed(content: str) -> Iterator[str]:
    """A path to `content` in memory; 0600, or ssh refuses a private key."""
    descriptor = os.memfd_create("gitops", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content.encode())
        file.flush()
        yield f"/proc/{os.getpid()}/fd/{descriptor}"


def _check(read: Credentials) -> None:
    """What can be told to be wrong without asking the server."""
    if read.password and read.bearer_token:
        raise _invalid("password and bearerToken exclude each other", "keep one of them")
    if bool(read.username) != bool(read.password) and not read.identity:
        missing = "username" if read.password else "password"
        raise _invalid(
            f"the key {missing} is missing", "give both; many hosts take any username with a token"
        )
    if ":" in read.username:
        raise _invalid("the key username holds a colon, which HTTP can't send")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", read.username) and read.identity and read.username:
        raise _invalid("the key username is not a user name for SSH")
    if read.bearer_token and not _TOKEN.fullmatch(read.bearer_token):
        raise _invalid("the key bearerToken holds characters that no token has")
    if read.identity:
        _check_private_key(read.identity)
    if read.known_hosts and not any(
        len(line.split()) >= 3 for line in read.known_hosts.splitlines() if not line.startswith("#")
    ):
        raise _invalid("the key known_hosts holds no entry", "an entry is: host, key type, key")
    if read.ca and "-----BEGIN CERTIFICATE-----" not in read.ca:
        raise _invalid("the key ca.crt holds no PEM certificate")


def _check_private_key(identity: str) -> None:
    if not _PRIVATE_KEY.search(identity):
        raise _invalid(
            "the key identity holds no private key", "paste the whole file, with BEGIN and END lines"
        )
    body = "".join(line for line in identity.splitlines() if "-----" not in line and ":" not in line)
    try:
        decoded = base64.b64decode(body, validate=True)
    except ValueError:
        decoded = b""
    if "ENCRYPTED" in identity or _OPENSSH_ENCRYPTED.match(decoded):
        raise _invalid("the key identity is protected by a passphrase", "use a deploy key without one")


def _line(data: Mapping[str, bytes], key: str) -> str:
    """One line; a newline at the end, as `echo` leaves one, is not part of the value."""
    value = _text(data, key).rstrip("\r\n")
    if _CONTROL.search(value):
        raise _invalid(f"the key {key} holds more than one line or control characters")
    return value


def _lines(data: Mapping[str, bytes], key: str) -> str:
    """A file's text; ssh refuses a key that doesn't end in a newline, and carriage returns."""
    value = _text(data, key).replace("\r\n", "\n").strip("\n")
    return f"{value}\n" if value else ""


def _text(data: Mapping[str, bytes], key: str) -> str:
    try:
        return data.get(key, b"").decode()
    except UnicodeDecodeError:
        raise _invalid(f"the key {key} is not text") from None


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _invalid(message: str, advice: str = "") -> GitopsError:
    return fail(
        Reason.CREDENTIALS_INVALID, message, Blame.CREDENTIALS, where="spec.source.credentials", advice=advice
    )
