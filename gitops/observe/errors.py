"""Errors that nobody expected, in words that hold no credentials."""

import re
import traceback

from gitops.observe.logs import redactor

_LONGEST = 300  # characters: what is longer is data, not a message
# Pydantic quotes what it was given, a Secret's data too.
_QUOTED_INPUT = re.compile(r"input_value=.*?(?=, input_type=|\]$|$)", re.MULTILINE)


def in_words(error: BaseException) -> str:
    """One line: the type, and the first line of what it says, without what is secret."""
    lines = _clean(str(error)).strip().splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def trace(error: BaseException) -> str:
    """The traceback, without what is secret."""
    return _clean("".join(traceback.format_exception(error)))


def _clean(text: str) -> str:
    return redactor.text(_QUOTED_INPUT.sub("input_value=***", text))
