"""Helm, and the containers of the chart's Pod as processes: their commands, environment, token, folders."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gitops.core.problem import GitopsError
from gitops.local import processes
from gitops.local.binaries import ensure
from gitops.local.controlplane import ControlPlane
from gitops.local.progress import Printed

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "gitops"
HOME = "gitops-system"
ACCOUNT = f"system:serviceaccount:{HOME}:gitops"
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"

# The client looks for a Pod's token at one fixed place, where a test can't mount it.
IN_POD = """
import sys
from kubernetes.aio.config import incluster_config
incluster_config.SERVICE_TOKEN_FILENAME = sys.argv[1] + "/token"
incluster_config.SERVICE_CERT_FILENAME = sys.argv[1] + "/ca.crt"
del sys.argv[1]
from gitops.cli.entry import main
main()
"""

Json = dict[str, Any]


@dataclass(frozen=True)
class Helm:
    """Runs Helm without the settings of whoever runs the tests."""

    program: Path
    kubeconfig: Path
    folder: Path

    def try_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        homes = {f"HELM_{name}_HOME": str(self.folder / name) for name in ("CACHE", "CONFIG", "DATA")}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            **homes,
        }
        return subprocess.run(
            [self.program, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def run(self, *arguments: str) -> str:
        result = self.try_run(*arguments)
        assert result.returncode == 0, f"helm {' '.join(arguments)}: {result.stderr}"
        return result.stdout

    def template(self, *options: str, name: str = "gitops") -> str:
        return self.run("template", name, str(CHART), f"--namespace={HOME}", *options)

    def install(self) -> None:
        """Install the chart with its defaults, and wait until the Pod is there."""
        self.run("install", "gitops", str(CHART), f"--namespace={HOME}", "--wait", "--timeout=60s")


@dataclass(frozen=True)
class PodProcesses:
    """The controller and the renderer of the chart's Pod, side by side as there."""

    cluster: ControlPlane
    folder: Path
    port: int

    @classmethod
    @contextmanager
    def start(cls, cluster: ControlPlane, folder: Path) -> Iterator["PodProcesses"]:
        pod = json.loads(
            cluster.kubectl(
                "get",
                "pods",
                f"--namespace={HOME}",
                "--selector=app.kubernetes.io/name=gitops",
                "--output=json",
            )
        )["items"][0]
        (port,) = processes.free_ports(1)
        self = cls(cluster, folder, port)
        self._write_token(pod)
        with ExitStack() as cleanup:
            for container in pod["spec"]["containers"]:
                name = container["name"]
                command = self._command(container)
                environment = self._environment(pod, container)
                process = processes.start(name, command, folder / f"{name}.log", environment)
                cleanup.callback(process.stop)
            eventually(self._ready)
            yield self

    def log(self, container: str) -> str:
        return (self.folder / f"{container}.log").read_text()

    def ask(self, path: str) -> str:
        """GET from the controller's port."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def _ready(self) -> None:
        try:
            assert self.ask("/readyz") == "ok\n"
        except urllib.error.URLError as error:
            raise AssertionError(f"not ready: {error}; {self.log('controller')}") from error

    def _write_token(self, pod: Json) -> None:
        """What kubelet would put into the volume of the container that mounts one."""
        account = pod["spec"]["serviceAccountName"]
        kubeconfig = json.loads(self.cluster.service_account_kubeconfig(HOME, account).read_text())
        folder = self.folder / "token"
        folder.mkdir()
        (folder / "token").write_text(kubeconfig["users"][0]["user"]["token"])
        (folder / "ca.crt").write_text(self.cluster.ca_file.read_text())

    def _command(self, container: Json) -> list[str]:
        assert "command" not in container, "the image's ENTRYPOINT is `gitops` below an init"
        has_token = any(mount["mountPath"] == TOKEN_FOLDER for mount in container["volumeMounts"])
        token = self.folder / ("token" if has_token else "nothing")
        arguments = [self._here(argument) for argument in container["args"]]
        return [sys.executable, "-P", "-c", IN_POD, str(token), *arguments]

    def _here(self, argument: str) -> str:
        """An argument with this machine's ports and places."""
        option, _, value = argument.partition("=")
        tools = {"--helm": "helm", "--kustomize": "kustomize"}
        if option in tools:
            assert value == f"/usr/local/bin/{tools[option]}", "where the Dockerfile puts it"
            value = str(ensure([tools[option]], Printed())[tools[option]])
        elif option == "--listen":
            value = f"127.0.0.1:{self.port}"
        elif value.startswith("/"):
            value = f"{self.folder}/{Path(value).name}"
        return f"{option}={value}" if value else option

    def _environment(self, pod: Json, container: Json) -> dict[str, str]:
        server = urlsplit(self.cluster.url)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port),
        }
        for one in container["env"]:
            field = one.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            assert field in (None, "metadata.namespace")
            environment[one["name"]] = pod["metadata"]["namespace"] if field else one["value"]
        environment["TMPDIR"] = str(self.folder)
        return environment


def eventually(check: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until `check` no longer fails."""
    end = time.monotonic() + seconds
    while True:
        try:
            check()
        except (AssertionError, GitopsError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def requests_of(cluster: ControlPlane, user: str) -> list[Json]:
    """What the API server's audit log tells of a user, impersonated requests included."""
    assert cluster.audit_log is not None
    entries = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
    return [entry for entry in entries if entry["user"].get("username") == user]


def condition(cluster: ControlPlane, namespace: str, application: str, kind: str) -> Mapping[str, str]:
    """A condition of an Application."""
    found = json.loads(
        cluster.kubectl("get", f"application/{application}", f"--namespace={namespace}", "--output=json")
    )
    for one in found.get("status", {}).get("conditions", ()):
        if one["type"] == kind:
            return dict(one)
    return {}
