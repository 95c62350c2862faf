"""Repositories over SSH, against a real sshd."""

import base64
import socket
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError, Reason
from gitops.core.revision import choose, parse_wanted
from gitops.git.credentials import Credentials
from gitops.git.mirror import Mirror
from gitops.local.sshserver import SshServer
from gitops.local.worktree import WorkTree
from tests.integration.git.support import processes_with


@pytest.fixture
def url(ssh_server: SshServer, tmp_path: Path) -> str:
    name = f"ssh-{tmp_path.parent.name}-{tmp_path.name}"
    address = ssh_server.create_repository(name)
    tree = WorkTree.create(tmp_path / "work", str(ssh_server.folder / f"{name}.git"))
    tree.commit("one", {"a.yaml": "1"})
    tree.push()
    return address


def secret(ssh_server: SshServer, **more: bytes) -> Credentials:
    held = {
        "identity": ssh_server.client_key.read_bytes(),
        "known_hosts": ssh_server.known_hosts.read_bytes(),
    }
    return Credentials.from_secret(held | more)


def test_a_key_opens_a_repository(ssh_server: SshServer, url: str, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "m", url)
    found = mirror.remote_refs(secret(ssh_server))
    chosen = choose(found.refs, found.head, parse_wanted(None))
    assert mirror.fetch(chosen.sha, chosen.ref, secret(ssh_server))
    assert [file.content for file in mirror.tree(chosen.sha).files([""])] == [b"1"]


def test_a_key_without_the_newline_at_its_end_works_too(
    ssh_server: SshServer, url: str, tmp_path: Path
) -> None:
    held = secret(ssh_server, identity=ssh_server.client_key.read_bytes().strip().replace(b"\n", b"\r\n"))
    assert Mirror(tmp_path / "m", url).remote_refs(held).head == "refs/heads/main"


def test_a_host_that_is_not_in_known_hosts_is_refused(
    ssh_server: SshServer, url: str, tmp_path: Path
) -> None:
    other = ssh_server.known_hosts.read_bytes().replace(b"127.0.0.1", b"127.0.0.9")
    with pytest.raises(GitopsError) as error:
        Mirror(tmp_path / "m", url).remote_refs(secret(ssh_server, known_hosts=other))
    assert error.value.problem.reason is Reason.HOST_KEY_UNKNOWN


def test_a_host_whose_key_has_changed_is_refused(ssh_server: SshServer, url: str, tmp_path: Path) -> None:
    place, kind, key = ssh_server.known_hosts.read_text().split()[:3]
    changed = bytearray(base64.b64decode(key))
    changed[-1] ^= 1
    line = f"{place} {kind} {base64.b64encode(changed).decode()}\n".encode()
    with pytest.raises(GitopsError) as error:
        Mirror(tmp_path / "m", url).remote_refs(secret(ssh_server, known_hosts=line))
    assert error.value.problem.reason is Reason.HOST_KEY_UNKNOWN


def test_without_known_hosts_no_connection_is_made(ssh_server: SshServer, url: str, tmp_path: Path) -> None:
    for credentials in (None, secret(ssh_server, known_hosts=b"")):
        with pytest.raises(GitopsError) as error:
            Mirror(tmp_path / "m", url).remote_refs(credentials)
        assert error.value.problem.reason is Reason.HOST_KEY_UNKNOWN


def test_a_wrong_key_is_told(ssh_server: SshServer, url: str, tmp_path: Path) -> None:
    wrong = (ssh_server.client_key.parent / "host_key").read_bytes()
    with pytest.raises(GitopsError) as error:
        Mirror(tmp_path / "m", url).remote_refs(secret(ssh_server, identity=wrong))
    assert error.value.problem.reason is Reason.AUTHENTICATION_FAILED


def test_a_repository_that_is_not_there_is_told(ssh_server: SshServer, url: str, tmp_path: Path) -> None:
    with pytest.raises(GitopsError) as error:
        Mirror(tmp_path / "m", url.replace(".git", "-not.git")).remote_refs(secret(ssh_server))
    assert error.value.problem.reason is Reason.INVALID_REPOSITORY


def test_a_host_that_accepts_and_says_nothing_costs_its_deadline(
    ssh_server: SshServer, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ssh://git@127.0.0.1:{silent.getsockname()[1]}/x.git"
        with pytest.raises(GitopsError, match="within 1 s"):
            Mirror(tmp_path / "m", address).remote_refs(secret(ssh_server), timeout=1.0)
        assert processes_with(f"-p {silent.getsockname()[1]}".replace(" ", "\0")) == []
        assert processes_with(address) == []


def test_no_file_with_the_key_is_left(ssh_server: SshServer, url: str, tmp_path: Path) -> None:
    Mirror(tmp_path / "m", url).remote_refs(secret(ssh_server))
    line = ssh_server.client_key.read_text().splitlines()[1]
    assert processes_with(line) == []
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and line.encode() in path.read_bytes()]
