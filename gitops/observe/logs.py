"""Logging: one line per event, with its context, without credentials; JSON or text for people.

What libraries log through `logging` (aiohttp, asyncio, GitPython) takes the same way.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, TextIO, cast

from gitops.observe.redaction import Redactor


@contextmanager
def _pretending_absence_of(module: str) -> Iterator[None]:
    """structlog would import Rich: 0.3 s and 7 MB, for tracebacks that print local variables."""  # noqa: D403
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


with _pretending_absence_of("rich"):
    import structlog

Logger = structlog.typing.FilteringBoundLogger
Style = Literal["json", "text"]

LEVELS = ("debug", "info", "warning", "error")

redactor = Redactor()
"""What credentials are told to when they are read: `redactor.remember(token)`."""


def configure(level: str = "info", style: Style | None = None, stream: TextIO | None = None) -> None:
    """Set the process' logging up, once at its start; a second call replaces the first.

    Args:
        level: one of `LEVELS`.
        style: JSON or text; default: text if `stream` is a terminal.
        stream: default: standard error.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    target = stream or sys.stderr
    is_terminal = target.isatty()
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _OurHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact,
                _renderer(style or ("text" if is_terminal else "json"), colours=is_terminal),
            ],
        )
    )
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _OurHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    # GitPython logs whole command lines, asyncio its selector: of use to them alone.
    for noisy in ("git", "asyncio", "kubernetes"):
        logging.getLogger(noisy).setLevel(max(number, logging.INFO))


def get(name: str) -> Logger:
    """A logger: `log = logs.get(__name__)`, then `log.info("applied", objects=3)`.

    Before `configure` warnings and errors go to standard error, never to a command's output.
    """
    if not structlog.is_configured():
        configure(level="warning")
    return cast("Logger", structlog.get_logger(name))


def context(
    *, application: str | None = None, revision: str | None = None, reconcile_id: str | None = None
) -> AbstractContextManager[None]:
    """Within it each line, also of libraries, carries these; per task and thread."""
    given = {"application": application, "revision": revision, "reconcile_id": reconcile_id}
    return structlog.contextvars.bound_contextvars(**{key: value for key, value in given.items() if value})


class _OurHandler(logging.StreamHandler[TextIO]):
    """Told apart from handlers of others (a test runner's, say), which stay."""


def _redact(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    cleaned: dict[str, Any] = redactor.value(event)
    return cleaned


def _renderer(style: Style, *, colours: bool) -> structlog.typing.Processor:
    if style == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
