"""Reads YAML as kubectl does, in one pass over libyaml's events, with bounds against bombs.

PyYAML's own constructors differ (sexagesimal numbers, timestamps, duplicate keys, anchors that
may not be defined twice) and are slower than this.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from yaml import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    MarkedYAMLError,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml._yaml import CParser
from yaml.reader import ReaderError

from gitops.core.model import Json
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.render.limits import Budget, exceeded, too_many_nodes
from gitops.render.scalars import NUMERIC_START, WORDS, key_text, number, tagged

Event: TypeAlias = Any  # of PyYAML, which says None may be where libyaml never has it


class _Merge:
    """The key `<<`, until its mapping is complete."""


_MERGE = _Merge()
_WEIGHT = 6  # a scalar weighs one node per 2**6 bytes, so that a long string is no cheap bomb


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document; `line` is where its content starts, counted from 1."""

    line: int
    value: Json = field(repr=False)  # aliased parts are shared: never change it in place


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not been read yet."""

    items: list[object]
    start: Event
    weight: int  # nodes counted before it began


def read_yaml(data: bytes, path: str, budget: Budget) -> Iterator[Document]:
    """Yield the documents of a file, empty ones as None.

    Raises INVALID_MANIFEST with `path:line:column`, or RENDER_LIMIT_EXCEEDED.
    """
    reader = _Reader(data, path, budget)
    try:
        yield from reader.documents()
    except ReaderError as error:
        line = data[: error.position].count(b"\n") + 1
        raise _invalid(f"not UTF-8 text: {error.reason}", f"{path}:{line}") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise _invalid(f"not valid YAML: {what}", place) from error


def _invalid(message: str, where: str, advice: str = "") -> GitopsError:
    return fail(Reason.INVALID_MANIFEST, message, Blame.REPOSITORY, where=where, advice=advice)


class _Reader:
    """Builds values from events; one object per file."""

    __slots__ = ("_anchors", "_budget", "_data", "_path", "_weight")

    def __init__(self, data: bytes, path: str, budget: Budget) -> None:
        self._data = data
        self._path = path
        self._budget = budget
        self._anchors: dict[str, tuple[object, int, bool]] = {}  # value, weight, is a mapping
        self._weight = 0

    def documents(self) -> Iterator[Document]:
        parser: Any = CParser(self._data)
        get_event = parser.get_event
        while True:
            event = get_event()
            if event.__class__ is DocumentStartEvent:
                self._anchors.clear()
                self._weight = 0
                line = parser.peek_event().start_mark.line + 1
                value = self._root(get_event)
                self._budget.take_document(f"{self._path}:{line}", self._weight)
                yield Document(line, value)
            elif event.__class__ is StreamEndEvent:
                return
            elif event.__class__ not in (StreamStartEvent, DocumentEndEvent):
                raise AssertionError(f"unexpected {event!r} between documents")

    def _root(self, get_event: Callable[[], Event]) -> Json:
        """Read one value with all that is in it. The loop is the renderer's hottest: keep it flat."""
        stack: list[_Open] = []
        items: list[object] = []  # of the innermost open container; keys and values alternate
        in_mapping = False
        weight = 0
        words = WORDS
        while True:
            event = get_event()
            kind = event.__class__
            if kind is ScalarEvent:
                value = event.value
                weight += 1 + (len(value) >> _WEIGHT)
                if event.implicit[0]:
                    if value == "<<" and in_mapping and not len(items) & 1:
                        value = _MERGE
                    else:
                        value = words.get(value, value)
                        if value.__class__ is str and value[0] in NUMERIC_START:
                            value = number(value)
                elif event.tag is not None:
                    value = self._tagged(event)
                if event.anchor is not None:
                    self._anchors[event.anchor] = (value, 1 + (len(event.value) >> _WEIGHT), False)
                if value.__class__ is not str:
                    value = self._checked(value, event, key=in_mapping and not len(items) & 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                stack.append(_Open(items, event, weight))
                self._check_start(event, stack, key=in_mapping and not len(items) & 1)
                items = []
                in_mapping = kind is MappingStartEvent
                continue
            elif kind is AliasEvent:
                value, size = self._aliased(event, key=in_mapping and not len(items) & 1, items=items)
                weight += size
            else:
                opened = stack.pop()
                value = self._mapping(items, opened.start) if in_mapping else items
                weight += 1
                if weight > self._budget.nodes:
                    raise too_many_nodes(self._place(opened.start))
                if opened.start.anchor is not None:
                    self._anchors[opened.start.anchor] = (value, weight - opened.weight, in_mapping)
                items = opened.items
                in_mapping = bool(stack) and stack[-1].start.__class__ is MappingStartEvent
            if not stack:
                self._weight = weight
                return cast("Json", value)
            items.append(value)

    def _place(self, event: Event) -> str:
        return f"{self._path}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"

    def _check_start(self, event: Event, stack: list[_Open], *, key: bool) -> None:
        if len(stack) > self._budget.limits.yaml_depth:
            limit = self._budget.limits.yaml_depth
            raise exceeded(f"nested more than {limit} levels deep", self._place(event), "nest less deeply")
        if key:
            raise _invalid("a key can't be a list or a mapping", self._place(event))

    def _tagged(self, event: Event) -> object:
        if event.tag == "tag:yaml.org,2002:merge":
            return _MERGE if event.value == "<<" else event.value
        try:
            return tagged(event.tag, event.value)
        except ValueError as error:
            raise _invalid(str(error), self._place(event)) from error

    def _checked(self, value: object, event: Event, *, key: bool) -> object:
        """A scalar that is no string, at its place: as a key it becomes text."""
        if value is _MERGE:
            return value if key else "<<"
        if key:
            try:
                return key_text(
                    cast("Json", value), event.value if event.__class__ is ScalarEvent else str(value)
                )
            except ValueError as error:
                raise _invalid(str(error), self._place(event), "quote it") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise _invalid(f"`{event.value}` has no meaning in JSON", self._place(event), "quote it")
        return value

    def _aliased(self, event: Event, *, key: bool, items: list[object]) -> tuple[object, int]:
        try:
            value, size, is_mapping = self._anchors[event.anchor]
        except KeyError:
            message = f"*{event.anchor} refers to no anchor before it"
            raise _invalid(message, self._place(event)) from None
        if key and isinstance(value, dict | list):
            raise _invalid("a key can't be a list or a mapping", self._place(event))
        if not key and items and items[-1] is _MERGE and not is_mapping:
            raise _invalid("<< takes a mapping or a list of mappings", self._place(event))
        return (value if isinstance(value, str | dict | list) else self._checked(value, event, key=key)), size

    def _mapping(self, items: list[object], start: Event) -> dict[str, Json]:
        keys = cast("list[str]", items[::2])
        values = cast("list[Json]", items[1::2])
        made = dict(zip(keys, values, strict=True))
        if len(made) == len(keys) and _MERGE not in cast("dict[object, Json]", made):
            return made
        merged: dict[str, Json] = {}
        seen: set[str] = set()
        for key, value in zip(keys, values, strict=True):
            if cast("object", key) is _MERGE:
                for source in self._merge_sources(value, start):
                    merged.update(source)
            elif key in seen:
                lines = self._lines_of_key(start, key)
                first = f", first in line {lines[0]}" if lines else ""
                place = f"{self._path}:{lines[1] if len(lines) > 1 else start.start_mark.line + 1}"
                raise _invalid(f"key {key!r} is given twice{first}", place, "remove one of them")
            else:
                seen.add(key)
                # In go-yaml v2 a later `<<` wins over an earlier key, a later key over `<<`.
                merged[key] = value
        return merged

    def _merge_sources(self, value: Json, start: Event) -> list[dict[str, Json]]:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise _invalid("<< takes a mapping or a list of mappings", self._place(start))
        return cast("list[dict[str, Json]]", sources[::-1])  # earlier ones win

    def _lines_of_key(self, start: Event, key: str) -> list[int]:
        """The lines of `key` in the mapping that begins at `start`: a second reading, for errors only."""
        parser: Any = CParser(self._data)
        begin, mapping = start.start_mark.index, start.__class__
        event: Event = parser.get_event()
        while event.__class__ is not mapping or event.start_mark.index != begin:
            event = parser.get_event()
        lines: list[int] = []
        depth = position = 0
        while True:
            event = parser.get_event()
            kind = event.__class__
            if kind is MappingStartEvent or kind is SequenceStartEvent:
                depth += 1
            elif kind is ScalarEvent or kind is AliasEvent:
                if depth == 0 and position % 2 == 0 and self._is_key(event, key):
                    lines.append(event.start_mark.line + 1)
            elif depth == 0:
                return lines
            else:
                depth -= 1
            position += depth == 0

    def _is_key(self, event: Event, key: str) -> bool:
        if event.__class__ is AliasEvent:
            return event.anchor in self._anchors and self._anchors[event.anchor][0] == key
        if event.value == key:
            return True
        value = number(event.value) if event.value[:1] in NUMERIC_START else WORDS.get(event.value)
        known = event.implicit[0] and isinstance(value, bool | int | float)
        return bool(known and key_text(value, event.value) == key)
