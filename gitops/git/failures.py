"""What Git's complaints mean: which reason, whose turn it is, what to do next."""

import re
from dataclasses import dataclass

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.revision import RepositoryURL
from gitops.git.credentials import Credentials

_REPOSITORY = "spec.source.repository"
_CREDENTIALS = "spec.source.credentials"
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class _Rule:
    """The first rule whose pattern is found in Git's output decides; `{host}` is filled in."""

    pattern: re.Pattern[str]
    reason: Reason
    blame: Blame
    message: str
    where: str = ""
    advice: str = ""


def _rule(
    pattern: str, reason: Reason, blame: Blame, message: str, where: str = "", advice: str = ""
) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), reason, blame, message, where, advice)


_RULES = (
    _rule(
        r"host key verification failed|remote host identification has changed|host key is known for",
        Reason.HOST_KEY_UNKNOWN,
        Blame.CREDENTIALS,
        "the SSH host key of {host} is not the one in known_hosts",
        _CREDENTIALS,
        "compare it with the key that the host publishes, then put that into known_hosts",
    ),
    _rule(
        r"repository '.*' not found|error: 404|error: repository not found|not appear to be a git repository"
        r"|project you were looking for|no such project",
        Reason.INVALID_REPOSITORY,
        Blame.SPEC,
        "repository not found on {host}, or the credentials may not see it",
        _REPOSITORY,
        "check the address, and that the account of the credentials may read it",
    ),
    _rule(
        r"could not read (username|password)|authentication failed|error: 40[13]|permission denied"
        r"|access denied|invalid credentials|error in libcrypto|invalid format",
        Reason.AUTHENTICATION_FAILED,
        Blame.CREDENTIALS,
        "{host} refuses the credentials, or wants some",
        _CREDENTIALS,
        "check that they are current and may read the repository",
    ),
    _rule(
        r"error: 30[12378]",
        Reason.INVALID_REPOSITORY,
        Blame.SPEC,
        "{host} redirects to another address, which is not followed: credentials stay with the host named",
        _REPOSITORY,
        "give the address that git clone ends up at",
    ),
    _rule(
        r"dumb http transport",
        Reason.INVALID_REPOSITORY,
        Blame.SPEC,
        "{host} serves files but does not speak Git's smart HTTP protocol",
        _REPOSITORY,
    ),
    _rule(
        r"no space left on device|read-only file system|disk quota exceeded|unable to create .*file",
        Reason.INTERNAL_ERROR,
        Blame.OURSELVES,
        "the local copy of a repository on {host} can't be written",
        advice="give the controller's cache volume more room",
    ),
    _rule(
        r"certificate|gnutls_handshake|ssl_connect|(ssl|tls) (connect|handshake)",
        Reason.REPOSITORY_UNREACHABLE,
        Blame.NETWORK,
        "no trusted TLS connection to {host}",
        _REPOSITORY,
        "where the host has a certificate authority of its own, put it into the Secret as ca.crt",
    ),
)

# "hung up" and "early EOF" are not among them: a broken mirror can make Git end a fetch early, too.
_UNREACHABLE = re.compile(
    r"could not resolve|failed to connect|couldn't connect|connection (refused|timed out|reset|closed)"
    r"|network is unreachable|no route to host"
    r"|error: (429|5\d\d)|timed out|empty reply|(recv|send) (failure|error)|kex_exchange",
    re.IGNORECASE,
)

# How Git says 401: it would ask for a name, which helps nobody here.
_NO_PROMPT = re.compile(r"could not read (username|password)", re.IGNORECASE)

REFUSED_OBJECT = re.compile(
    r"not our ref|unadvertised object|couldn't find remote ref|no such remote ref|remote error: upload-pack",
    re.IGNORECASE,
)


def understood(stderr: str) -> bool:
    """Whether the output names a cause outside of the mirror, so that its files are not to blame."""
    return bool(_UNREACHABLE.search(stderr)) or any(rule.pattern.search(stderr) for rule in _RULES)


def explain(stderr: str, url: RepositoryURL, credentials: Credentials | None) -> GitopsError:
    """The error for a Git command that failed against `url`; no value of `credentials` is in it."""
    detail = _detail(credentials.scrub(stderr) if credentials else stderr)
    for rule in _RULES:
        if not rule.pattern.search(stderr):
            continue
        message, advice = rule.message, rule.advice
        if rule.reason is Reason.AUTHENTICATION_FAILED and credentials is None:
            message = "{host} wants credentials, and the source names none"
            advice = "name a Secret with username and password, or with bearerToken"
        message = message.format(host=_host(url)) + detail
        return fail(rule.reason, message, rule.blame, where=rule.where, advice=advice)
    return fail(
        Reason.REPOSITORY_UNREACHABLE,
        f"{_host(url)} can't be reached or does not answer as a Git server{detail}",
        Blame.NETWORK,
        where=_REPOSITORY,
        advice="it is tried again",
    )


def redirected(error: GitopsError, target: RepositoryURL) -> GitopsError:
    """`error` about a redirect, with the address that it leads to."""
    return fail(
        error.problem.reason,
        error.problem.message,
        error.problem.blame,
        where=_REPOSITORY,
        advice=f"if you trust it, set the repository to {target.url}",
    )


def overdue(url: RepositoryURL, timeout: float) -> GitopsError:
    """The error for a command that was killed at its deadline, in seconds."""
    return fail(
        Reason.REPOSITORY_UNREACHABLE,
        f"{_host(url)} did not finish its answer within {timeout:.0f} s",
        Blame.NETWORK,
        where=_REPOSITORY,
        advice="it is tried again",
    )


def overflowing(url: RepositoryURL) -> GitopsError:
    """The error for an answer that is larger than any list of refs should be."""
    return fail(
        Reason.REPOSITORY_UNREACHABLE,
        f"{_host(url)} answers with more than can be a list of refs",
        Blame.REPOSITORY,
        where=_REPOSITORY,
    )


def _host(url: RepositoryURL) -> str:
    return url.host or url.url


def _detail(stderr: str) -> str:
    """`: ` and the telling lines, made one short printable line: servers choose what stands in them."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", stderr) if line.strip(" \t@")]
    lines = [line for line in lines if not _NO_PROMPT.search(line)]
    telling = [line for line in lines if re.match(r"(fatal|error|remote|ssh):", line, re.IGNORECASE)]
    text = "; ".join(dict.fromkeys(telling or lines[-2:]))
    text = "".join(character if character.isprintable() else " " for character in text)
    if len(text) > _LONGEST_DETAIL:
        text = f"{text[:_LONGEST_DETAIL]}…"
    return f": {text}" if text else ""
