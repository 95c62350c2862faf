"""Credentials at work: they reach the host that they are for, and nobody and nothing else."""

import base64
import re
import ssl
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError, Reason
from gitops.git.credentials import Credentials
from gitops.git.failures import explain
from gitops.git.mirror import Mirror
from gitops.local.gitserver import Service
from tests.integration.git.support import ADA, PASSWORD, Relay, Shop, processes_with, wait_until

SPELLINGS = (PASSWORD, base64.b64encode(f"ada:{PASSWORD}".encode()).decode())


def test_a_password_opens_a_private_repository_without_a_refused_request(private_shop: Shop) -> None:
    sha = private_shop.commit({"a.yaml": "1"})
    assert private_shop.sync() == sha
    assert private_shop.requests() == {Service.ADVERTISE: 2, Service.LIST: 1, Service.FETCH: 1}


@pytest.mark.parametrize("credentials", [None, Credentials(username="ada", password="wrong-planted-value")])
def test_wrong_and_missing_credentials_are_told_without_values(
    private_shop: Shop, credentials: Credentials | None
) -> None:
    with pytest.raises(GitopsError) as error:
        private_shop.mirror.remote_refs(credentials)
    assert error.value.problem.reason is Reason.AUTHENTICATION_FAILED
    assert "wrong-planted" not in str(error.value)
    assert ("names none" in str(error.value)) == (credentials is None)


def test_a_bearer_token_is_sent_as_one(relay: Relay, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "m", f"http://127.0.0.1:{relay.port}/x.git")
    with pytest.raises(GitopsError):
        mirror.remote_refs(Credentials(bearer_token="t0ken"))
    assert [headers["Authorization"] for headers in relay.headers] == ["Bearer t0ken"]


@pytest.mark.parametrize("credentials", [ADA, Credentials(bearer_token=PASSWORD)])
def test_a_redirect_is_not_followed_and_the_other_host_gets_nothing(
    private_shop: Shop, relay: Relay, credentials: Credentials
) -> None:
    private_shop.server.redirect(private_shop.name, f"http://127.0.0.1:{relay.port}/elsewhere.git")
    with pytest.raises(GitopsError) as error:
        private_shop.mirror.remote_refs(credentials)
    assert relay.headers == []
    assert error.value.problem.reason is Reason.INVALID_REPOSITORY
    assert f"http://127.0.0.1:{relay.port}/elsewhere.git" in error.value.problem.advice
    assert PASSWORD not in str(error.value)


def test_values_are_in_no_process_environment_or_file_while_they_are_used(private_shop: Shop) -> None:
    since = private_shop.tree.folder / "a.yaml"
    private_shop.commit({"a.yaml": "1"})
    private_shop.sync()
    private_shop.server.hang(private_shop.name)
    before = sum(private_shop.requests().values())
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(private_shop.mirror.remote_refs, ADA, timeout=30.0)
        wait_until(lambda: sum(private_shop.requests().values()) > before)
        assert processes_with(private_shop.mirror.url.url), "nothing is under way, so nothing is tested"
        for spelling in SPELLINGS:
            assert processes_with(spelling) == []
            assert files_with(spelling, since) == []
        private_shop.server.heal(private_shop.name)
        with pytest.raises(GitopsError):
            stuck.result()
    for spelling in SPELLINGS:
        assert files_with(spelling, since) == []
    assert files_with("[core]", since), "the search finds what there is"


def files_with(text: str, since: Path) -> list[Path]:
    """Files in all places for temporary ones, written since `since` was, that hold `text`."""
    folders = {tempfile.gettempdir(), "/tmp", "/dev/shm", "/var/tmp"}
    command = ["find", *sorted(folders), "-type", "f", "-newer", str(since), "-size", "-1024k"]
    command += ["-exec", "grep", "-lF", text, "{}", "+"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [Path(line) for line in found.stdout.splitlines()]


def test_the_controllers_own_environment_is_not_handed_to_git(
    private_shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trace, config, ran = tmp_path / "trace", tmp_path / "config", tmp_path / "ran"
    config.write_text(f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {private_shop.server.url}/\n')
    (tmp_path / ".gitconfig").write_text(config.read_text())
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password netrc-value\n")
    hostile = {
        "CLOUD_TOKEN": "cloud-s3cret",
        "GIT_TRACE": str(trace),
        "GIT_TRACE_CURL": str(trace),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_SYSTEM": str(config),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GIT_SSH_COMMAND": f"touch {ran}",
        "GIT_ASKPASS": f"{tmp_path}/ask",
        "GIT_DIR": str(tmp_path),
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.gitProxy",
        "GIT_CONFIG_VALUE_0": f"touch {ran}",
        "GIT_CONFIG_PARAMETERS": "'http.proxy=http://127.0.0.1:1'",
    }
    sha = private_shop.commit({"a.yaml": "1"})
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    assert private_shop.sync() == sha
    assert private_shop.read(sha) == {"a.yaml": b"1"}
    private_shop.server.hang(private_shop.name)
    before = sum(private_shop.requests().values())
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(private_shop.mirror.remote_refs, timeout=30.0)
        wait_until(lambda: sum(private_shop.requests().values()) > before)
        assert processes_with("cloud-s3cret") == []
        private_shop.server.heal(private_shop.name)
        with pytest.raises(GitopsError):
            stuck.result()
    assert not trace.exists()
    assert not ran.exists()


def test_a_hook_in_a_mirror_does_not_run(shop: Shop, tmp_path: Path) -> None:
    shop.commit({"a.yaml": "1"})
    shop.sync()
    hooks = shop.mirror.folder / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (hooks / name).chmod(0o755)
    shop.commit({"a.yaml": "2"})
    shop.sync()
    assert not (tmp_path / "ran").exists()


def test_a_server_can_not_print_a_value_into_an_error(private_shop: Shop) -> None:
    text = f"remote: your password {PASSWORD} is wrong ({SPELLINGS[1]})\nfatal: Authentication failed"
    shown = str(explain(text, private_shop.mirror.url, ADA))
    assert "your password *** is wrong (***)" in shown


@pytest.mark.parametrize("ref", ["-x", "--upload-pack=touch /tmp/x", "a:b", "a\nb"])
def test_a_ref_that_git_could_misread_is_refused(shop: Shop, ref: str) -> None:
    with pytest.raises(GitopsError):
        shop.mirror.fetch("1" * 40, ref)
    with pytest.raises(GitopsError):
        shop.mirror.fetch(ref)
    assert shop.requests() == {}


def test_a_private_authority_is_trusted_when_the_secret_holds_it(
    shop: Shop, relay: Relay, tmp_path: Path
) -> None:
    sha = shop.commit({"a.yaml": "1"})
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    relay.upstream = shop.server.url
    relay.server.socket = context.wrap_socket(relay.server.socket, server_side=True)
    mirror = Mirror(tmp_path / "m", f"https://127.0.0.1:{relay.port}/{shop.name}.git")
    with pytest.raises(GitopsError) as error:
        mirror.remote_refs(ADA)
    assert error.value.problem.reason is Reason.REPOSITORY_UNREACHABLE
    assert "ca.crt" in error.value.problem.advice
    assert relay.headers == [], "a request before the host was known to be the right one"
    trusting = Credentials.from_secret(
        {"username": b"ada", "password": PASSWORD.encode(), "ca.crt": certificate.read_bytes()}
    )
    assert mirror.fetch(mirror.remote_refs(trusting).refs["HEAD"], credentials=trusting)
    assert mirror.commit_info(sha).sha == sha
    assert all(re.match("Basic ", headers["Authorization"]) for headers in relay.headers)


def test_no_memory_file_stays_open(private_shop: Shop) -> None:
    private_shop.commit({"a.yaml": "1"})
    private_shop.sync()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        private_shop.sync()
    assert (
        len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    )  # the server's own connection may be closing
