"""Values of Secrets that went into one Application's render, taken out of what is said about it.

Its own, and not the process' redactor: that one remembers a limited number of credentials, and the
values of one tenant would mask ordinary words in the messages of all others.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from gitops.core.problem import Problem
from gitops.observe.redaction import Redactor


@lru_cache(maxsize=16)
def redactor_of(hidden: tuple[str, ...]) -> Redactor:
    """A redactor that knows just these values."""
    redactor = Redactor(keep=max(len(hidden), 1))
    for value in hidden:
        redactor.remember(value)
    return redactor


def without(hidden: tuple[str, ...], problems: Iterable[Problem]) -> list[Problem]:
    """The problems, their words without these values."""
    if not hidden:
        return list(problems)
    hide = redactor_of(hidden).text
    return [replace(one, message=hide(one.message), advice=hide(one.advice)) for one in problems]
