"""The tree of a commit: what is read, how its parts are identified, what is refused."""

import subprocess
import time

import pytest

from gitops.core.model import Tree
from gitops.core.problem import GitopsError, Reason
from gitops.git import tree as tree_module
from gitops.git.folder import FolderTree
from tests.integration.git.support import Shop


def test_a_commit_and_the_work_tree_that_it_came_from_have_the_same_files(shop: Shop) -> None:
    files = {
        "a b.yaml": "1",
        "ü/ö.yaml": "2",
        "x/[glob]*.yaml": "3",
        "x/y/z": "",
        "tab\there": "4",
        ":(top)x": "5",
    }
    shop.tree.write(files)
    (shop.tree.folder / "link").symlink_to("x/y")
    (shop.tree.folder / "a b.yaml").chmod(0o755)
    sha = shop.commit({"binary": "\0\n\r\x7f" * 100})
    shop.sync()
    commit: Tree = shop.mirror.tree(sha)
    assert commit.files([""]) == FolderTree(shop.tree.folder).files([""])
    assert [file.mode for file in commit.files(["link", "a b.yaml", "x/y/z"])] == [
        0o100755,
        0o120000,
        0o100644,
    ]


def test_only_what_is_asked_for_is_read_and_each_file_once(shop: Shop) -> None:
    sha = shop.commit({"a/x.yaml": "1", "a/b/y.yaml": "2", "ab.yaml": "3", "c.yaml": "4"})
    shop.sync()
    assert list(shop.read(sha, "a", "a/b", "./a/b/y.yaml", "c.yaml/", "nothing")) == [
        "a/b/y.yaml",
        "a/x.yaml",
        "c.yaml",
    ]
    assert shop.read(sha, "nothing") == {}


def test_a_digest_changes_only_with_what_is_below_it(shop: Shop) -> None:
    first = shop.commit({"a/x/1.yaml": "1", "b/2.yaml": "2"})
    shop.sync()
    second = shop.commit({"b/2.yaml": "3"})
    shop.sync()
    one, two = shop.mirror.tree(first), shop.mirror.tree(second)
    for path in ("a", "a/x", "a/x/1.yaml", "a/x/"):
        assert one.digest(path) == two.digest(path) is not None
    for path in ("", "b", "b/2.yaml"):
        assert one.digest(path) != two.digest(path)
    assert one.digest("") == shop.tree.git("rev-parse", f"{first}^{{tree}}")
    assert one.digest("a/x/1.yaml") == shop.tree.git("rev-parse", f"{first}:a/x/1.yaml")
    assert one.digest("c") is None
    assert one.digest("a/x/1.yaml/z") is None


def test_a_submodule_is_left_out(shop: Shop) -> None:
    shop.tree.write({"a.yaml": "1"})
    shop.tree.git("add", "--all")
    shop.tree.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/sub")
    shop.tree.git("commit", "--quiet", "--message=with a submodule")
    shop.tree.push()
    sha = shop.sync()
    assert list(shop.read(sha)) == ["a.yaml"]
    assert shop.mirror.tree(sha).digest("vendor/sub") is None


@pytest.mark.parametrize("name", ["..", ".git", "../../etc/cron.d/x", ".GIT", "."])
def test_a_commit_made_by_hand_whose_files_would_leave_the_folder_is_refused(shop: Shop, name: str) -> None:
    shop.commit({"a.yaml": "1"})
    folder = shop.server.folder / f"{shop.name}.git"

    def git(*arguments: str, stdin: bytes = b"") -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
        return (
            subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=True)
            .stdout.decode()
            .strip()
        )

    blob = git("hash-object", "-w", "--stdin", stdin=b"evil")
    entry = b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob)
    tree = git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=entry)
    git("update-ref", "refs/heads/evil", git("commit-tree", "-m", "evil", tree))
    sha = shop.sync("evil")
    with pytest.raises(GitopsError) as error:
        shop.read(sha)
    assert error.value.problem.reason is Reason.UNSAFE_PATH


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../b", "x\0y"])
def test_a_path_that_leaves_the_repository_is_refused(shop: Shop, path: str) -> None:
    sha = shop.commit({"a.yaml": "1"})
    shop.sync()
    tree = shop.mirror.tree(sha)
    for read in (tree.digest, lambda path: tree.files([path])):
        with pytest.raises(GitopsError) as error:
            read(path)
        assert error.value.problem.reason is Reason.UNSAFE_PATH


def test_too_much_is_refused_before_it_is_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = shop.commit({f"{number}.yaml": "x" * 100 for number in range(20)})
    shop.sync()
    for name, limit in (("MOST_FILES", 19), ("MOST_BYTES", 1999)):
        with monkeypatch.context() as patch:
            patch.setattr(tree_module, name, limit)
            with pytest.raises(GitopsError) as error:
                shop.read(sha)
            assert error.value.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
    assert len(shop.read(sha)) == 20


def test_a_thousand_files_are_read_by_two_processes_and_quickly(shop: Shop) -> None:
    sha = shop.commit({f"d{number % 20}/f{number}.yaml": f"value: {number}\n" * 20 for number in range(1000)})
    shop.sync()
    durations = []
    for _ in range(3):
        start = time.monotonic()
        assert len(shop.read(sha)) == 1000
        durations.append(time.monotonic() - start)
    assert min(durations) < 0.3


def test_a_hundred_folders_are_identified_without_a_process_each(shop: Shop) -> None:
    sha = shop.commit({f"apps/{number}/a.yaml": f"{number}" for number in range(100)})
    shop.sync()
    tree = shop.mirror.tree(sha)
    start = time.monotonic()
    assert len({tree.digest(f"apps/{number}") for number in range(100)}) == 100
    assert time.monotonic() - start < 0.1
    assert shop.mirror.tree(sha) is tree
