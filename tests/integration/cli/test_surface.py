"""The command where it meets shells, kubectl and clusters that can't be asked."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops.local.processes import free_ports
from tests.support.cluster import Cluster
from tests.support.command import Command, Ran
from tests.support.manifests import thing
from tests.support.wait import wait_for

ROOT = Path(__file__).parents[3]
API = "gitops.dev/v1alpha1"
PLACE = "surface"
# Of no key that anybody has: made with `openssl req -x509 -nodes -subj /CN=nobody`.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUBJfpknPuclq5EnbTRbHVtU6feoQwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMzAxMDc0MloYDzIxMjYxMDMwMDEw
NzQyWjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARrxi/35o4UrkY2cckfW4d3/zP6tj3qZoTU1zkmeO6BnmaDXC2VL11zpdE6yj95
1azO0QNQvxaEirB2rs7+Fgvco1MwUTAdBgNVHQ4EFgQUN7E56EH3cGsVcPo0pUgZ
M9dbxJEwHwYDVR0jBBgwFoAUN7E56EH3cGsVcPo0pUgZM9dbxJEwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA0vE8QIpfndcJmhjt5U7BAidSOSmP
uIjV+9DQVXiDhw4CIBEKmupKvg+Ttf3skuJGg3oXGVskV6TyLFm1OGsZVx0S
-----END CERTIFICATE-----
"""

Shell = Callable[[str], Ran]


@pytest.fixture(scope="module")
def two(cluster: Cluster) -> Iterator[None]:
    """Two Applications that nobody reconciles."""
    cluster.create(thing("v1", "Namespace", PLACE))
    spec = {"source": {"repository": "https://git.example.com/shop.git", "path": "a"}}
    for name in ("shop", "payments"):
        cluster.create(thing(API, "Application", name, PLACE, spec=spec))
    yield
    cluster.delete(thing("v1", "Namespace", PLACE))


@pytest.fixture
def shell(command: Command, cluster: Cluster, tmp_path: Path) -> Shell:
    """Runs a line in bash, with gitops, its plugins and kubectl on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name, entry in scripts.items():
        module, _, function = entry.partition(":")
        script = programs / name
        script.write_text(f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n")
        script.chmod(0o755)
    (programs / "kubectl").symlink_to(cluster.control_plane.binaries["kubectl"])
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = command.environment(
        {"PATH": path, "PYTHONPATH": str(ROOT), "KUBECACHEDIR": str(tmp_path / "kubectl-cache")}
    )

    def run(line: str) -> Ran:
        done = subprocess.run(
            ["bash", "--norc", "-c", line],
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def completed(shell: Shell, line: str) -> list[str]:
    """What bash offers when the tabulator key is pressed at the end of the line."""
    words = ["gitops", *line.split(" ")]
    ran = shell(
        "source <(gitops completion bash); "
        f"COMP_WORDS=({' '.join(word or chr(39) * 2 for word in words)}); COMP_CWORD={len(words) - 1}; "
        '_gitops_completion gitops; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out.split()


@pytest.mark.usefixtures("two")
def test_bash_completes_commands_options_and_applications(shell: Shell) -> None:
    assert completed(shell, "un") == ["uninstall"]
    assert completed(shell, "status --kube") == ["--kubeconfig"]
    assert completed(shell, "status -o ") == ["text", "json", "yaml"]
    assert completed(shell, "completion ") == ["bash", "zsh", "fish"]
    # On a busy machine the cluster may take too long, and then nothing is offered.
    wait_for(
        lambda: completed(shell, f"suspend {PLACE}/") == [f"{PLACE}/payments", f"{PLACE}/shop"],
        "names with their namespace",
    )
    wait_for(lambda: completed(shell, f"status -n {PLACE} s") == ["shop"], "the name alone")
    assert completed(shell, "history --kubeconfig /nowhere s") == []


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_the_scripts_of_other_shells_are_read_without_complaint(shell: Shell, name: str) -> None:
    script = shell(f"gitops completion {name}")
    assert (script.code, script.err) == (0, "")
    assert "_GITOPS_COMPLETE=complete_" + name in script.out
    if shutil.which(name) is None:
        return  # what it prints was looked at; only the shell itself can read it as one
    ran = shell(f"gitops completion {name} > script; {name} -n script")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.usefixtures("two")
def test_kubectl_runs_it_as_a_plugin_and_completes_it(shell: Shell) -> None:
    ran = shell(f"kubectl gitops status {PLACE}/shop -o json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)
    assert shell("kubectl gitops status --help").out.startswith("Usage: kubectl gitops status ")
    assert "  kubectl gitops status shop" in shell("kubectl gitops help status").out
    assert "kubectl gitops -h" in shell("kubectl gitops nonsense").err
    wait_for(
        lambda: (
            shell(f"kubectl __complete gitops suspend {PLACE}/").out.split()[:2]
            == [f"{PLACE}/payments", f"{PLACE}/shop"]
        ),
        "kubectl offers the names",
    )


def kubeconfig(command: Command, folder: Path, **changes: str) -> Path:
    """The administrator's kubeconfig with something wrong in it."""
    config = json.loads(command.kubeconfig.read_text())
    (cluster,), (user,) = config["clusters"], config["users"]
    cluster["cluster"] |= {name: value for name, value in changes.items() if name != "token"}
    if "token" in changes:
        user["user"] = {"token": changes["token"]}
    path = folder / "broken"
    path.write_text(json.dumps(config))
    return path


def refused(ran: Ran, *words: str) -> None:
    """One line, exit code 4, no traceback."""
    assert (ran.code, ran.out) == (4, ""), ran
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    for word in words:
        assert word in ran.err


def test_a_kubeconfig_that_is_wrong_is_named(command: Command, tmp_path: Path) -> None:
    refused(command("status", "--kubeconfig", "/nowhere"), "/nowhere: there is no such kubeconfig")
    refused(command("status", "--context", "nope"), "there is no context nope", "choose one of: local")
    (tmp_path / "empty").write_text("")
    refused(command("status", "--kubeconfig", str(tmp_path / "empty")), "it is empty or incomplete")


def test_a_cluster_that_cannot_be_asked_says_why(command: Command, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    nobody = kubeconfig(command, tmp_path, server=f"https://127.0.0.1:{port}")
    for looks_or_acts in (("status",), ("sync", "shop")):
        ran = command(*looks_or_acts, kubeconfig=nobody)
        refused(ran, "accepts no connection", "check that the cluster runs")
    expired = kubeconfig(command, tmp_path, token="planted-and-expired")
    ran = command("status", kubeconfig=expired)
    refused(ran, "doesn't accept the credentials", "log in again")
    assert "planted" not in ran.err
    refused(command("install", kubeconfig=expired), "doesn't accept the credentials")
    other = base64.b64encode(AUTHORITY.encode()).decode()
    wrong = kubeconfig(command, tmp_path, **{"certificate-authority-data": other})
    refused(command("status", kubeconfig=wrong), "not signed by the authority", "--context")


def test_debug_shows_where_an_error_comes_from(command: Command) -> None:
    ran = command("--debug", "status", "--kubeconfig", "/nowhere")
    assert ran.code == 4
    assert "Traceback" in ran.err


@pytest.mark.usefixtures("two")
def test_a_reader_that_goes_away_ends_it_quietly(shell: Shell) -> None:
    ran = shell("gitops status | head -1; echo ${PIPESTATUS[0]}")
    assert ran.err == ""
    assert ran.out.splitlines()[-1] in ("0", "141")  # a short output may be read before it ends
