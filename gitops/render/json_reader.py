"""Reads JSON manifests: one value or several in a row, duplicate keys refused with their line."""

import json
from collections.abc import Iterator
from typing import NoReturn

from gitops.core.model import Json
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.render.limits import Budget, exceeded
from gitops.render.scalars import integral
from gitops.render.yaml_reader import Document, read_yaml

_SPACE = " \t\r\n"
_INT64 = 1 << 63
_LONGEST_INTEGER = 400  # digits; a double ends at 10**308


def read_json(data: bytes, path: str, budget: Budget) -> Iterator[Document]:
    """Yield the values of a file; INVALID_MANIFEST with `path:line:column` when it is not JSON."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _invalid("not UTF-8 text", f"{path}:{line}") from error
    position = _skip(text, 0)
    while position < len(text):
        counter = _Counter()
        line = text.count("\n", 0, position) + 1
        try:
            value, end = counter.decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise _invalid(f"not valid JSON: {error.msg}", f"{path}:{error.lineno}:{error.colno}") from error
        except _BadValueError as error:
            raise _located(data, path, budget, line, error) from error
        except RecursionError as error:
            raise exceeded("nested too deeply", f"{path}:{line}", "nest less deeply") from error
        budget.take_document(f"{path}:{line}", counter.nodes)
        yield Document(line, value)
        position = _skip(text, end)


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


class _BadValueError(ValueError):
    """Something that is JSON's grammar but no manifest's."""


class _Counter:
    """One value's decoder, which counts what it makes."""

    def __init__(self) -> None:
        self.nodes = 1
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_int=_integer, parse_float=_float, parse_constant=_constant
        )

    def _object(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        self.nodes += 1 + len(pairs)
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise _BadValueError(f"key {twice!r} is given twice")
        return made


def _integer(text: str) -> int | float:
    value = int(text) if len(text) < _LONGEST_INTEGER else _float(text)
    return value if -_INT64 <= value < _INT64 else float(value)


def _float(text: str) -> int | float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _BadValueError(f"number {text[:40]} is too large")
    return integral(value)


def _constant(text: str) -> NoReturn:
    raise _BadValueError(f"{text} has no meaning in JSON")


def _located(data: bytes, path: str, budget: Budget, line: int, error: _BadValueError) -> GitopsError:
    """Python's decoder doesn't say where; JSON is YAML but for corner cases, and that reader does."""
    try:
        for _ in read_yaml(data, path, Budget(budget.limits)):
            pass
    except GitopsError as located:
        if located.problem.message.startswith("key "):
            return located
    return _invalid(str(error), f"{path}:{line}")


def _invalid(message: str, where: str) -> GitopsError:
    return fail(Reason.INVALID_MANIFEST, message, Blame.REPOSITORY, where=where)
