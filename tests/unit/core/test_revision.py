"""What a source's repository and revision mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.core.problem import Blame, GitopsError, Reason
from gitops.core.revision import choose, parse_repository, parse_wanted, valid_ref

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)


@pytest.mark.parametrize(
    ("given_url", "url", "scheme", "host", "port"),
    [
        (
            "https://Git.Example.com:443/Shop.git/",
            "https://git.example.com/Shop.git",
            "https",
            "git.example.com",
            None,
        ),
        (
            "https://git.example.com:8443/a/b",
            "https://git.example.com:8443/a/b",
            "https",
            "git.example.com",
            8443,
        ),
        ("http://127.0.0.1:3000/shop.git", "http://127.0.0.1:3000/shop.git", "http", "127.0.0.1", 3000),
        ("ssh://git@Host:22/shop.git", "ssh://git@host/shop.git", "ssh", "host", None),
        ("ssh://git@[::1]:2222/shop.git", "ssh://git@[::1]:2222/shop.git", "ssh", "[::1]", 2222),
        ("git@GitHub.com:org/shop.git", "git@github.com:org/shop.git", "ssh", "github.com", None),
    ],
)
def test_an_address_is_normalised(given_url: str, url: str, scheme: str, host: str, port: int | None) -> None:
    parsed = parse_repository(given_url)
    assert (parsed.url, parsed.scheme, parsed.host, parsed.port) == (url, scheme, host, port)
    assert parse_repository(parsed.url) == parsed


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-uhttps://host/x",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "fd::7",
        "https::https://host/x",
        "::x",
        "file:///srv/git/x.git",
        "/srv/git/x.git",
        "./x",
        "../x",
        "git://host/x",
        "ftp://host/x",
        "javascript://host/x",
        "https://host",
        "https://host/",
        "https:///x",
        "https://-oProxyCommand=x/x",
        "ssh://-oProxyCommand=x/x",
        "ssh://git@-oProxyCommand=x/x",
        "ssh://-l@host/x",
        "-git@host:x",
        "git@-host:x",
        "git@host:-x",
        "git@host:",
        "https://host/x y",
        "https://host/x\n",
        "https://host/x\0",
        "https://host/x\x7f",
        "https://hóst/x",
        "https://host/x?service=y",
        "https://host/x#y",
        "https://host/a/../b",
        "https://host/a/%2e%2e/b",
        "https://host:port/x",
        "https://host:99999/x",
        "https://host\\@other/x",
        "https://" + "h" * 3000 + "/x",
    ],
)
def test_an_address_that_git_could_misread_is_refused(url: str) -> None:
    with pytest.raises(GitopsError) as error:
        parse_repository(url)
    assert error.value.problem.reason is Reason.INVALID_REPOSITORY
    assert error.value.problem.blame is Blame.SPEC


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:s3cret@host/x",
        "https://s3cret@host/x",
        "ssh://git:s3cret@host/x",
        "http://:s3cret@host/x",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(GitopsError, match="Secret") as error:
        parse_repository(url)
    assert "s3cret" not in str(error.value)


def test_file_and_http_addresses_depend_on_the_operator() -> None:
    assert parse_repository("file:///srv/x.git", allow_file=True).path == "/srv/x.git"
    with pytest.raises(GitopsError, match="not allowed"):
        parse_repository("http://host/x", allow_http=False)
    with pytest.raises(GitopsError, match="three slashes"):
        parse_repository("file://host/x", allow_file=True)


def test_the_ways_to_reach_a_repository_are_one_place() -> None:
    urls = (
        "https://github.com/org/shop",
        "git@github.com:org/shop.git",
        "ssh://git@github.com/org/shop.git/",
    )
    assert {parse_repository(url).place for url in urls} == {"github.com/org/shop"}


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=60))
def test_what_is_accepted_never_looks_like_an_option_or_a_helper(text: str) -> None:
    try:
        parsed = parse_repository(text)
    except GitopsError:
        return
    assert not parsed.url.startswith("-")
    assert not parsed.host.startswith("-")
    assert "::" not in parsed.url.split("[")[0]
    assert not any(character.isspace() for character in parsed.url)


REFS = {
    "HEAD": A,
    "refs/heads/main": A,
    "refs/heads/1.2.0": B,
    "refs/tags/main": C,
    "refs/tags/v1.2.0": D,
    "refs/tags/v1.2.0^{}": B,
    "refs/tags/1.10.0": C,
    "refs/tags/v2.0.0-rc.1": D,
    "refs/tags/release": A,
    "refs/pull/7/head": D,
}


@pytest.mark.parametrize(
    ("revision", "ref", "sha"),
    [
        (None, "refs/heads/main", A),
        ("main", "refs/heads/main", A),  # the branch wins over the tag
        ("refs/tags/main", "refs/tags/main", C),
        ("refs/pull/7/head", "refs/pull/7/head", D),
        ("v1.2.0", "refs/tags/v1.2.0", B),  # the commit, not the tag object
        ("1.2.0", "refs/heads/1.2.0", B),  # a branch that looks like a version
        ("1.10.0", "refs/tags/1.10.0", C),
        (">=1.2 <2", "refs/tags/1.10.0", C),  # by number, not by letter
        (">= 1.2, < 2", "refs/tags/1.10.0", C),
        ("1.x || 3.x", "refs/tags/1.10.0", C),
        ("1.0 - 1.5", "refs/tags/v1.2.0", B),
        ("1.x", "refs/tags/1.10.0", C),
        ("~1.2", "refs/tags/v1.2.0", B),
        ("*", "refs/tags/1.10.0", C),  # no pre-release unless asked for
        (">=2.0.0-rc.0", "refs/tags/v2.0.0-rc.1", D),
        ("B" * 40, "", B),
        ("e" * 64, "", "e" * 64),
    ],
)
def test_a_revision_means_one_commit(revision: str | None, ref: str, sha: str) -> None:
    chosen = choose(REFS, "refs/heads/main", parse_wanted(revision))
    assert (chosen.ref, chosen.sha) == (ref, sha)


def test_a_full_sha_needs_no_refs() -> None:
    assert choose({}, None, parse_wanted(A)).sha == A


@pytest.mark.parametrize(
    ("revision", "advice"),
    [
        ("mian", "'main'"),
        ("relaese", "'release'"),
        (">=3 <4", "'v2.0.0-rc.1', '1.10.0', 'v1.2.0'"),
        ("abcdef1", "40 digits"),
    ],
)
def test_a_missing_revision_names_what_is_near(revision: str, advice: str) -> None:
    with pytest.raises(GitopsError) as error:
        choose(REFS, "refs/heads/main", parse_wanted(revision))
    assert error.value.problem.reason is Reason.REVISION_NOT_FOUND
    assert advice in error.value.problem.advice


def test_an_empty_repository_says_so() -> None:
    with pytest.raises(GitopsError, match="no commits yet"):
        choose({}, None, parse_wanted(None))


def test_a_head_without_branch_is_a_commit_and_one_that_dangles_is_told() -> None:
    assert choose({"HEAD": B, "refs/heads/x": A}, None, parse_wanted(None)).sha == B
    with pytest.raises(GitopsError, match="'x'"):
        choose({"refs/heads/x": A}, None, parse_wanted(None))


@pytest.mark.parametrize(
    "revision", ["-x", "--upload-pack=x", "a..b", "a b", "a\nb", "a:b", "x.lock", "a/.b", "@{1}"]
)
def test_a_revision_that_is_no_ref_name_is_refused(revision: str) -> None:
    with pytest.raises(GitopsError) as error:
        parse_wanted(revision)
    assert error.value.problem.reason is Reason.REVISION_NOT_FOUND


@pytest.mark.parametrize("name", ["main", "feature/x", "a-b", "a.b", "refs/heads/main", "ünïcode", "a@b"])
def test_ordinary_ref_names_are_accepted(name: str) -> None:
    assert valid_ref(name)
