"""`gitops lint` on folders, files, charts, kustomizations and revisions; no cluster is there."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gitops.cli.app import run
from gitops.local.worktree import WorkTree
from tests.support.command import Command, Ran

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "manifests/examples/shop/deploy"

GOOD = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true}
      containers:
        - name: web
          image: example.com/web:1
          ports: [{name: http, containerPort: 8080}]
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits: {memory: 16Mi}
          readinessProbe: {httpGet: {path: /readyz, port: http}}
          livenessProbe: {httpGet: {path: /healthz, port: http}}
"""
BAD = GOOD.replace("web:1", "web").replace("targetPort: http", "targetPort: web")
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: swordfish}\n"


Lint = Callable[..., Ran]


@pytest.fixture
def command(tools: Mapping[str, Path], tmp_path: Path) -> Command:
    """The command in a folder of its own; the kubeconfig leads nowhere."""
    return Command(tmp_path / "no-kubeconfig", tmp_path, tools)


@pytest.fixture
def lint(command: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Lint:
    """The same within this process: most of a short command's time is Python's start."""
    monkeypatch.chdir(command.folder)
    for name, value in command.environment().items():
        monkeypatch.setenv(name, value)

    def run_here(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["gitops", "lint", *arguments])
        capfd.readouterr()
        code = run()
        return Ran(code, *capfd.readouterr())

    return run_here


@pytest.fixture
def shop(tmp_path: Path) -> WorkTree:
    return WorkTree.create(tmp_path / "shop", "file:///nowhere")


def rules(ran: Ran) -> list[tuple[str, str, int | None]]:
    return [(one["rule"], one["file"], one["line"]) for one in ran.data["findings"]]


def test_findings_have_a_place_a_path_and_a_fix(command: Command, lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/web.yaml").write_text(BAD)
    (tmp_path / "deploy/secret.yaml").write_text(SECRET)
    ran = command("lint", "deploy")
    assert ran.code == 1, ran.err
    assert ran.out.splitlines() == [
        "secret.yaml",
        "  warning  1: Secret s: its values can be read in the repository: password [secret-in-git]",
        "           data: use External Secrets or Sealed Secrets, and change the values: they are known",
        "",
        "web.yaml",
        "  error    1: Service web: Deployment web has no port web; it has http 8080 [service-port]",
        "           spec.ports[0].targetPort: let targetPort name a port of the container",
        "  warning  6: Deployment.apps web: example.com/web has no tag, which means latest [image-tag]",
        "           spec.template.spec.containers[name=web].image: name a version, or better a digest",
        "",
        "1 error, 2 warnings in 3 objects",
    ]
    data = lint("deploy", "-o", "json")
    assert data.code == 1
    assert data.data["findings"][1] == {
        "rule": "service-port",
        "severity": "error",
        "object": {"group": "", "kind": "Service", "namespace": "", "name": "web"},
        "file": "web.yaml",
        "line": 1,
        "path": "spec.ports[0].targetPort",
        "message": "Deployment web has no port web; it has http 8080",
        "fix": "let targetPort name a port of the container",
    }
    assert data.data["summary"] == {"error": 1, "warning": 2, "info": 0, "ignored": 0, "objects": 3}

    # On a terminal: colours, and lines that break under their words.
    shown = command.on_terminal("lint", "deploy", COLUMNS="80")
    assert "\x1b[" in shown
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in shown.splitlines()) <= 80

    # A single file, standard input, and what isn't shown.
    assert rules(lint("deploy/secret.yaml", "-o", "json")) == [("secret-in-git", "secret.yaml", 1)]
    piped = subprocess.run(
        ["gitops", "lint", "-", "-o", "json"],
        input=BAD,
        env=command.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert rules(Ran(piped.returncode, piped.stdout, piped.stderr))[0] == ("service-port", "stdin", 1)
    assert "swordfish" not in ran.out + data.out + shown + piped.stdout


def test_the_exit_code_says_what_is_wrong(lint: Lint, tmp_path: Path) -> None:
    for name, content in {
        "good": GOOD,
        "warned": SECRET,
        "broken": "kind: [",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(content)
    good = lint("good", "--fail-on", "info")
    assert (good.code, good.out) == (0, "no findings in 2 objects\n")
    assert lint("warned", "--fail-on", "error").code == 0
    assert lint("warned", "--level", "error").code == 1
    broken = lint("broken")
    assert broken.code == 3
    assert "a.yaml:2" in broken.err
    assert "Traceback" not in broken.err
    assert lint("nowhere").code == 2
    assert lint("good", "--level", "terrible").code == 2
    assert lint("good", "--diff", "main").code == 2


def test_our_own_examples_manifests_and_chart_have_no_findings(lint: Lint) -> None:
    for path in ("shop/overlays/prod", "payments"):
        ran = lint(str(EXAMPLES / path))
        assert ran.code == 0, ran.out
    for path in ("manifests/install.yaml", "helm/gitops"):
        ran = lint(str(ROOT / path), "--level", "info")
        assert ran.code == 0
        assert re.fullmatch(r"no findings in \d+ objects\n", ran.out)


def test_a_change_is_blamed_only_for_what_it_brings(lint: Lint, shop: WorkTree) -> None:
    shop.commit("begin", {"other/web.yaml": GOOD})
    first = shop.commit("old sins", {"deploy/web.yaml": GOOD.replace("web:1", "web")})
    # Lines move, and one finding is new; the folder and the work tree say the same.
    second = shop.commit("more", {"deploy/web.yaml": "# moved\n\n" + BAD})
    folder = str(shop.folder / "deploy")
    every = rules(lint(folder, "-o", "json"))
    assert [rule for rule, _, _ in every] == ["service-port", "image-tag"]
    changed = lint(folder, "--diff", f"{first}..{second}", "-o", "json")
    assert (changed.code, rules(changed)) == (1, [("service-port", "deploy/web.yaml", 3)])
    assert lint(folder, "--diff", f"{second}..").code == 0
    assert lint(folder, "--diff", f"{second}..{first}").code == 0
    new = lint(folder, "--diff", f"{first}~1..{second}", "-o", "json")
    assert rules(new) == every, "the folder is new: all of it is"
    missing = lint(folder, "--diff", f"{'0' * 40}..{second}")
    assert missing.code == 2
    assert "no such commit" in missing.err
    (shop.folder / "deploy/secret.yaml").write_text(SECRET)
    assert rules(lint(folder, "--diff", "HEAD..", "-o", "json")) == [
        ("secret-in-git", "deploy/secret.yaml", 1)
    ]
    remote = lint(f"file://{shop.folder}@{second}", "--path", "deploy", "--diff", f"{first}..{second}")
    assert remote.code == 1, remote.err
    assert remote.out.endswith("1 error in 2 objects\n")
