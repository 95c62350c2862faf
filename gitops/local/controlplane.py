"""A throw-away Kubernetes control plane on 127.0.0.1: real servers, simulated nodes and Pods."""

import json
import os
import secrets
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gitops.local import commands, credentials, processes, scratch
from gitops.local.binaries import ensure
from gitops.local.identities import Identities
from gitops.local.processes import Process
from gitops.local.progress import Printed, Progress
from gitops.local.trouble import unavailable

_START_SECONDS = 120.0  # seconds when idle; a loaded CI machine may be ten times slower
_POLL_SECONDS = 0.1

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kubectl")

_Accept = Callable[[Any], bool]


@dataclass(slots=True)
class ControlPlane:
    """A running control plane; `stop` ends it and forgets its data, its logs stay.

    `binaries` holds the paths of all programs that it was made of, and of kubectl.
    """

    url: str
    kubeconfig: Path
    admin_token: str = field(repr=False)
    ca_file: Path
    logs: Path
    audit_log: Path | None
    binaries: dict[str, Path]
    _folder: Path
    _identities: Identities
    _processes: list[Process]
    _cleanup: ExitStack

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        scheduler: bool = True,
        kwok: bool = True,
        audit_log: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Start a control plane whose files and logs are in `folder`; returns when it is ready.

        Ready means: the API server says so, the namespace `default` has its service account,
        and with `kwok` the node `node-0` takes Pods. `scheduler` off leaves Pods Pending.
        `audit_log` writes one JSON line for each request (level Metadata). Missing programs
        are built first, which can take many minutes; `progress` hears of it. Raises GitopsError
        with the end of the log when a program dies or isn't ready in time.
        """
        unwanted = {"kube-scheduler": not scheduler, "kwok": not kwok}
        binaries = ensure((name for name in PROGRAMS if not unwanted.get(name)), progress or Printed())
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as cleanup:
            data = scratch.make(folder)
            cleanup.callback(data.close)
            identities = Identities()
            cleanup.callback(identities.stop)
            ports = processes.free_ports(3)
            self = cls(
                url=f"https://127.0.0.1:{ports[0]}",
                kubeconfig=folder / "kubeconfig",
                admin_token=credentials.token(),
                ca_file=folder / "apiserver.crt",
                logs=folder / "logs",
                audit_log=folder / "audit.log" if audit_log else None,
                binaries=binaries,
                _folder=folder,
                _identities=identities,
                _processes=[],
                _cleanup=cleanup,
            )
            cleanup.callback(self._stop_processes)
            self._start_servers(ports, data.path)
            self._start_clients(scheduler=scheduler, kwok=kwok)
            self._cleanup = cleanup.pop_all()
        return self

    def stop(self) -> None:
        """End all programs, the last started first, and remove etcd's data."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the programs, for measurements and faults."""
        return {process.name: process.pid for process in self._processes}

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess calls it
        """Run kubectl as administrator and give its output; GitopsError has its complaint."""
        result = subprocess.run(
            [self.binaries["kubectl"], *arguments],
            env={
                **os.environ,
                "KUBECONFIG": str(self.kubeconfig),
                # The usual place is keyed by port: what another run discovered would be believed.
                "KUBECACHEDIR": str(self._folder / "kubectl-cache"),
            },
            input=input or "",
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise unavailable(
                f"kubectl {' '.join(arguments)}: {result.stderr.strip()}", f"see the logs in {self.logs}"
            )
        return result.stdout

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Write a kubeconfig of a user who exists only by this; RBAC decides what it may do."""
        return self._write_kubeconfig(self._identities.issue(user, tuple(groups)))

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Write a kubeconfig of an existing service account, with a token for one day."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86400},
        }
        try:
            answer = self._request("POST", path, request)
        except OSError as error:
            raise unavailable(str(error), "create the service account first") from error
        return self._write_kubeconfig(answer["status"]["token"], namespace)

    def _write_kubeconfig(self, bearer: str, namespace: str = "default") -> Path:
        path = self._folder / "kubeconfigs" / secrets.token_hex(8)
        return credentials.write_kubeconfig(path, self.url, self.ca_file, bearer, namespace)

    def _start_servers(self, ports: Sequence[int], data: Path) -> None:
        """Start etcd and the API server, then write the kubeconfig of each of its clients."""
        port, client_port, peer_port = ports
        self._start("etcd", commands.etcd(data, client_port, peer_port))
        tokens = {client: credentials.token() for client in commands.CLIENTS}
        lines = [f"{self.admin_token},admin,admin,system:masters"]
        lines += [f"{token},{client.user},{client.user},{client.group}" for client, token in tokens.items()]
        private = credentials.write_private
        webhook = self._identities.write_webhook_config(self._folder / "identities.json")
        key = private(self._folder / "service-accounts.key", credentials.signing_key())
        users = private(self._folder / "tokens.csv", "\n".join(lines))
        arguments = [
            *commands.apiserver(self._folder, port, f"http://127.0.0.1:{client_port}"),
            f"--token-auth-file={users}",
            f"--authentication-token-webhook-config-file={webhook}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        ]
        if self.audit_log:
            policy = private(self._folder / "audit-policy.json", json.dumps(commands.AUDIT_POLICY))
            arguments += commands.audit(policy, self.audit_log)
        self._start("kube-apiserver", arguments)
        self._wait("the API server", "/readyz")
        self.ca_file = credentials.write_authority(self._folder / "ca.crt", self.ca_file)
        credentials.write_kubeconfig(self.kubeconfig, self.url, self.ca_file, self.admin_token)
        for client, token in tokens.items():
            path = self._folder / f"{client.name}.kubeconfig"
            credentials.write_kubeconfig(path, self.url, self.ca_file, token)

    def _start_clients(self, *, scheduler: bool, kwok: bool) -> None:
        folder = self._folder
        key = folder / "service-accounts.key"
        manager = folder / "kube-controller-manager.kubeconfig"
        self._start("kube-controller-manager", commands.controller_manager(manager, key, self.ca_file))
        if scheduler:
            self._start("kube-scheduler", commands.scheduler(folder / "kube-scheduler.kubeconfig"))
        if kwok:
            self._start("kwok", commands.kwok(folder / "kwok.kubeconfig"))
            self._request("POST", "/api/v1/nodes", commands.NODE)
            self._request("POST", "/apis/storage.k8s.io/v1/storageclasses", commands.STORAGE_CLASS)
            self._wait("the node", "/api/v1/nodes/node-0", _takes_pods)
        self._wait("the service account", "/api/v1/namespaces/default/serviceaccounts/default")

    def _start(self, name: str, arguments: Sequence[str]) -> None:
        command = [str(self.binaries[name]), *arguments]
        self._processes.append(processes.start(name, command, self.logs / f"{name}.log"))

    def _stop_processes(self) -> None:
        processes.stop_all(reversed(self._processes))

    def _wait(self, what: str, path: str, accept: _Accept = bool) -> None:
        """Wait until a GET of `path` succeeds and `accept` likes the answer."""
        end = time.monotonic() + _START_SECONDS
        while True:
            for process in self._processes:
                process.check()
            try:
                if accept(self._request("GET", path)):
                    return
                last = "it answers, but isn't there yet"
            except OSError as error:
                last = str(error)
            if time.monotonic() > end:
                raise unavailable(
                    f"{what} wasn't ready after {_START_SECONDS:.0f} s: {last}",
                    f"see the logs in {self.logs}",
                )
            time.sleep(_POLL_SECONDS)

    def _request(self, method: str, path: str, body: object = None) -> Any:
        """One request as administrator; raises OSError for anything but success."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own https one
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.admin_token}", "Content-Type": "application/json"},
        )
        context = ssl.create_default_context(cafile=str(self.ca_file))
        # Unlike Go, Python would ask a proxy from the environment for 127.0.0.1 too.
        direct = urllib.request.ProxyHandler({})
        opener = urllib.request.build_opener(direct, urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=10) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise OSError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error
        return json.loads(content) if content.startswith(b"{") else content


def _takes_pods(node: Any) -> bool:
    return not node["spec"].get("taints") and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in node["status"].get("conditions", ())
    )
