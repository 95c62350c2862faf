"""`gitops demo`: a whole cluster on this machine, and on it what the controller does, for real."""

import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from gitops.cli.demo_page import Page, duration
from gitops.cli.demo_stage import Stage, log_tail, open_stage
from gitops.cli.demo_steps import STEPS
from gitops.cli.options import Exit
from gitops.cli.terminal import console, wants_color
from gitops.core.problem import GitopsError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(*, no_color: bool) -> int:
    """Show all steps; on a terminal everything then stays up until Ctrl-C.

    Raises GitopsError when a step didn't happen; ends with 128 + its number at a signal. In both
    cases nothing is left running.
    """
    page = Page(console(color=wants_color(no_color)))
    stays = sys.stdin.isatty() and sys.stdout.isatty()
    with _ending_at_signals(), _folder(page) as folder:
        page.heading("gitops demo")
        page.say("A cluster, a Git server and the controller: all on this machine, all thrown away after.")
        began = time.monotonic()
        with open_stage(folder, page) as stage:
            for step in STEPS:
                step(stage, page)
            page.heading(f"All of this took {duration(time.monotonic() - began)}.")
            if stays:
                _stay(stage, page)
    page.say("Everything is stopped and removed.")
    return Exit.DONE


def _stay(stage: Stage, page: Page) -> None:
    """Say how to use what runs, and keep it running; only a signal ends it."""
    folder = shlex.quote(str(stage.folder))
    page.say("It runs until you press Ctrl-C. Try it in another terminal:")
    page.commands(f"""
. {folder}/env    # KUBECONFIG, kubectl, gitops
gitops status
gitops status shop -n gitops-system
kubectl get pods -A
kubectl delete service web -n shop    # it comes back
cd {folder}/shop    # the repository: edit, and then
gitops diff deploy/shop/overlays/prod
git commit -a -m "My change" && git push
""")
    while True:
        stage.controller.check()
        time.sleep(1)


@contextmanager
def _folder(page: Page) -> Iterator[Path]:
    """A temporary folder, which is kept, for its logs, when a step fails."""
    folder = Path(tempfile.mkdtemp(prefix="gitops-demo-"))
    try:
        yield folder
    except GitopsError:
        tail = log_tail(folder)
        if tail:
            page.say("The demo failed. The end of the controller's log:")
            page.output(tail)
        page.say(f"All logs are in {folder}/logs; remove {folder} when you have read them.")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _ending_at_signals() -> Iterator[None]:
    """Turn the first signal into an orderly end, and don't let a second one interrupt that."""

    def leave(number: int, _frame: FrameType | None) -> None:
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        os.write(sys.stderr.fileno(), b"\nstopping\n")
        raise SystemExit(128 + number)

    before = {one: signal.getsignal(one) for one in _SIGNALS}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]  # nohup: it is to outlive its terminal
    for one in before:
        signal.signal(one, leave)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
