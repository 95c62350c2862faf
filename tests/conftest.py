"""The servers that tests share: one control plane and one Git server for a whole run."""

import os
import secrets
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from gitops.core.problem import GitopsError
from gitops.local import sshserver
from gitops.local.binaries import ensure
from gitops.local.controlplane import PROGRAMS, ControlPlane
from gitops.local.gitserver import GitServer
from gitops.local.progress import Printed
from gitops.local.sshserver import SshServer

# On a loaded machine a slow moment is no finding.
settings.register_profile("without-deadline", deadline=None)
settings.load_profile("without-deadline")


@pytest.fixture(scope="session")
def can_not_be_had(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Skip, with a line that nobody overlooks; but fail on CI, where everything has to be there."""

    def refuse(reason: str) -> None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
        capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.write_line(f"\nSKIPPED FOR WANT OF A SERVER: {reason}", red=True, bold=True)
        pytest.skip(reason)

    return refuse


@pytest.fixture(scope="session")
def control_plane(
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
    can_not_be_had: Callable[[str], None],
) -> Iterator[ControlPlane]:
    """A control plane for the whole run, with an audit log; take a `namespace` of your own in it."""
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    try:
        # The first build takes minutes, and a silent one looks like a hang.
        with capture.global_and_fixture_disabled():
            ensure(PROGRAMS, Printed())
    except GitopsError as error:
        can_not_be_had(str(error))
    with ControlPlane.start(tmp_path_factory.mktemp("control-plane"), audit_log=True) as running:
        yield running


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Callable[..., str]:
    """`kubectl(*arguments, input=None)` as administrator."""
    return control_plane.kubectl


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A new namespace in which Pods can be created; its removal isn't waited for."""
    name = f"t-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    control_plane.kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={name}")
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="session")
def git_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A Git server for the whole run; create a repository of your own in it."""
    with GitServer(tmp_path_factory.mktemp("repositories")) as running:
        yield running


@pytest.fixture(scope="session")
def ssh_server(
    git_server: GitServer,
    tmp_path_factory: pytest.TempPathFactory,
    can_not_be_had: Callable[[str], None],
) -> Iterator[SshServer]:
    """An SSH server for the repositories of `git_server`."""
    if sshserver.program() is None:
        can_not_be_had("there is no sshd; install OpenSSH's server (Debian: openssh-server)")
    with SshServer.start(git_server.folder, tmp_path_factory.mktemp("ssh")) as running:
        yield running
