"""Folders of this machine as source trees."""

import os
import subprocess
from pathlib import Path

import pytest

from gitops.core.model import Tree
from gitops.core.problem import GitopsError, Reason
from gitops.git.folder import FolderTree, discover


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_files_are_listed_once_sorted_and_without_git(tmp_path: Path) -> None:
    write(tmp_path, {"b/x.yaml": "1", "a.yaml": "2", ".git/config": "3", "b/.git/HEAD": "4", "c/y": "5"})
    (tmp_path / "a.yaml").chmod(0o755)
    tree: Tree = FolderTree(tmp_path)
    found = [
        (file.path, file.mode, file.content) for file in tree.files(["b", "b/x.yaml", "a.yaml", "nothing"])
    ]
    assert found == [("a.yaml", 0o100755, b"2"), ("b/x.yaml", 0o100644, b"1")]
    assert [file.path for file in tree.files([""])] == ["a.yaml", "b/x.yaml", "c/y"]


def test_links_are_told_and_never_followed(tmp_path: Path) -> None:
    write(tmp_path, {"tree/a": "1", "outside/secret": "2"})
    root = tmp_path / "tree"
    (root / "file").symlink_to("../outside/secret")
    (root / "folder").symlink_to("../outside")
    tree = FolderTree(root)
    links = [(file.path, file.mode, file.content) for file in tree.files([""]) if file.path != "a"]
    assert links == [("file", 0o120000, b"../outside/secret"), ("folder", 0o120000, b"../outside")]
    assert tree.files(["folder/secret"]) == []
    assert tree.digest("folder/secret") is None


def test_a_digest_changes_with_name_mode_and_content_below_it_only(tmp_path: Path) -> None:
    write(tmp_path, {"a/x": "1", "b/y": "2"})
    tree = FolderTree(tmp_path)
    seen = {tree.digest("a")}
    other = tree.digest("b")
    (tmp_path / "a/x").write_text("2")
    seen.add(tree.digest("a"))
    (tmp_path / "a/x").chmod(0o755)
    seen.add(tree.digest("a"))
    (tmp_path / "a/x").rename(tmp_path / "a/z")
    seen.add(tree.digest("a"))
    assert len(seen) == 4
    assert tree.digest("b") == other
    assert tree.digest("c") is None


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a\0b"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    for read in (FolderTree(tmp_path).digest, lambda path: FolderTree(tmp_path).files([path])):
        with pytest.raises(GitopsError) as error:
            read(path)
        assert error.value.problem.reason is Reason.UNSAFE_PATH


def test_pipes_do_not_hang_and_large_files_are_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert FolderTree(tmp_path).files([""]) == []
    with (tmp_path / "large").open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    with pytest.raises(GitopsError) as error:
        FolderTree(tmp_path).files([""])
    assert error.value.problem.reason is Reason.RENDER_LIMIT_EXCEEDED


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(GitopsError) as error:
        FolderTree(tmp_path / "x")
    assert error.value.problem.reason is Reason.PATH_NOT_FOUND


def test_the_work_tree_around_a_folder_is_found_with_its_remote(tmp_path: Path) -> None:
    write(tmp_path, {"w/deploy/prod/a.yaml": "1"})
    root = tmp_path / "w"
    assert discover(root / "deploy").remote is None
    for command in (
        ["init", "--quiet"],
        ["remote", "add", "origin", "https://ada:p4ss@git.example.com/shop.git"],
        ["remote", "add", "a-fork", "https://git.example.com/fork.git"],
    ):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    found = discover(root / "deploy" / "prod")
    assert (found.root, found.path, found.remote) == (root, "deploy/prod", "https://git.example.com/shop.git")
    assert discover(root).path == ""
