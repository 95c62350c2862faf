"""What a command imports before it does anything: each of these costs a tenth of a second or more."""

import subprocess
import sys


def modules_after(code: str) -> set[str]:
    asked = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_connection_to_the_cluster_takes_only_a_part_of_the_official_client() -> None:
    heavy = {"requests", "requests_oauthlib", "rich", "structlog", "kubernetes.config", "kubernetes.client"}
    assert not heavy & modules_after("import gitops.kube.client, gitops.kube.contexts")


def test_the_official_client_is_whole_for_whoever_imports_it_later() -> None:
    code = "import gitops.kube.client, kubernetes.client, kubernetes.aio; assert kubernetes.aio.watch"
    assert "kubernetes.config" in modules_after(code)


def test_finding_an_application_takes_nothing_of_the_controller() -> None:
    loaded = modules_after("import gitops.cli.applications")
    assert not {one for one in loaded if one.startswith(("gitops.controller", "gitops.git", "gitops.render"))}
