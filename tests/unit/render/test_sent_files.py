"""Paths and symbolic links of a sent tree: nothing leads out of it."""

from pathlib import Path

import pytest

from gitops.core.model import TreeFile
from gitops.core.problem import GitopsError, Reason
from gitops.render.sent_files import SYMLINK, Found, SentFiles


def sent(
    files: dict[str, str], links: dict[str, str] | None = None, roots: tuple[str, ...] = ("",)
) -> SentFiles:
    entries = [TreeFile(path, 0o100644, text.encode()) for path, text in files.items()]
    entries += [TreeFile(path, SYMLINK, target.encode()) for path, target in (links or {}).items()]
    return SentFiles(entries, roots)


def refusal(files: dict[str, str], links: dict[str, str] | None = None) -> str:
    with pytest.raises(GitopsError) as caught:
        sent(files, links).unsent_link_targets()
    assert caught.value.problem.reason is Reason.UNSAFE_PATH
    return caught.value.problem.message


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a\0b", ""])
def test_a_file_name_that_could_leave_the_tree_is_refused(path: str) -> None:
    assert "is not allowed" in refusal({path: "x"})


@pytest.mark.parametrize(
    ("link", "target"),
    [("a", "/etc/passwd"), ("a", "../x"), ("d/a", "../../x"), ("d/a", "./b/../../../x"), ("a", "a\0b")],
)
def test_a_link_that_leaves_the_tree_is_refused_by_name(link: str, target: str) -> None:
    assert refusal({}, {link: target}) == f"the symbolic link {link} → {target} leaves the repository"


def test_a_link_out_through_another_link_is_refused() -> None:
    # Read as text, a/b/../../x stays inside; followed, it starts from the root.
    assert "leaves the repository" in refusal({"d/e/f": ""}, {"a": "d", "x": "a/../../y"})


def test_a_loop_of_links_is_refused() -> None:
    assert "form a loop" in refusal({}, {"a": "b", "b": "a"})


def test_a_file_may_not_lie_below_a_link_or_a_file() -> None:
    assert "lies inside a" in refusal({"a/b": "x"}, {"a": "elsewhere"})
    assert "lies inside a" in refusal({"a/b": "x", "a": "y"})


def test_what_was_sent_is_told_from_what_was_not() -> None:
    files = sent(
        {"app/a.yaml": "", "app/sub/b.yaml": "", "lone.yaml": ""}, roots=("app", "lone.yaml", "gone")
    )
    assert files.find("app/a.yaml") == (Found.FILE, "app/a.yaml")
    assert files.find("app/sub/../a.yaml") == (Found.FILE, "app/a.yaml")
    assert files.find("app/sub") == (Found.FOLDER, "app/sub")
    assert files.find("app/none") == (Found.ABSENT, "app/none")
    assert files.find("gone/x") == (Found.ABSENT, "gone/x")
    assert files.find("lone.yaml") == (Found.FILE, "lone.yaml")
    assert files.find("app/../other/x") == (Found.UNSENT, "other/x")


def test_a_link_to_what_was_not_sent_is_asked_for() -> None:
    files = sent({}, {"app/base": "../shared/base"}, roots=("app",))
    assert files.unsent_link_targets() == {"shared/base"}
    assert files.find("app/base/kustomization.yaml") == (Found.UNSENT, "shared/base/kustomization.yaml")


def test_files_and_links_are_laid_out(tmp_path: Path) -> None:
    files = sent({"a/b/c": "text"}, {"a/link": "b/c", "dangling": "nothing"})
    assert files.unsent_link_targets() == set()
    files.write(tmp_path / "tree")
    assert (tmp_path / "tree/a/link").read_text() == "text"
    assert (tmp_path / "tree/dangling").is_symlink()
