"""`gitops demo` as a user runs it: it works or says why not, and leaves nothing behind."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError
from gitops.local.binaries import TOOLS, ensure
from gitops.local.progress import Printed

COMMAND = [sys.executable, "-c", "from gitops.cli.entry import main; main()", "demo"]
LIMIT = 300.0  # seconds; 25 on an idle machine
STEPS = (
    "Starting",
    "1. First sync",
    "2. A commit rolls out",
    "3. An edit by hand is healed",
    "4. What is removed from Git",
    "5. A commit that removes everything is refused",
    "6. Looking at it",
    "7. Metrics",
)
# What the example's Secret holds, what the demo tries to put there, and both as base64.
SECRETS = ("only-an-example", "not-to-be-seen", "b25seS1hbi1leGFtcGxl", "bm90LXRvLWJlLXNlZW4=")

TUTORIAL = Path(__file__).parents[3] / "docs" / "tutorial" / "first-steps.md"
# What the tutorial's commands must have shown, in this order.
SHOWN = (
    r"payments +True +Synced +Healthy",  # gitops status
    r"Ready +True +Succeeded",  # gitops status shop
    r"1 to create, 1 to update, 1 to prune",  # gitops diff
    r"application.gitops.dev/shop condition met",  # the commit was rolled out
    r"Synced +application/shop",  # the Event of it
    r"\nweb +ClusterIP",  # the Service that was deleted is back
    r"shop/web:1\.1\.0",  # the image is back
    r"changed by kubectl-set",
    r"web +\d/4",  # four replicas stay
    r"text: Hello",
    r"hello +False +InvalidManifest",
    r"PruneRefused",
    r"\ngreeting +1",  # is still there
    r'configmaps "greeting" not found',  # after the approval it isn't
    r"No resources found in shop namespace",  # nobody heals while suspended
    r"service/web condition met",
    r"No resources found in payments namespace",
)


@pytest.fixture(autouse=True, scope="module")
def programs(can_not_be_had: Callable[[str], None]) -> None:
    try:
        ensure(TOOLS, Printed())
    except GitopsError as error:
        can_not_be_had(str(error))


@dataclass(frozen=True)
class Home:
    """A folder for temporary files of one demo, by which its processes are known."""

    folder: Path

    def environment(self, **variables: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
        return {**inherited, "TMPDIR": str(self.folder), **variables}

    def processes(self) -> list[str]:
        """Command lines of the processes that a demo here started and that still run."""
        found = []
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if f"TMPDIR={self.folder}\0".encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def check_nothing_runs(self) -> None:
        end = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        assert left == []

    def check_nothing_is_left(self) -> None:
        self.check_nothing_runs()
        assert list(self.folder.iterdir()) == []


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return Home(folder)


def demo(home: Home, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND,
        env=home.environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@dataclass
class Terminal:
    """A demo on a terminal."""

    process: subprocess.Popen[bytes]
    screen: int
    text: str = ""

    def read_until(self, pattern: str) -> re.Match[str]:
        end = time.monotonic() + LIMIT
        while not (found := re.search(pattern, self.text)):
            readable, _, _ = select.select([self.screen], [], [], max(end - time.monotonic(), 0))
            assert readable, self.text
            try:
                self._read()
            except OSError:  # how Linux says that the other side is closed
                pytest.fail(f"it ended before it said {pattern}:\n{self.text}")
        return found

    def type(self, keys: bytes) -> None:
        os.write(self.screen, keys)

    def ends_with(self) -> int:
        with contextlib.suppress(OSError):
            while self._read():
                pass
        return self.process.wait(LIMIT)

    def _read(self) -> bytes:
        part = os.read(self.screen, 65536)
        self.text += part.decode(errors="replace")
        return part


@contextlib.contextmanager
def on_a_terminal(home: Home, **variables: str) -> Iterator[Terminal]:
    screen, inner = pty.openpty()
    process = subprocess.Popen(
        # A session of its own, whose terminal this is: then Ctrl-C arrives as from a keyboard.
        ["setsid", "--ctty", "--wait", *COMMAND],
        env=home.environment(TERM="xterm-256color", **variables),
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    try:
        yield Terminal(process, screen)
    finally:
        os.close(screen)  # hangs up: whatever still runs gets a SIGHUP
        process.wait(LIMIT)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, subprocess.CompletedProcess[str]]:
    """A demo that ran to its end, not on a terminal."""
    home = Home(tmp_path_factory.mktemp("temporary"))
    return home, demo(home)


def test_the_demo_shows_every_step_and_leaves_nothing_behind(
    finished: tuple[Home, subprocess.CompletedProcess[str]],
) -> None:
    home, result = finished
    assert result.returncode == 0, result.stdout + result.stderr
    positions = [result.stdout.find(f"\n{step}") for step in STEPS]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert "changed by kubectl-edit" in result.stdout
    assert "Everything is stopped and removed." in result.stdout
    home.check_nothing_is_left()


def test_the_output_fits_80_columns_and_has_no_colours_in_a_pipe(
    finished: tuple[Home, subprocess.CompletedProcess[str]],
) -> None:
    _, result = finished
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout


def test_the_demo_prints_no_value_of_a_secret(
    finished: tuple[Home, subprocess.CompletedProcess[str]],
) -> None:
    _, result = finished
    assert "SESSION_KEY" in result.stdout
    assert not [value for value in SECRETS if value in result.stdout + result.stderr]


def follow_the_tutorial(folder: str, home: Home) -> str:
    """All that a reader sees who pastes the tutorial's commands into one shell."""
    commands = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    shell = subprocess.run(
        ["sh", "-u"],
        input="\n".join([f"exec 2>&1\n. {folder}/env", *commands]),
        stdout=subprocess.PIPE,
        text=True,
        env=home.environment(),
        timeout=LIMIT,
        check=False,
    )
    return shell.stdout


def check_in_order(patterns: tuple[str, ...], text: str) -> None:
    position = 0
    for pattern in patterns:
        found = re.compile(pattern).search(text, position)
        assert found, f"{pattern} is missing in:\n{text[position:]}"
        position = found.end()


def test_on_a_terminal_it_stays_up_and_the_tutorial_works_until_ctrl_c(home: Home) -> None:
    with on_a_terminal(home) as terminal:
        folder = terminal.read_until(r"\. (\S+)/env")[1]
        terminal.read_until("My change")
        check_in_order(SHOWN, follow_the_tutorial(folder, home))
        assert "\x1b[" in terminal.text
        terminal.type(b"\x03")
        assert terminal.ends_with() == 130
    home.check_nothing_is_left()


def test_a_second_ctrl_c_does_not_stop_the_cleaning_up(home: Home) -> None:
    with on_a_terminal(home, NO_COLOR="1") as terminal:
        terminal.read_until("First sync")
        terminal.type(b"\x03")
        terminal.read_until("stopping")
        terminal.type(b"\x03")
        assert terminal.ends_with() == 130
        assert terminal.text.count("stopping") == 1
        assert "Traceback" not in terminal.text
        assert "\x1b[" not in terminal.text
    home.check_nothing_is_left()


def test_sigterm_ends_everything(home: Home) -> None:
    with subprocess.Popen(
        COMMAND, env=home.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "First sync" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 143
    home.check_nothing_is_left()


def test_a_step_that_does_not_happen_fails_the_demo_and_says_why(home: Home, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "kustomize"
    broken.parent.mkdir()
    broken.write_text('#!/bin/sh\n[ "$1" = version ] && exec echo v5.8.2\necho "it is broken" >&2; exit 1\n')
    broken.chmod(0o755)
    result = demo(home, PATH=f"{broken.parent}:{os.environ['PATH']}")
    assert result.returncode == 4
    assert "it is broken" in result.stderr
    assert "The end of the controller's log" in result.stdout
    assert "2. A commit rolls out" not in result.stdout
    home.check_nothing_runs()
    logs = [str(path) for path in home.folder.glob("gitops-demo-*/logs")]
    assert len(logs) == 1
    assert logs[0] in " ".join(result.stdout.split())


def test_a_machine_without_git_is_told_to_install_it(home: Home, tmp_path: Path) -> None:
    result = demo(home, **without("git", tmp_path / "bin"))
    assert result.returncode == 4
    assert "install Git" in result.stderr
    home.check_nothing_runs()


def without(program: str, folder: Path) -> Mapping[str, str]:
    """A PATH with everything but one program."""
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for path in Path(place).glob("*"):
            link = folder / path.name
            link.unlink(missing_ok=True)
            link.symlink_to(path)
    (folder / program).unlink(missing_ok=True)
    return {"PATH": str(folder)}
