"""The private folders of renders: made for each, removed after it, or at the next start."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "gitops-render-"


def make_folder() -> Path:
    """A new empty folder that only this user can enter; its name holds our pid."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that a render left in it, as far as that can be removed."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove what renderers left that could not tidy up any more.

    In a container the dead one had the same pid as this one.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(OSError):
            if pid.isdigit() and folder.stat().st_uid == os.getuid() and not _is_another_process(int(pid)):
                remove_folder(folder)


def _is_another_process(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
