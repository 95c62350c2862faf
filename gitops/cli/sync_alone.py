"""A sync without a controller: the controller's own engine in this process, under the controller's lease."""

import asyncio
import getpass
import logging
import os
import socket
from pathlib import Path

from gitops.api.application import Application
from gitops.cli.options import INTERRUPTED, Exit
from gitops.cli.sync_end import Ended, Watch, end_of
from gitops.cli.sync_progress import Progress, rows_of, where
from gitops.controller.applications import key_of
from gitops.controller.one import One, Wish
from gitops.controller.settings import Settings
from gitops.kube.client import Access
from gitops.observe import logs

PREFIX = "cli:"  # of the holder of a lease: a person's command, not a controller


def own_identity() -> str:
    """`cli:alice@laptop_4242`: the next run on this host sees at once whether this one is dead."""
    return f"{PREFIX}{getpass.getuser()}@{socket.gethostname()}_{os.getpid()}"


def person_of(identity: str) -> str:
    """`alice@laptop (process 4242)`, of such a holder."""
    name, _, pid = identity.removeprefix(PREFIX).rpartition("_")
    return f"{name} (process {pid})"


async def sync_alone(
    app: Application,
    wish: Wish,
    *,
    access: Access,
    namespace: str,
    watch: Watch,
    progress: Progress,
    stop: asyncio.Event,
    timeout: float,  # noqa: ASYNC109 (its end is orderly, not a cancellation)
) -> tuple[Application, Ended]:
    """Bring one Application to its newest revision; `namespace` is where the lease is.

    Raises GitopsError when it can't begin, or loses the lease.
    """
    if logging.getLogger().level == logging.WARNING:  # --log-level asks for another
        logs.configure("error")  # all else is told by the progress
    settings = Settings(
        access=access,
        namespace=namespace,
        cache=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gitops",
        allow_file=True,
        identity=own_identity(),
    )

    def judge(now: Application) -> bool | None:
        progress.status(now)
        ended = end_of(now, watch)
        return None if ended is None else ended.code == Exit.DONE

    one = One(settings, key_of(app), wish, progress, judge)
    work, stopped = asyncio.create_task(one.run()), asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopped}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    cut_short = not work.done()
    one.stop()
    await work
    now = one.application or app
    if not cut_short and (ended := end_of(now, watch)):
        return now, ended
    wanted, members = one.standing()
    state = f"{where(rows_of(wanted, members))}; run it again to go on; nothing is locked"
    if stop.is_set():
        return now, Ended(INTERRUPTED, "Interrupted", state)
    return now, Ended(Exit.CLUSTER, "TimedOut", f"not over within {timeout:g} s: {state}")
