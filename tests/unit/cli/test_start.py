"""How a command starts: what it imports, which costs a tenth of a second each, and what it leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from gitops.cli.entry import main; main()"


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


def test_the_help_takes_nothing_that_only_the_commands_need() -> None:
    heavy = {"kubernetes", "aiohttp", "rich", "pydantic", "deepdiff", "structlog", "git", "yaml"}
    asked = "import sys; sys.argv = ['gitops', '--help']; from gitops.cli.entry import main"
    code = f"{asked}\ntry: main()\nexcept SystemExit: pass"
    assert not heavy & modules_after(code)


def test_what_plans_a_diff_takes_nothing_of_the_controller_but_its_planning() -> None:
    heavy = {"structlog", "prometheus_client", "git", "deepdiff", "rich", "gitops.controller.handover"}
    assert not heavy & modules_after("import gitops.cli.preview")


def test_finding_an_application_takes_nothing_of_the_controller() -> None:
    loaded = modules_after("import gitops.cli.applications")
    assert not {one for one in loaded if one.startswith(("gitops.controller", "gitops.git", "gitops.render"))}


def test_a_diff_as_text_takes_no_rich() -> None:
    assert "rich" not in modules_after("import gitops.cli.diff, gitops.cli.diff_text, gitops.cli.show")


def test_what_starts_the_renderer_takes_nothing_else_of_ours() -> None:
    loaded = {one for one in modules_after("import gitops.render.spawn") if one.startswith("gitops")}
    assert loaded == {"gitops", "gitops.render", "gitops.render.spawn"}
    assert "asyncio" not in modules_after("import gitops.render.spawn")


def processes_that_name(text: str) -> list[str]:
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = one.read_bytes().decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if text in arguments and "gitops.render" in arguments:
            found.append(arguments)
    return found


@pytest.mark.parametrize("words", [["diff", "--no-such-option"], ["render", "/no/such/folder"]])
def test_a_renderer_that_nobody_asked_is_ended_with_its_folder(words: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", MAIN, *words]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())
    assert not processes_that_name(str(tmp_path))


def test_help_starts_no_renderer(tmp_path: Path) -> None:
    code = (
        "import sys, gitops.render.spawn as spawn; sys.argv = ['gitops', 'diff', '--help']\n"
        "def refuse(): raise AssertionError\n"
        "spawn.spawn_ahead = refuse\n"
    )
    done = subprocess.run([sys.executable, "-c", code + MAIN], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_interrupt_while_it_imports_leaves_nothing_behind(tmp_path: Path) -> None:
    """The signal comes as soon as the renderer is there."""
    code = (
        "import os, signal, sys, gitops.render.spawn as spawn; sys.argv = ['gitops', 'diff', '.']\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "real = spawn.spawn_ahead\n"
        "def then_interrupt(): real(); signal.setitimer(signal.ITIMER_REAL, 0.02)\n"
        "signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))\n"
        "spawn.spawn_ahead = then_interrupt\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code + MAIN], capture_output=True, env=environment, check=False
    )
    assert done.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
    assert not processes_that_name(str(tmp_path))
