"""What the documentation tells people to do works as it says, against a real API server."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops.local import sshserver
from gitops.local.controlplane import ControlPlane
from gitops.local.gitserver import GitServer
from gitops.local.sshserver import SshServer
from tests.integration.docs.conftest import HOME
from tests.integration.docs.reader import Reader
from tests.support.cluster import Cluster
from tests.support.controller import Controller
from tests.support.wait import wait_for
from tests.unit.docs.pages import ROOT, Block, blocks, pages

API = "gitops.dev/v1alpha1"


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _applications() -> Iterator[tuple[Block, dict[str, Any]]]:
    for page in pages():
        for block in blocks(page):
            if block.language == "yaml" and "kind: Application" in block.text:
                for document in yaml.safe_load_all(block.text):
                    if document and document.get("apiVersion") == API:
                        yield block, document


def test_there_are_examples_of_applications() -> None:
    assert len(list(_applications())) > 5


@pytest.mark.parametrize(
    ("block", "document"), [pytest.param(*one, id=str(one[0])) for one in _applications()]
)
def test_the_api_server_takes_the_application(
    cluster: Cluster, namespace: str, block: Block, document: dict[str, Any]
) -> None:
    text = yaml.safe_dump(document | {"metadata": document["metadata"] | {"namespace": namespace}})
    cluster.kubectl("create", "--dry-run=server", "--validate=strict", "--filename=-", input=text)


@pytest.fixture
def left_as_found(cluster: Cluster, controller: Controller) -> Iterator[None]:
    """Afterwards the namespaces that a page made are gone, and its Applications with them."""
    before = _namespaces(cluster)
    yield
    made = sorted(_namespaces(cluster) - before)
    for name in (HOME, *made):
        cluster.kubectl("delete", "applications", "--all", f"--namespace={name}", "--wait=false")
    wait_for(
        lambda: not any(cluster.list(API, "Application", name) for name in (HOME, *made)),
        "the page's Applications are gone",
        state=controller.logs,
    )
    for name in made:
        cluster.kubectl("delete", "namespace", name, "--timeout=120s")


def _namespaces(cluster: Cluster) -> set[str]:
    return {one["metadata"]["name"] for one in cluster.list("v1", "Namespace")}


def _tested_pages() -> list[Path]:
    return [page for page in pages() if any(block.mark == "test" for block in blocks(page))]


@pytest.mark.usefixtures("left_as_found")
@pytest.mark.parametrize("page", _tested_pages(), ids=_name)
def test_a_reader_gets_what_the_page_promises(
    page: Path,
    control_plane: ControlPlane,
    tools: Mapping[str, Path],
    tmp_path: Path,
    can_not_be_had: Callable[[str], None],
) -> None:
    todo = list(blocks(page))
    text = "".join(block.text for block in todo)
    with ExitStack() as servers:
        git = servers.enter_context(GitServer(tmp_path / "repositories"))
        ssh = None
        if "ssh://" in text:
            if sshserver.program() is None:
                can_not_be_had("there is no sshd; install OpenSSH's server (Debian: openssh-server)")
            ssh = servers.enter_context(SshServer.start(git.folder, tmp_path / "ssh"))
        programs = {**tools, "kubectl": control_plane.binaries["kubectl"]}
        reader = Reader.sit_down(
            tmp_path, control_plane.kubeconfig, programs, (git, ssh), private="$TOKEN" in text
        )
        for block in todo:
            reader.follow(block)
