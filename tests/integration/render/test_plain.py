"""Plain manifests, rendered by the real process."""

from collections.abc import Callable
from typing import Any

from gitops.core.problem import Blame, Reason
from gitops.core.render_options import PlainOptions


def config_map(name: str, key: str = "a") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  {key}: b\n"


async def test_all_files_of_a_folder_are_read_in_order(render: Callable[..., Any]) -> None:
    done = await render(
        {
            "app/b.yml": f"{config_map('b1')}---\n{config_map('b2')}",
            "app/a.yaml": config_map("a"),
            "app/sub/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
            "app/README.md": "# no manifest",
            "app/.hidden.yaml": "a: 1",
            "app/.github/x.yaml": "a: 1",
            "other/x.yaml": "a: 1",
        }
    )
    assert done.renderer == "plain"
    assert [(each.name, each.origin) for each in done.rendered.manifests] == [
        ("a", "app/a.yaml:1"),
        ("b1", "app/b.yml:1"),
        ("b2", "app/b.yml:8"),
        ("c", "app/sub/c.json:1"),
    ]
    assert set(done.reads) == {"app"}


async def test_the_same_input_gives_the_same_bytes(render: Callable[..., Any]) -> None:
    files = {"app/a.yaml": config_map("a") + "---\n" + config_map("b")}
    first, second = await render(files), await render(files)
    assert first == second


async def test_the_root_and_a_single_file_can_be_the_path(render: Callable[..., Any]) -> None:
    files = {"a.yaml": config_map("a"), "sub/b.yaml": config_map("b")}
    for path, names in (("", ["a", "b"]), (".", ["a", "b"]), ("sub/", ["b"]), ("./sub/b.yaml", ["b"])):
        done = await render(files, path)
        assert [each.name for each in done.rendered.manifests] == names


async def test_an_empty_folder_renders_to_nothing(render: Callable[..., Any]) -> None:
    assert (await render({"app/README.md": "x"})).rendered.manifests == ()


async def test_globs_choose_the_files(render: Callable[..., Any]) -> None:
    files = {"app/a.yaml": config_map("a"), "app/examples/b.yaml": "no: manifest", "app/c.json": "{}"}
    done = await render(files, plain=PlainOptions(exclude=("examples", "*.json")))
    assert [each.name for each in done.rendered.manifests] == ["a"]
    done = await render(files, plain=PlainOptions(include=("a.*",)))
    assert [each.name for each in done.rendered.manifests] == ["a"]


async def test_a_document_that_is_no_manifest_is_an_error_unless_it_is_marked(
    render: Callable[..., Any], failure: Callable[..., Any]
) -> None:
    values = "# of a chart\nreplicas: 3\n"
    error = await failure({"app/a.yaml": config_map("a"), "app/values.yaml": values})
    assert error.problem.where == "app/values.yaml:2"
    assert "without apiVersion and kind" in error.problem.message
    done = await render({"app/a.yaml": config_map("a"), "app/v.yaml": f"# gitops: not-a-manifest\n{values}"})
    assert [each.name for each in done.rendered.manifests] == ["a"]


async def test_every_error_of_every_file_is_told(failure: Callable[..., Any]) -> None:
    error = await failure(
        {
            "app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n---\nnot: one\n",
            "app/b.yaml": "a: [1\n",
            "app/c.yaml": config_map("c") + "  a: twice\n",
            "app/d.json": '{"kind": 1,}',
        }
    )
    assert [each.where for each in error.problems] == [
        "app/a.yaml:1",
        "app/a.yaml:5",
        "app/b.yaml:2:1",
        "app/c.yaml:7",
        "app/d.json:1:12",
    ]
    assert {each.blame for each in error.problems} == {Blame.REPOSITORY}
    assert error.reads.keys() == {"app"}


async def test_a_missing_path_is_the_specs_fault(failure: Callable[..., Any]) -> None:
    error = await failure({"other/a.yaml": "x"}, "app/prod")
    assert error.problem.reason is Reason.PATH_NOT_FOUND
    assert error.problem.blame is Blame.SPEC
    assert error.reads == {"app/prod": None}
