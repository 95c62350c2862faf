"""The SSH server serves the same repositories, to the holder of its key only."""

from pathlib import Path

import pytest

from gitops.core.problem import GitopsError
from gitops.local.gitserver import GitServer
from gitops.local.sshserver import SshServer
from gitops.local.worktree import WorkTree


def test_what_is_pushed_by_ssh_can_be_read_by_http(
    git_server: GitServer, ssh_server: SshServer, tmp_path: Path
) -> None:
    url = git_server.create_repository("both")
    author = WorkTree.create(tmp_path / "author", ssh_server.url("both"), ssh_server.git_environment)
    sha = author.commit("first", {"a": "b"})
    author.push()
    assert WorkTree.clone(tmp_path / "reader", url).head() == sha
    cloned = WorkTree.clone(tmp_path / "again", ssh_server.url("both"), ssh_server.git_environment)
    assert cloned.head() == sha


def test_a_stranger_is_refused(ssh_server: SshServer, tmp_path: Path) -> None:
    url = ssh_server.create_repository("closed")
    environment = ssh_server.git_environment
    environment["GIT_SSH_COMMAND"] = environment["GIT_SSH_COMMAND"].replace(
        str(ssh_server.client_key), str(tmp_path / "no-key")
    )
    stranger = WorkTree.create(tmp_path / "stranger", url, environment)
    with pytest.raises(GitopsError, match="Permission denied"):
        stranger.git("fetch", "origin")


def test_another_host_key_is_refused(ssh_server: SshServer, tmp_path: Path) -> None:
    url = ssh_server.create_repository("known")
    environment = ssh_server.git_environment
    (tmp_path / "known_hosts").touch()
    environment["GIT_SSH_COMMAND"] = environment["GIT_SSH_COMMAND"].replace(
        str(ssh_server.known_hosts), str(tmp_path / "known_hosts")
    )
    careful = WorkTree.create(tmp_path / "careful", url, environment)
    with pytest.raises(GitopsError, match="Host key verification failed"):
        careful.git("fetch", "origin")


def test_only_git_can_be_run(ssh_server: SshServer, tmp_path: Path) -> None:
    tree = WorkTree.create(tmp_path / "tree", "unused", ssh_server.git_environment)
    user, _, _ = ssh_server.url("x").removeprefix("ssh://").partition("@")
    alias = f"!$GIT_SSH_COMMAND -p {ssh_server.port} {user}@127.0.0.1 id"
    with pytest.raises(GitopsError, match="unrecognized command"):
        tree.git("-c", f"alias.run={alias}", "run")
