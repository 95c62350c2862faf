"""Credentials: what a Secret may hold, and where its values never show."""

import base64
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError, Reason
from gitops.core.revision import parse_repository
from gitops.git.credentials import Credentials, lend

HTTPS = parse_repository("https://git.example.com/shop.git")
SSH = parse_repository("ssh://git@git.example.com/shop.git")
KNOWN = b"git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG7uYUIpFE12DQVHPb3jpfxp/MBLNQvGbYM1BPASXgQ2\n"


@pytest.fixture(scope="module")
def make_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    def make(passphrase: str) -> bytes:
        path = tmp_path_factory.mktemp("key") / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
        return path.read_bytes()

    return make


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({}, "bearerToken"),
        ({"user": b"x"}, "bearerToken"),
        ({"username": b"ada"}, "password"),
        ({"password": b"p4ss-word"}, "username"),
        ({"username": b"a:b", "password": b"p4ss-word"}, "username"),
        ({"username": b"ada", "password": b"p4ss-word\nX: y"}, "password"),
        ({"username": b"ada", "password": b"p4ss\0word"}, "password"),
        ({"username": b"ada", "password": b"p4ss-word\xff"}, "password"),
        ({"username": b"ada", "password": b"p4ss-word", "bearerToken": b"p4ss-word"}, "bearerToken"),
        ({"bearerToken": b"p4ss word"}, "bearerToken"),
        ({"identity": b"p4ss-word"}, "identity"),
        ({"known_hosts": b"# p4ss-word only a comment\n"}, "known_hosts"),
        ({"ca.crt": b"p4ss-word"}, "ca.crt"),
    ],
)
def test_a_wrong_secret_names_the_key_and_not_the_value(data: dict[str, bytes], key: str) -> None:
    with pytest.raises(GitopsError) as error:
        Credentials.from_secret(data)
    assert error.value.problem.reason is Reason.CREDENTIALS_INVALID
    assert key in str(error.value)
    assert "p4ss" not in str(error.value)


def test_a_private_key_with_a_passphrase_is_told_at_once(make_key: Callable[[str], bytes]) -> None:
    Credentials.from_secret({"identity": make_key(""), "known_hosts": KNOWN})
    with pytest.raises(GitopsError, match="passphrase"):
        Credentials.from_secret({"identity": make_key("long enough"), "known_hosts": KNOWN})


def test_a_newline_that_an_editor_left_does_not_matter() -> None:
    plain = Credentials.from_secret({"username": b"ada", "password": b"p4ss"})
    assert plain == Credentials.from_secret({"username": b"ada\n", "password": b"p4ss\r\n"})


def test_no_way_to_print_credentials_shows_a_value(make_key: Callable[[str], bytes]) -> None:
    held = Credentials.from_secret(
        {"username": b"ada", "password": b"p4ss-word", "identity": make_key(""), "known_hosts": KNOWN}
    )
    for text in (repr(held), str(held), f"{held}", f"{[held]}"):
        assert text.strip("[]") == "<Credentials: username, password, identity, known_hosts>"


def test_the_digest_tells_credentials_apart_and_only_in_this_process() -> None:
    one = Credentials(username="a", password="bc")
    assert one.digest == Credentials(username="a", password="bc").digest
    assert one.digest != Credentials(username="ab", password="c").digest
    script = (
        "from gitops.git.credentials import Credentials as C; print(C(username='a', password='bc').digest)"
    )
    other = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert len(other.stdout.strip()) == 32
    assert other.stdout.strip() != one.digest


@pytest.mark.parametrize("scheme", ["password", "token"])
def test_whatever_repeats_a_value_is_scrubbed(scheme: str) -> None:
    secret = "p4ss/w+rd"
    held = (
        Credentials(username="ada", password=secret)
        if scheme == "password"
        else Credentials(bearer_token=secret)
    )
    encoded = base64.b64encode(f"ada:{secret}".encode() if scheme == "password" else secret.encode()).decode()
    text = held.scrub(f"fatal: https://ada:{secret}@h/ or p4ss%2Fw%2Brd or {encoded}")
    assert text == "fatal: https://ada:***@h/ or *** or ***"


def test_what_git_is_given_holds_no_value_and_is_gone_afterwards() -> None:
    with lend(Credentials(username="ada", password="p4ss-word"), HTTPS) as access:
        given = " ".join([*access.settings, *access.environment, *access.environment.values()])
        place = Path(access.settings[0].partition("=")[2])
        assert "p4ss-word" not in given
        assert base64.b64encode(b"ada:p4ss-word").decode() in place.read_text()
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert place.stat().st_nlink == 0, "no folder has this file"
        number = int(place.name)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_the_header_is_bound_to_scheme_host_and_port() -> None:
    url = parse_repository("https://git.example.com:8443/shop.git")
    with lend(Credentials(bearer_token='a"b\\c'), url) as access:
        content = Path(access.settings[0].partition("=")[2]).read_text()
    assert content.splitlines()[0] == '[http "https://git.example.com:8443/"]'
    assert content.splitlines()[1] == '\textraHeader = "Authorization: Bearer a\\"b\\\\c"'


def test_ssh_without_known_hosts_is_refused(make_key: Callable[[str], bytes]) -> None:
    for credentials in (None, Credentials.from_secret({"identity": make_key("")})):
        with pytest.raises(GitopsError) as error, lend(credentials, SSH):
            pass
        assert error.value.problem.reason is Reason.HOST_KEY_UNKNOWN


def test_credentials_for_another_protocol_are_told() -> None:
    with pytest.raises(GitopsError, match="identity"), lend(Credentials(known_hosts=KNOWN.decode()), SSH):
        pass
    with (
        pytest.raises(GitopsError, match="bearerToken"),
        lend(Credentials(known_hosts=KNOWN.decode()), HTTPS),
    ):
        pass
