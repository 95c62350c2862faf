"""A real SSH server for Git: OpenSSH's sshd on 127.0.0.1, with keys of its own."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gitops.local import processes, repositories
from gitops.local.processes import Process
from gitops.local.trouble import unavailable

_START_SECONDS = 20.0

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
AuthenticationMethods publickey
PermitRootLogin prohibit-password
UsePAM no
# The keys lie in a temporary folder, whose parents sshd would find too open.
StrictModes no
AcceptEnv GIT_PROTOCOL
ForceCommand git-shell -c "$SSH_ORIGINAL_COMMAND"
LogLevel VERBOSE
"""


def program() -> str | None:
    """The absolute path of sshd, which insists on one; None where there is no sshd."""
    return shutil.which(
        "sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    )


@dataclass(frozen=True, slots=True)
class SshServer:
    """Serves the repositories in `folder` to the holder of `client_key`; a context manager.

    `known_hosts` is a file with the server's host key, as `UserKnownHostsFile` wants it.
    """

    folder: Path
    port: int
    client_key: Path
    known_hosts: Path
    _process: Process

    @classmethod
    def start(cls, repositories_folder: Path, folder: Path) -> Self:
        """Start sshd with keys and log in `folder`; raises GitopsError where there is no sshd."""
        sshd = program()
        if sshd is None:
            raise unavailable("there is no sshd", "install OpenSSH's server (Debian: openssh-server)")
        folder.mkdir(parents=True, exist_ok=True)
        for key in ("host_key", "client_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / key)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root won't start without it
        port = processes.free_ports(1)[0]
        config = folder / "sshd_config"
        config.write_text(_CONFIG.format(port=port, folder=folder), encoding="utf-8")
        known_hosts = folder / "known_hosts"
        host_key = (folder / "host_key.pub").read_text(encoding="utf-8")
        known_hosts.write_text(f"[127.0.0.1]:{port} {host_key}", encoding="utf-8")
        process = processes.start("sshd", [sshd, "-D", "-e", "-f", str(config)], folder / "sshd.log")
        server = cls(repositories_folder, port, folder / "client_key", known_hosts, process)
        try:
            server._wait()
        except BaseException:
            server.stop()
            raise
        return server

    def url(self, repository: str) -> str:
        """The URL of a repository that the HTTP server or `create_repository` made."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.folder.resolve()}/{repository}.git"

    def create_repository(self, name: str) -> str:
        """Make an empty repository and give its URL."""
        repositories.create(self.folder, name)
        return self.url(name)

    @property
    def git_environment(self) -> dict[str, str]:
        """What a plain git needs to reach this server, and to accept no other host key."""
        options = f"-F none -o IdentitiesOnly=yes -o UserKnownHostsFile={self.known_hosts}"
        return {"GIT_SSH_COMMAND": f"ssh {options} -o StrictHostKeyChecking=yes -i {self.client_key}"}

    def stop(self) -> None:
        """End sshd; sessions end with their clients."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while True:
            self._process.check()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError as error:
                if time.monotonic() > end:
                    raise unavailable("sshd doesn't listen", f"its log is {self._process.log}") from error
                time.sleep(0.05)
            else:
                return
