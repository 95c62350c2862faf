"""What the renderer takes away from itself: the network, new privileges, and other processes' memory.

Containers of a Pod share the network, so an empty network is no option there; a seccomp filter
works unprivileged and is inherited over fork and exec.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys

# linux/prctl.h, linux/seccomp.h, linux/audit.h, linux/bpf_common.h
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 13  # SECCOMP_RET_ERRNO with EACCES
_KILL = 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_X32 = 0x40000000  # the second set of numbers for the same calls

# socket, ptrace, process_vm_readv, process_vm_writev, io_uring_setup (which can open sockets too)
_CALLS = {
    "x86_64": (0xC000003E, (41, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 117, 270, 271, 425)),
}
_MOST_FILES = 1024
_NEVER_DUMP = (0, 0)


class SandboxError(Exception):
    """This system can't isolate the renderer; the message says why."""


def isolate() -> None:
    """Give up the network for this process and all that it starts; SandboxError where that can't be.

    socket(2) is refused for every family: the listening Unix socket has to be open already.
    """
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        raise SandboxError(f"no seccomp filter is known for {sys.platform} on {platform.machine()}")
    architecture, refused = _CALLS[platform.machine()]
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _install(_filter(architecture, refused))


def become_subreaper() -> None:
    """Orphans of a render come back to this process, so that none outlives its render unseen."""
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """End when the process `parent` does, also when that one is killed."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)


def limit_resources(memory_bytes: int) -> None:
    """Bounds of the kernel for one render and the tools that it runs; memory is each process's.

    RLIMIT_DATA, not RLIMIT_AS: Go reserves far more addresses than it uses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, _NEVER_DUMP)
    _lower(resource.RLIMIT_DATA, memory_bytes)
    _lower(resource.RLIMIT_NOFILE, _MOST_FILES)


def limit_file_size(size: int) -> None:
    """No file of this process and its tools may grow beyond `size` bytes."""
    _lower(resource.RLIMIT_FSIZE, size)


def _lower(kind: int, wanted: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (value, value))


def _filter(architecture: int, refused: tuple[int, ...]) -> bytes:
    """A classic BPF program; jumps count the instructions to skip."""
    to_refusal = len(refused)
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),  # 32-bit calls have other numbers
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, to_refusal + 1, 0, _X32),
    ]
    program += [(_JUMP_EQUAL, to_refusal - position, 0, call) for position, call in enumerate(refused)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _install(program: bytes) -> None:
    instructions = ctypes.create_string_buffer(program, len(program))
    packed = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    described = ctypes.create_string_buffer(packed, len(packed))  # both have to live until the call
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(described))


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [ctypes.c_ulong(number) for number in (value, pointer, 0, 0)]
    if libc.prctl(option, *arguments) != 0:
        raise SandboxError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")
