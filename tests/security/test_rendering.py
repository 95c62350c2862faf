"""Hostile sources: what a render can't reach, whatever the repository holds."""

import asyncio
import ctypes
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gitops.core.problem import GitopsError, Reason
from gitops.core.render_options import HelmOptions, RenderOptions
from gitops.git.folder import FolderTree
from gitops.local.binaries import ensure
from gitops.local.progress import Printed
from gitops.render.client import RendererClient
from gitops.render.closure import RenderedTree, render_tree
from gitops.render.errors import RenderError
from gitops.render.process import RendererProcess
from gitops.render.protocol import RenderRequest

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
PLANTED = "planted-7f3a9c"

# Poses as helm: runs inside of the sandbox and reports, as a ConfigMap, what `probe` found there.
PROBE = """#!{python}
import ctypes, json, os, socket, subprocess, sys, time
def attempt(action):
    try:
        return str(action() or "allowed")
    except OSError as error:
        return error.__class__.__name__
def system_call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
{body}
print("---\\n# Source: web/templates/a.yaml\\n" + json.dumps(
    {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "found"}}, "data": found}}))
"""


def write(folder: Path, files: Mapping[str, str], links: Mapping[str, str] | None = None) -> FolderTree:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, target in (links or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)
    return FolderTree(folder)


async def render(client: RendererClient, tree: FolderTree, path: str = "app", **options: Any) -> RenderedTree:
    return await render_tree(
        tree, RenderRequest("shop/web", "shop", path, options=RenderOptions(**options)), client
    )


@pytest_asyncio.fixture(scope="module")
async def client(can_not_be_had: Callable[[str], None]) -> AsyncIterator[RendererClient]:
    try:
        tools = ensure(["helm", "kustomize"], Printed())
    except GitopsError as error:
        can_not_be_had(str(error))
        raise
    async with RendererProcess(helm=str(tools["helm"]), kustomize=str(tools["kustomize"])) as running:
        yield running


@pytest.fixture
def refusal(client: RendererClient, tmp_path: Path) -> Callable[..., Any]:
    """Renders what has to be refused as unsafe, and returns the message with its place."""

    async def run(files: Mapping[str, str], links: Mapping[str, str] | None = None, **options: Any) -> str:
        (tmp_path / "secret.yaml").write_text(f"a: {PLANTED}")
        with pytest.raises(RenderError) as caught:
            await render(client, write(tmp_path / "tree", files, links), **options)
        assert caught.value.problem.reason is Reason.UNSAFE_PATH
        assert PLANTED not in str(caught.value)
        return str(caught.value)

    return run


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs Python code in the place of helm; it puts its findings into the dict `found`."""

    async def run(body: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
        tool = tmp_path / "probe"
        tool.write_text(PROBE.format(python=sys.executable, body=body))
        tool.chmod(0o755)
        (tmp_path / "tmp").mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
        tree = write(tmp_path / "tree", {"app/Chart.yaml": CHART})
        if environment is None:
            async with RendererProcess(helm=str(tool)) as client:
                done = await render(client, tree)
        else:
            done = await render_with(environment, tool, tree, tmp_path / "by-hand.sock")
        (manifest,) = done.rendered.manifests
        found: dict[str, str] = json.loads(manifest.body)["data"]
        return found

    return run


async def render_with(
    environment: Mapping[str, str], helm: Path, tree: FolderTree, path: Path
) -> RenderedTree:
    """With a renderer that got everything from whoever started it, as in a container."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gitops.render", "--socket", str(path), "--helm", str(helm)),
        env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        return await render(RendererClient(path), tree)
    finally:
        process.terminate()
        await process.wait()


async def test_no_socket_can_be_opened(probe: Callable[..., Any]) -> None:
    found = await probe(
        "families = ('AF_INET', 'AF_INET6', 'AF_UNIX', 'AF_NETLINK', 'AF_PACKET', 'AF_VSOCK')\n"
        "found = {name: attempt(lambda: socket.socket(getattr(socket, name))) for name in families}\n"
        "found['io_uring'] = attempt(lambda: system_call(425, 1, ctypes.create_string_buffer(120)))\n"
        "found['of a child'] = subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'],\n"
        "    stderr=subprocess.PIPE, text=True).stderr.splitlines()[-1].partition(':')[0]\n"
    )
    assert set(found.values()) == {"PermissionError"}


async def test_other_processes_are_out_of_reach(probe: Callable[..., Any]) -> None:
    found = await probe(
        "numbers = {'x86_64': (101, 310, 311), 'aarch64': (117, 270, 271)}[os.uname().machine]\n"
        "calls = [attempt(lambda: system_call(number, 16, os.getppid(), 0, 0, 0, 0)) for number in numbers]\n"
        "found = {'calls': ' '.join(calls)}\n"
    )
    assert found["calls"] == "PermissionError PermissionError PermissionError"


async def test_the_renderer_itself_is_filtered_and_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", PLANTED)
    renderer = RendererProcess()
    async with renderer as client:
        await client.version()
        process = Path(f"/proc/{renderer.pid}")
        fields = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        assert (fields["Seccomp"], fields["NoNewPrivs"]) == ("2", "1")
        names = {
            entry.partition("=")[0] for entry in (process / "environ").read_text().strip("\0").split("\0")
        }
        assert names <= {"PATH", "LANG", "TMPDIR", "PYTHONPATH"}


async def test_tools_inherit_no_environment_and_no_descriptors(probe: Callable[..., Any]) -> None:
    names = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "GIT_ASKPASS", "SSH_AUTH_SOCK", "MY_TOKEN")
    found = await probe(
        "found = dict(os.environ)\n"
        "numbers = [n for n in range(256) if attempt(lambda: os.fstat(n)) != 'OSError']\n"
        "found['descriptors'] = ' '.join(map(str, numbers))\n",
        dict.fromkeys(names, PLANTED),
    )
    assert PLANTED not in str(found)
    assert found.pop("descriptors") == "0 1 2"
    # LC_CTYPE is set by Python itself, the rest by us.
    helm = {"HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS"}
    assert set(found) - {"LC_CTYPE"} == {"HOME", "TMPDIR", "LANG", "PATH", "GOMEMLIMIT", "GOTRACEBACK", *helm}
    assert "/" not in found["PATH"].replace("/nonexistent", "")


async def test_files_of_this_machine_can_not_be_read(probe: Callable[..., Any], tmp_path: Path) -> None:
    if not has_landlock():
        pytest.skip("this kernel has no Landlock")
    secret = tmp_path / "config"
    secret.write_text(PLANTED)
    found = await probe(
        f"paths = ({str(secret)!r}, '/etc/passwd', '/proc/1/environ', os.path.expanduser('~root/.kube'))\n"
        "found = {path: attempt(lambda: open(path).read(1)) for path in paths}\n"
        "found['write'] = attempt(lambda: open('/tmp/escaped', 'w').close())\n"
    )
    assert set(found.values()) <= {"PermissionError", "FileNotFoundError"}
    assert found[str(secret)] == "PermissionError"
    assert found["write"] == "PermissionError"


def has_landlock() -> bool:
    return bool(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint(1)) > 0)


async def test_the_folder_is_private_and_gone_afterwards(probe: Callable[..., Any], tmp_path: Path) -> None:
    found = await probe(
        "found = {'folder': os.getcwd(), 'mode': oct(os.stat('.').st_mode & 0o777)}\n"
        "open('tree/left', 'w').close()\n"
    )
    assert found["mode"] == "0o700"
    assert Path(found["folder"]).parent == tmp_path / "tmp"
    assert not Path(found["folder"]).exists()
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_a_process_that_left_its_group_is_ended_too(probe: Callable[..., Any]) -> None:
    found = await probe(
        "nothing = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.DEVNULL)\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "sleeper = subprocess.Popen(command, start_new_session=True, **nothing)\n"
        "found = {'pid': str(sleeper.pid)}\n"
    )
    for _ in range(100):
        if not Path(f"/proc/{found['pid']}").exists():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it lives on")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret.yaml", "../../../../../../etc/passwd"])
async def test_a_link_out_of_the_repository_is_refused_by_name(
    refusal: Callable[..., Any], target: str
) -> None:
    expected = f"the symbolic link app/link.yaml → {target} leaves the repository"
    assert expected in await refusal({"app/a.yaml": CONFIG_MAP}, {"app/link.yaml": target})


async def test_a_link_out_in_a_chart_or_a_base_is_refused(refusal: Callable[..., Any]) -> None:
    chart = {"app/Chart.yaml": CHART}
    assert "app/templates/x.yaml" in await refusal(chart, {"app/templates/x.yaml": "/etc/passwd"})


async def test_a_link_out_of_a_base_elsewhere_is_refused(refusal: Callable[..., Any]) -> None:
    files = {
        "app/kustomization.yaml": "resources: [../base]",
        "base/kustomization.yaml": "resources: [x.yaml]",
    }
    assert "base/x.yaml" in await refusal(files, {"base/x.yaml": "../../secret.yaml"})


ABSOLUTE = "/etc/passwd"
PLUGIN = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {{name: x}}\n{field}: [{path}]\n"


@pytest.mark.parametrize("path", [ABSOLUTE, "../../../../../../../../etc/passwd", "../../secret.yaml"])
@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: [{path}]",
        "components: [{path}]",
        "configurations: [{path}]",
        "crds: [{path}]",
        "openapi: {{path: {path}}}",
        "patches: [{{path: {path}}}]",
        "patchesStrategicMerge: [{path}]",
        "replacements: [{{path: {path}}}]",
        "transformers: [{path}]",
        "configMapGenerator: [{{name: x, files: [{path}]}}]",
        "configMapGenerator: [{{name: x, files: [key={path}]}}]",
        "configMapGenerator: [{{name: x, Files: [{path}]}}]",
        "ConfigMapGenerator: [{{name: x, envs: [{path}]}}]",
        "secretGenerator: [{{name: x, env: {path}}}]",
    ],
)
async def test_a_kustomization_can_not_refer_to_this_machine(
    refusal: Callable[..., Any], kustomization: str, path: str
) -> None:
    text = kustomization.format(path=path)
    assert "repository" in await refusal({"app/kustomization.yaml": text})


@pytest.mark.parametrize("field", ["files", "FILES", "envs"])
async def test_nor_can_a_generator_in_a_file_of_its_own(refusal: Callable[..., Any], field: str) -> None:
    plugin = PLUGIN.format(field=field, path=ABSOLUTE)
    item = "".join(f"  {line}\n" for line in plugin.splitlines())
    for text in (plugin, f"apiVersion: v1\nkind: List\nitems:\n-\n{item}"):
        files = {"app/kustomization.yaml": "generators: [g.yaml]", "app/g.yaml": text}
        assert ABSOLUTE in await refusal(files)
    inline = json.dumps({"generators": [plugin]})
    assert ABSOLUTE in await refusal({"app/kustomization.yaml": inline})


async def test_a_folder_of_generators_is_refused(client: RendererClient, tmp_path: Path) -> None:
    files = {
        "app/kustomization.yaml": "generators: [plugins]",
        "app/plugins/kustomization.yaml": "resources: [g.yaml]",
        "app/plugins/g.yaml": PLUGIN.format(field="files", path=ABSOLUTE),
    }
    with pytest.raises(RenderError) as caught:
        await render(client, write(tmp_path, files))
    assert caught.value.problem.reason is Reason.UNSUPPORTED_SOURCE


@pytest.mark.parametrize("path", [ABSOLUTE, "../../secret.yaml", "~/x.yaml"])
async def test_a_values_file_can_not_lie_on_this_machine(refusal: Callable[..., Any], path: str) -> None:
    assert path in await refusal({"app/Chart.yaml": CHART}, helm=HelmOptions(values_files=(path,)))


async def test_a_chart_sees_only_its_own_files(client: RendererClient, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(PLANTED)
    gets = [ABSOLUTE, "../../secret.yaml", "../values.json", "values.yaml"]
    lines = "".join(
        f"  g{number}: {{{{ .Files.Get {json.dumps(path)} | quote }}}}\n" for number, path in enumerate(gets)
    )
    template = f'{CONFIG_MAP}data:\n{lines}  env: {{{{ printf "%v" .Values }}}}\n'
    tree = write(tmp_path / "tree", {"app/Chart.yaml": CHART, "app/templates/a.yaml": template})
    done = await render(client, tree)
    data = json.loads(done.rendered.manifests[0].body)["data"]
    assert {data[f"g{number}"] for number in range(len(gets))} == {""}


@pytest.mark.parametrize("path", ["..", "../x", "/etc", "a/../../b"])
async def test_a_path_out_of_the_repository_is_refused(
    client: RendererClient, tmp_path: Path, path: str
) -> None:
    tree = write(tmp_path / "tree", {"app/a.yaml": CONFIG_MAP})
    with pytest.raises(GitopsError) as caught:
        await render(client, tree, path)
    assert caught.value.problem.reason is Reason.UNSAFE_PATH


async def test_a_tool_that_is_named_like_an_option_is_data(client: RendererClient, tmp_path: Path) -> None:
    files = {"--help/Chart.yaml": CHART, "--help/templates/a.yaml": CONFIG_MAP, "--help/-v.yaml": "a: 1"}
    done = await render(client, write(tmp_path, files), "--help", helm=HelmOptions(values_files=("-v.yaml",)))
    assert [each.name for each in done.rendered.manifests] == ["a"]


async def test_a_release_name_can_not_be_an_option(client: RendererClient, tmp_path: Path) -> None:
    tree = write(tmp_path, {"app/Chart.yaml": CHART, "app/templates/a.yaml": CONFIG_MAP})
    with pytest.raises(RenderError) as caught:
        await render(client, tree, helm=HelmOptions(release_name="--post-renderer=/bin/sh"))
    assert caught.value.problem.where == "spec.render.helm.releaseName"
    with pytest.raises(RenderError, match=r"invalid semantic version|kube"):
        await render(client, tree, helm=HelmOptions(kube_version="--post-renderer=/bin/sh"))
    done = await render(client, tree, helm=HelmOptions(api_versions=("--post-renderer=/bin/sh",)))
    assert [each.name for each in done.rendered.manifests] == ["a"]


def test_the_working_folder_can_not_replace_our_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gitops").mkdir()
    (tmp_path / "gitops" / "__init__.py").write_text("import os\nos.close(0)\nraise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)

    async def version() -> str:
        async with RendererProcess() as running:
            return await running.version()

    assert asyncio.run(version()).startswith("gitops ")
