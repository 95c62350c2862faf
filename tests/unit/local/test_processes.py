"""Children end when asked, when forced, and when their parent dies, and not before."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gitops.core.problem import GitopsError
from gitops.local import processes

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
DEAF = [SLEEP[0], "-c", f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP[2]}"]


def wait_for(log: Path, text: str) -> None:
    end = time.monotonic() + 20
    while not log.exists() or text not in log.read_text():
        assert time.monotonic() < end, f"{text!r} never came"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which only its parent can bury, doesn't."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_process_writes_to_its_log_and_ends_when_stopped(tmp_path: Path) -> None:
    process = processes.start("sleeper", SLEEP, tmp_path / "log")
    wait_for(process.log, "up")
    process.stop()
    assert process.popen.returncode == -signal.SIGTERM


def test_a_process_that_ignores_the_request_is_ended_by_force(tmp_path: Path) -> None:
    process = processes.start("deaf", DEAF, tmp_path / "log")
    wait_for(process.log, "up")
    process.stop(deadline=0.2)
    assert process.popen.returncode == -signal.SIGKILL


def test_a_process_that_has_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = processes.start("broken", [sys.executable, "-c", "exit('no such flag')"], tmp_path / "log")
    process.popen.wait()
    with pytest.raises(GitopsError, match=r"broken ended with code 1;[^\n]*\nno such flag"):
        process.check()


def test_a_process_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[processes.Process] = []

    def start() -> None:
        started.append(processes.start("sleeper", SLEEP, tmp_path / "log"))
        wait_for(tmp_path / "log", "up")

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    started[0].check()
    started[0].stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a death signal")
def test_a_process_dies_with_its_parent(tmp_path: Path) -> None:
    script = f"""
import time
from pathlib import Path
from gitops.local import processes
print(processes.start("child", {SLEEP!r}, Path({str(tmp_path / "log")!r})).pid, flush=True)
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_for(tmp_path / "log", "up")
        assert alive(child)
        parent.kill()
    end = time.monotonic() + 10
    while alive(child):
        assert time.monotonic() < end, "the child lives on"
        time.sleep(0.02)


def test_free_ports_are_different_and_below_the_range_of_outgoing_connections() -> None:
    ports = processes.free_ports(50)
    assert len(set(ports)) == 50
    assert all(20000 <= port < 30000 for port in ports)
