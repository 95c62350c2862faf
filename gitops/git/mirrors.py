"""Where mirrors lie: one folder for each remote and credentials, below one root."""

import contextlib
import os
import shutil
import threading
from collections.abc import Collection
from pathlib import Path

from gitops.core.revision import RepositoryURL
from gitops.git.credentials import Credentials

_SALT = "salt"


def mirror_folder(root: Path, url: RepositoryURL, credentials: Credentials | None) -> Path:
    """The folder below `root` of the mirror for `url` as these credentials see it.

    Who has other credentials gets another mirror, or a SHA would give access to what they may not
    read. The name is keyed with a salt kept in `root`, so that mirrors outlive a restart while the
    name can't be used to test guesses of a password.
    """
    salt = _salt(root) + url.url.encode()
    return root / (credentials or Credentials()).digest_with(salt)


def remove_unused(root: Path, used: Collection[Path]) -> int:
    """Delete the mirrors below `root` that are not in `used` (rotated tokens leave them); how many."""
    if not root.is_dir():
        return 0
    names = {folder.name for folder in used}
    unused = [item for item in root.iterdir() if item.is_dir() and item.name.split(".")[0] not in names]
    for folder in unused:
        shutil.rmtree(folder, ignore_errors=True)
    return len(unused)


def _salt(root: Path) -> bytes:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = root / _SALT
    if not place.exists():
        draft = root / f"{_SALT}.{os.getpid()}.{threading.get_ident()}"
        draft.touch(mode=0o600)
        draft.write_bytes(os.urandom(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, place)  # whole or not at all, and the first one wins
        draft.unlink()
    return place.read_bytes()
