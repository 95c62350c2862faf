"""Changes as lines of a unified diff, shared by text and Markdown; YAML of whole objects."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitops.cli.diff_values import Entry, Field
from gitops.core.diff import ABSENT
from gitops.core.mask import HIDDEN
from gitops.core.plan import Verb
from gitops.core.version_noise import is_noise

_SHORT = 100  # characters of a structure that still reads well on one line
_CONTEXT = 3


def ordered(fields: tuple[Field, ...]) -> list[Field]:
    """The changes that matter before those of version labels."""
    return sorted(fields, key=lambda field: is_noise(field.change))


def change_lines(field: Field) -> Iterator[tuple[str, str]]:
    """(mark, line) of one change: `+`, `-`, `~` for a field, a blank for context; no indentation."""
    change = field.change
    path, before, after = change.pointer, change.before, change.after
    suffix = f"  (by {field.by}{', ' + field.at if field.at else ''})" if field.by else ""
    if _is_hidden(before) and _is_hidden(after):
        yield "~", f"~ {path}: {HIDDEN} (changed){suffix}"
    elif _is_text(before) and _is_text(after):
        yield "~", f"~ {path}:{suffix}"
        yield from _text_lines(before, after)
    elif before is ABSENT or after is ABSENT:
        mark, value = ("+", after) if before is ABSENT else ("-", before)
        yield from _whole(mark, path, value, suffix)
    elif max(len(_value(before)), len(_value(after))) > _SHORT and _is_structure(before, after):
        yield "~", f"~ {path}:{suffix}"
        yield from _text_lines(as_yaml(before), as_yaml(after))
    else:
        yield "~", f"~ {path}: {_value(before)} → {_value(after)}{suffix}"


def _whole(mark: str, path: str, value: Any, suffix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and "\n" in value:
        yield mark, f"{mark} {path}:{suffix}"
        yield from ((mark, f"{mark}   {line}") for line in value.splitlines())
    elif isinstance(value, Mapping | list) and len(_value(value)) > _SHORT:
        yield mark, f"{mark} {path}:{suffix}"
        yield from ((mark, f"{mark}   {line}") for line in as_yaml(value).splitlines())
    else:
        yield mark, f"{mark} {path}: {_value(value)}{suffix}"


def _text_lines(before: str, after: str) -> Iterator[tuple[str, str]]:
    """A unified diff without its file names; a last line that ends differently is said so."""
    left, right = before.splitlines(), after.splitlines()
    for line in list(difflib.unified_diff(left, right, lineterm="", n=_CONTEXT))[2:]:
        mark = line[:1] if line[:1] in "+-" else " "
        yield mark, f"    {line}"
    if left == right:
        yield " ", "    only the end of lines or of the text changes"


def as_yaml(value: Any) -> str:
    """YAML as people write it: long texts in blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    plain = dict(value) if isinstance(value, Mapping) else value
    return str(yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000))


def notes_of(entry: Entry) -> Iterator[str]:
    """What is to be said of an object besides its fields."""
    if entry.renamed and entry.verb is not Verb.DELETE:
        yield f"renamed from {entry.renamed}: in truth this is created and that deleted"
    elif entry.renamed:
        yield f"renamed to {entry.renamed}: in truth that is created and this deleted"
    if entry.restart is not None:
        yield restart_in_words(entry.restart)
    for impact in entry.impacts:
        yield impact.message


def restart_in_words(because: tuple[Any, ...]) -> str:
    """Why the Pods of a workload restart although its own fields may stay."""
    if not because:
        return "restarts, because the checksum of its configuration comes, goes or is behind"
    if len(because) == 1:
        return f"restarts, because {because[0]} changes"
    return f"restarts, because {', '.join(map(str, because[:-1]))} and {because[-1]} change"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _is_structure(before: Any, after: Any) -> bool:
    return isinstance(before, Mapping | list) and isinstance(after, Mapping | list)


def _is_hidden(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(HIDDEN)
