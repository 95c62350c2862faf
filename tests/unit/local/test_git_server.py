"""The Git server is a real one to git, counts what is asked, and misbehaves on demand."""

import subprocess
import time
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError
from gitops.local.gitserver import GitServer, Service
from gitops.local.worktree import WorkTree, clean_environment


def test_what_is_pushed_can_be_cloned(git_server: GitServer, tmp_path: Path) -> None:
    url = git_server.create_repository("cloned")
    author = WorkTree.create(tmp_path / "author", url)
    sha = author.commit("first", {"a/b.yaml": "x: 1\n"})
    author.push()
    reader = WorkTree.clone(tmp_path / "reader", url)
    assert reader.head() == sha
    assert (tmp_path / "reader/a/b.yaml").read_text() == "x: 1\n"


def test_a_big_push_arrives_whole(git_server: GitServer, tmp_path: Path) -> None:
    """Beyond http.postBuffer (1 MiB) git sends its pack in chunks of unknown number."""
    url = git_server.create_repository("big")
    author = WorkTree.create(tmp_path / "author", url)
    noise = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(500_000))
    author.commit("big", {"noise": noise})
    author.push()
    assert (WorkTree.clone(tmp_path / "reader", url).folder / "noise").read_text() == noise


def test_a_fetch_whose_request_git_compresses_is_answered(git_server: GitServer, tmp_path: Path) -> None:
    """Git packs requests of more than 1 kB, such as one that lists many commits it has."""
    url = git_server.create_repository("compressed")
    author = WorkTree.create(tmp_path / "author", url)
    for number in range(60):
        author.commit(str(number))
    author.push()
    reader = WorkTree.clone(tmp_path / "reader", url)
    for number in range(60):
        reader.commit(f"own {number}")
    sha = author.commit("new")
    author.push()
    reader.git("fetch", "origin", "main")
    assert reader.git("rev-parse", "FETCH_HEAD") == sha


def test_branches_and_tags_come_move_and_go(git_server: GitServer, tmp_path: Path) -> None:
    url = git_server.create_repository("moving")
    tree = WorkTree.create(tmp_path / "tree", url)
    first = tree.commit("first", {"kept": "", "removed": ""})
    tree.tag("v1")
    tree.tag("v2", "annotated")
    tree.push()
    tree.branch("topic")
    second = tree.commit("second", {"removed": None})
    tree.push()
    assert refs(tree) == {
        "refs/heads/main": first,
        "refs/heads/topic": second,
        "refs/tags/v1": first,
        "refs/tags/v2": tree.git("rev-parse", "v2"),
        "refs/tags/v2^{}": first,
    }
    assert tree.git("ls-tree", "--name-only", "HEAD") == "kept"
    tree.git("reset", "--hard", first)
    rewritten = tree.commit("rewritten")
    with pytest.raises(GitopsError, match="rejected"):
        tree.push()
    tree.force_push()
    assert refs(tree)["refs/heads/topic"] == rewritten
    tree.branch("main")
    tree.delete_branch("topic")
    assert "refs/heads/topic" not in refs(tree)


def refs(tree: WorkTree) -> dict[str, str]:
    lines = tree.git("ls-remote", "--heads", "--tags", "origin").splitlines()
    return {name: sha for sha, name in (line.split("\t") for line in lines)}


def test_a_repository_with_credentials_refuses_strangers(git_server: GitServer, tmp_path: Path) -> None:
    url = git_server.create_repository("private", credentials=("ann", "s3cret:with colon"))
    known = url.replace("http://", "http://ann:s3cret%3Awith%20colon@")
    author = WorkTree.create(tmp_path / "author", known)
    sha = author.commit("first", {"a": "b"})
    author.push()
    assert WorkTree.clone(tmp_path / "reader", known).head() == sha
    assert "could not read Username" in ls_remote(url)
    assert "Authentication failed" in ls_remote(url.replace("http://", "http://ann:wrong@"))


def ls_remote(url: str, *, timeout: float = 30) -> str:
    """What git complains about when it lists the refs of `url`; empty: nothing."""
    result = subprocess.run(
        ["git", "ls-remote", url],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return result.stderr


def test_looking_and_fetching_are_counted_apart(git_server: GitServer, tmp_path: Path) -> None:
    url = git_server.create_repository("counted")
    author = WorkTree.create(tmp_path / "author", url)
    author.commit("first", {"a": "b"})
    author.push()
    git_server.requests.clear()
    ls_remote(url)
    assert git_server.requests == {("counted", Service.ADVERTISE): 1, ("counted", Service.LIST): 1}
    WorkTree.clone(tmp_path / "reader", url)
    assert git_server.requests["counted", Service.FETCH] == 1
    assert git_server.requests["counted", Service.PUSH] == 0


def test_a_fault_lasts_until_it_is_healed(git_server: GitServer) -> None:
    url = git_server.create_repository("faulty")
    git_server.fail_with("faulty", 503)
    assert "503" in ls_remote(url)
    git_server.heal("faulty")
    assert ls_remote(url) == ""


def test_a_redirect_leads_to_the_other_repository(git_server: GitServer, tmp_path: Path) -> None:
    old, new = (git_server.create_repository(name) for name in ("old", "new"))
    author = WorkTree.create(tmp_path / "author", new)
    sha = author.commit("first", {"a": "b"})
    author.push()
    git_server.redirect("old", new)
    assert WorkTree.clone(tmp_path / "reader", old).head() == sha


def test_a_hanging_repository_says_nothing_and_does_not_hold_up_others(git_server: GitServer) -> None:
    hanging, fine = (git_server.create_repository(name) for name in ("hanging", "fine"))
    git_server.hang("hanging")
    with pytest.raises(subprocess.TimeoutExpired):
        ls_remote(hanging, timeout=1)
    assert ls_remote(fine) == ""
    git_server.heal("hanging")
    assert ls_remote(hanging) == ""


def test_stopping_does_not_wait_for_requests_that_hang(tmp_path: Path) -> None:
    server = GitServer(tmp_path / "repositories")
    url = server.create_repository("hanging")
    server.hang("hanging")
    with subprocess.Popen(
        ["git", "ls-remote", url], env=clean_environment(), stderr=subprocess.DEVNULL
    ) as client:
        while not server.requests:
            time.sleep(0.01)
        server.stop()
        assert client.wait(10) != 0


def test_an_unknown_repository_is_not_found(git_server: GitServer) -> None:
    assert "not found" in ls_remote(f"{git_server.url}/nowhere.git")
