"""How this room reports what it can't do, so that each message says who can help and how."""

from pathlib import Path

from gitops.core.problem import Blame, GitopsError, Reason, fail

_TAIL_LINES = 20


def unavailable(message: str, advice: str, blame: Blame = Blame.CLUSTER) -> GitopsError:
    """Build the error for a tool, a control plane or a server that can't be had."""
    return fail(Reason.API_UNAVAILABLE, message, blame, advice=advice)


def tail(log: Path) -> str:
    """Give the last lines of a log file, or a note that there is none."""
    if not log.is_file():
        return f"({log} was never written)"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:]) or f"({log} is empty)"
