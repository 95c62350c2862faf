"""Landlock: the file system as a render's child sees it, which is its own folder and the tools.

A second defence behind the checks of paths, where the kernel has it (Linux 5.13 and later).
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

# linux/landlock.h; the three calls have the same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FIRST_RIGHTS = (1 << 13) - 1  # all that the first version knows
_TRUNCATE = 1 << 14  # since version 3
_TRUNCATE_VERSION = 3

_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")  # of dynamic tools and of Python
_NULL = "/dev/null"


def confine(folder: Path, programs: Iterable[str]) -> None:
    """Let this process and all that it starts use `folder`, and run `programs`; nothing else.

    Does nothing where the kernel can't. Needs no_new_privs, which `sandbox.isolate` sets.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION))
    if version < 1:
        return
    everything = _FIRST_RIGHTS | (_TRUNCATE if version >= _TRUNCATE_VERSION else 0)
    attribute = ctypes.create_string_buffer(struct.pack("Q", everything), 8)
    ruleset = libc.syscall(_CREATE_RULESET, attribute, ctypes.c_size_t(8), ctypes.c_uint(0))
    if ruleset < 0:
        return
    python = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))
    rules = [(str(folder), everything), (_NULL, _READ_FILE | _WRITE_FILE)]
    rules += [(path, _EXECUTE | _READ_FILE | _READ_DIR) for path in (*_SYSTEM, *python, *programs)]
    for path, rights in rules:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # this system has no such folder
        allowed = rights if Path(path).is_dir() else rights & (_EXECUTE | _READ_FILE | _WRITE_FILE)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, place), 12)
        libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, ctypes.c_uint(0))
        os.close(place)
    libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint(0))
    os.close(ruleset)
