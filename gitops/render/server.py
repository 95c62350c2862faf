"""The renderer's parent process: accepts connections, forks one child for each, and ends them in time.

One thread, no asyncio: forking is safe only without threads. It reads nothing but the fixed
start of a request, so that nothing hostile is ever parsed here.
"""

import errno
import os
import select
import signal
import socket
import stat
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.render.child import OUT_OF_MEMORY, REPLIED, run_child
from gitops.render.folders import make_folder, remove_folder, remove_leftovers
from gitops.render.limits import MEBIBYTE, exceeded
from gitops.render.protocol import PREFIX, Prefix, decode_prefix, encode_problems
from gitops.render.sandbox import become_subreaper
from gitops.render.tools import Binaries

_PATIENCE = 10.0  # seconds for a new connection to say what it wants
_REPLY_SECONDS = 5.0  # to hand over an error, which is small
_NEARLY_ALL = 0.8  # of the memory: a child that crashes so close to its limit ran out of it
_SHUTDOWN = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


@dataclass(slots=True)
class _Job:
    """One running child."""

    pid: int
    connection: socket.socket
    replying: int  # readable once the child has begun its reply
    folder: Path
    prefix: Prefix
    deadline: float
    late: bool = False
    unwanted: bool = False  # nobody is there to reply to


class Server:
    """Serves renders on a listening socket until `stop` is called (by a signal handler)."""

    def __init__(self, listener: socket.socket, binaries: Binaries, max_concurrent: int) -> None:
        self._listener = listener
        self._binaries = binaries
        self._max_concurrent = max_concurrent
        self._new: dict[int, tuple[socket.socket, float]] = {}  # by descriptor, with its deadline
        self._waiting: deque[tuple[socket.socket, Prefix]] = deque()
        self._jobs: dict[int, _Job] = {}  # by pid
        self._woken, self._wake = os.pipe()
        for descriptor in (self._woken, self._wake):
            os.set_blocking(descriptor, False)
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def serve(self, lives: Callable[[], bool], lifeline: int | None) -> None:
        """Run until stopped, or until `lifeline` is readable and `lives` says no."""
        become_subreaper()
        remove_leftovers()
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only its wake-up counts
        try:
            while not self._stopped:
                events = self._poll(lifeline)
                if lifeline is not None and lifeline in events and not lives():
                    break
                self._accept(events)
                self._hang_up(events)
                self._reap()
                if self._woken in events:
                    self._end_orphans()
                self._expire()
                self._start_waiting()
        finally:
            signal.set_wakeup_fd(-1)
            self._end_all()

    def _poll(self, lifeline: int | None) -> dict[int, int]:
        poller = select.poll()
        poller.register(self._listener, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        if lifeline is not None:
            poller.register(lifeline, select.POLLIN)
        for descriptor in self._new:
            poller.register(descriptor, select.POLLIN)
        for connection, _ in self._waiting:
            poller.register(connection, _SHUTDOWN)
        for job in self._jobs.values():
            poller.register(job.connection, _SHUTDOWN)
        deadlines = [deadline for _, deadline in self._new.values()]
        deadlines += [job.deadline for job in self._jobs.values() if not job.late]
        # A little late rather than early, or the loop would spin through the last millisecond.
        timeout = max(0.0, min(deadlines) - time.monotonic()) * 1000 + 1 if deadlines else None
        events = dict(poller.poll(timeout))
        if self._woken in events:
            os.read(self._woken, 4096)
        return events

    def _accept(self, events: dict[int, int]) -> None:
        if self._listener.fileno() in events:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE):
                    raise
            else:
                connection.setblocking(False)
                self._new[connection.fileno()] = (connection, time.monotonic() + _PATIENCE)
        for descriptor in [descriptor for descriptor in self._new if descriptor in events]:
            self._read_prefix(descriptor)

    def _read_prefix(self, descriptor: int) -> None:
        connection, _ = self._new[descriptor]
        try:
            start = connection.recv(PREFIX.size, socket.MSG_PEEK)
            if start and len(start) < PREFIX.size:
                return
            prefix = decode_prefix(start)
        except BlockingIOError:
            return
        except (OSError, ValueError, struct.error):
            connection.close()
        else:
            self._waiting.append((connection, prefix))
        del self._new[descriptor]

    def _hang_up(self, events: dict[int, int]) -> None:
        """Whoever has closed the connection doesn't want the render any more."""
        gone = {descriptor for descriptor, event in events.items() if event & _SHUTDOWN}
        for entry in [entry for entry in self._waiting if entry[0].fileno() in gone]:
            self._waiting.remove(entry)
            entry[0].close()
        for job in list(self._jobs.values()):
            if job.connection.fileno() in gone:
                job.unwanted = True
                _kill_group(job.pid)

    def _start_waiting(self) -> None:
        while self._waiting and len(self._jobs) < self._max_concurrent:
            connection, prefix = self._waiting.popleft()
            folder = make_folder()
            reading, replying = os.pipe()
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                self._keep_only(connection.fileno(), replying)
                run_child(connection, replying, prefix, self._binaries, folder, parent)
            os.close(replying)
            deadline = time.monotonic() + prefix.seconds
            self._jobs[pid] = _Job(pid, connection, reading, folder, prefix, deadline)

    @staticmethod
    def _keep_only(*descriptors: int) -> None:
        """A child must not hold another render's connection, nor the listening socket."""
        first = 3
        for descriptor in sorted(descriptors):
            os.closerange(first, descriptor)
            first = descriptor + 1
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))

    def _expire(self) -> None:
        now = time.monotonic()
        for descriptor in [descriptor for descriptor, (_, deadline) in self._new.items() if deadline <= now]:
            self._new.pop(descriptor)[0].close()
        for job in self._jobs.values():
            if job.deadline <= now and not job.late:
                job.late = True
                _kill_group(job.pid)

    def _reap(self) -> None:
        for job in list(self._jobs.values()):
            # Its group is ended before it is reaped: until then nobody else can get its number.
            if os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill_group(job.pid)
            _, status, usage = os.wait4(job.pid, 0)
            del self._jobs[job.pid]
            self._finish(job, os.waitstatus_to_exitcode(status), _bytes_of(usage.ru_maxrss))

    def _end_orphans(self) -> None:
        """A process that left its group comes back to us as the subreaper: end it too."""
        for pid in _children():
            if pid not in self._jobs:
                os.kill(pid, signal.SIGKILL)
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in self._jobs:
                return
            os.waitpid(ended.si_pid, 0)

    def _finish(self, job: _Job, code: int, peak: int) -> None:
        replied = bool(select.select([job.replying], [], [], 0)[0]) and bool(os.read(job.replying, 1))
        os.close(job.replying)
        if not (replied or job.unwanted or code == REPLIED):
            _send_error(job.connection, _death(job, code, peak))
        job.connection.close()
        remove_folder(job.folder)

    def _end_all(self) -> None:
        for job in self._jobs.values():
            _kill_group(job.pid)
        for job in self._jobs.values():
            os.waitpid(job.pid, 0)
            job.connection.close()
            remove_folder(job.folder)
        self._jobs.clear()
        self._end_orphans()


def listen(path: Path) -> socket.socket:
    """Open the Unix socket, for this user and group only; takes the place of one that was left over."""
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o117)
    try:
        listener.bind(str(path))
    finally:
        os.umask(previous)
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _death(job: _Job, code: int, peak: int) -> GitopsError:
    """Why a child ended without a reply, in the reader's words."""
    if job.late:
        message = f"the render takes longer than {job.prefix.seconds:g} s"
        advice = "split it over several Applications, or look for an endless template"
        return fail(Reason.RENDER_TIMEOUT, message, Blame.REPOSITORY, advice=advice)
    if code == OUT_OF_MEMORY or peak > job.prefix.memory_bytes * _NEARLY_ALL:
        return exceeded(f"the render needs more than {job.prefix.memory_bytes // MEBIBYTE} MiB of memory")
    if code < 0:
        message = f"the process of the render was ended by {signal.Signals(-code).name}"
        return fail(Reason.RENDER_FAILED, message, Blame.OURSELVES)
    message = f"the process of the render ended with code {code}"
    return fail(Reason.INTERNAL_ERROR, message, Blame.OURSELVES, advice="the renderer's log says where")


def _send_error(connection: socket.socket, error: GitopsError) -> None:
    try:
        connection.settimeout(_REPLY_SECONDS)
        connection.sendall(b"".join(encode_problems((error.problem,))))
    except OSError as failure:
        sys.stderr.write(f"renderer: a reply was not taken: {failure.strerror}\n")


def _kill_group(pid: int) -> None:
    """The child's whole process group; itself where it has not made its group yet."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _children() -> list[int]:
    """The pids of our children where Linux lists them."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def _bytes_of(maximum: int) -> int:
    """Linux counts ru_maxrss in KiB, macOS in bytes."""
    return maximum * 1024 if sys.platform == "linux" else maximum
