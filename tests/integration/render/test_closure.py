"""What a render reads is known exactly, so that its key changes exactly when it has to."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops.core.problem import Reason
from gitops.core.render_options import RenderOptions
from gitops.core.renderkey import render_key
from gitops.git.folder import FolderTree
from gitops.render.closure import render_tree
from gitops.render.errors import RenderError
from gitops.render.process import RendererProcess
from gitops.render.protocol import RenderRequest

OVERLAY = {
    "apps/web/kustomization.yaml": "resources: [../../base]\n",
    "base/kustomization.yaml": "resources: [a.yaml]\n",
    "base/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    "apps/other/kustomization.yaml": "resources: []\n",
    "README.md": "x",
}


def key_of(tree: FolderTree, reads: dict[str, str | None]) -> str:
    now = {path: tree.digest(path) for path in reads}
    return render_key(
        now, RenderOptions(), "kustomize", application="shop/web", namespace="shop", renderer_version="1"
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("apps/web/kustomization.yaml", True),
        ("base/a.yaml", True),
        ("base/new.yaml", True),
        ("apps/other/kustomization.yaml", False),
        ("README.md", False),
    ],
)
async def test_the_key_changes_when_something_that_was_read_does(
    render: Callable[..., Any], tmp_path: Path, changed: str, expected: bool
) -> None:
    done = await render(OVERLAY, "apps/web")
    (folder,) = tmp_path.iterdir()
    tree = FolderTree(folder)
    before = key_of(tree, done.reads)
    (folder / changed).write_text(secrets.token_hex())
    assert (key_of(tree, done.reads) != before) is expected


async def test_what_was_looked_for_in_vain_changes_the_key_when_it_appears(
    failure: Callable[..., Any], tmp_path: Path
) -> None:
    error = await failure({**OVERLAY, "base/kustomization.yaml": "resources: [../later]\n"}, "apps/web")
    assert error.reads["later"] is None
    (folder,) = tmp_path.iterdir()
    tree = FolderTree(folder)
    before = key_of(tree, error.reads)
    (folder / "later").mkdir()
    (folder / "later" / "kustomization.yaml").write_text("resources: []\n")
    assert key_of(tree, error.reads) != before


async def test_remembered_reads_are_kept_while_they_are_used_and_dropped_after(
    render: Callable[..., Any],
) -> None:
    done = await render(OVERLAY, "apps/web", known=("apps/web", "base", "apps/other", "gone"))
    assert set(done.reads) == {"apps/web", "base"}
    assert done == await render(OVERLAY, "apps/web")


async def test_links_are_followed_within_the_repository(
    render: Callable[..., Any], link: Callable[[str], Any]
) -> None:
    files = {
        "apps/web/kustomization.yaml": "resources: [base]\n",
        "apps/web/base": link("../../shared/current"),
        "shared/current": link("v2"),
        "shared/v2/kustomization.yaml": "resources: [a.yaml]\n",
        "shared/v2/a.yaml": OVERLAY["base/a.yaml"],
    }
    done = await render(files, "apps/web")
    assert [each.name for each in done.rendered.manifests] == ["a"]
    assert set(done.reads) == {"apps/web", "shared/current", "shared/v2"}


async def test_a_linked_manifest_is_read(render: Callable[..., Any], link: Callable[[str], Any]) -> None:
    done = await render({"app/a.yaml": link("../base/a.yaml"), "base/a.yaml": OVERLAY["base/a.yaml"]})
    assert [(each.name, each.origin) for each in done.rendered.manifests] == [("a", "app/a.yaml:1")]
    assert set(done.reads) == {"app", "base/a.yaml"}


async def test_a_file_that_only_the_tool_knows_of_is_found_by_its_error(tmp_path: Path) -> None:
    # Nothing that kustomize reads today escapes our own reading: a stand-in for one of tomorrow.
    tool = tmp_path / "kustomize"
    tool.write_text(
        f"#!{sys.executable} -S\nimport os, sys\n"
        "try:\n    print(open('tree/shared/cm.yaml').read())\n"
        "except FileNotFoundError as error:\n"
        '    sys.exit(f"Error: open {os.getcwd()}/tree/shared/cm.yaml: no such file or directory")\n'
    )
    tool.chmod(0o755)
    folder = tmp_path / "tree"
    for name, text in {"app/kustomization.yaml": "new: x", "shared/cm.yaml": OVERLAY["base/a.yaml"]}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    async with RendererProcess(kustomize=str(tool)) as client:
        done = await render_tree(FolderTree(folder), RenderRequest("shop/web", "shop", "app"), client)
        assert [each.name for each in done.rendered.manifests] == ["a"]
        assert set(done.reads) == {"app", "shared/cm.yaml"}
        (folder / "shared/cm.yaml").unlink()
        with pytest.raises(RenderError) as caught:
            await render_tree(FolderTree(folder), RenderRequest("shop/web", "shop", "app"), client)
        assert caught.value.problem.reason is Reason.RENDER_FAILED
        assert caught.value.reads["shared/cm.yaml"] is None
