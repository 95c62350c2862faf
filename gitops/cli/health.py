"""`gitops health`: the health of objects in a file, as the controller would judge them."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from gitops.cli.options import Exit, Output
from gitops.core.health import Health, assess
from gitops.core.health.assess import kind_of
from gitops.core.health.custom import CustomJudge, read_custom
from gitops.core.health.definition import InvalidRulesError
from gitops.core.model import GroupKind
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.render.json_reader import read_json
from gitops.render.limits import Budget, Limits
from gitops.render.yaml_reader import read_yaml

# What is read is the user's own, and may be a whole cluster.
_LIMITS = Limits(objects=10_000_000, yaml_nodes=1_000_000_000)


@dataclass(frozen=True, slots=True)
class Row:
    """One object's health, by the names of `-o json`."""

    group: str
    kind: str
    namespace: str
    name: str
    status: str
    message: str


def run(file: str, *, rules: Path | None, output: Output) -> int:
    """Print the health of each object. Raises GitopsError: the first thing that can't be read."""
    own = _own_rules(rules) if rules else {}
    rows = [_row(obj, _judge(obj, own)) for obj in _objects(*_read(file))]
    if output is Output.JSON:
        print(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
    elif output is Output.YAML:
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        listed = [asdict(row) for row in rows]
        print(yaml.dump(listed, Dumper=dumper, sort_keys=False, allow_unicode=True), end="")
    else:
        _print(rows)
    return Exit.DONE


def _read(file: str) -> tuple[bytes, str]:
    if file == "-":
        return sys.stdin.buffer.read(), "standard input"
    try:
        return Path(file).read_bytes(), file
    except OSError as error:
        message = f"can't be read: {error.strerror}"
        advice = "name a file, or - for standard input"
        raise fail(Reason.PATH_NOT_FOUND, message, Blame.SPEC, where=file, advice=advice) from None


def _objects(data: bytes, where: str) -> Iterator[Mapping[str, Any]]:
    """All objects of all documents; lists taken apart."""
    reader = read_json if data.lstrip()[:1] in (b"{", b"[") else read_yaml
    for document in reader(data, where, Budget(_LIMITS)):
        if document.value is not None:
            yield from _expanded(document.value, f"{where}:{document.line}", {})


def _expanded(value: Any, place: str, type_of_items: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _expanded(one, place, type_of_items)
        return
    if not isinstance(value, Mapping):
        raise _no_object(place, "a document that is not a mapping is no object")
    obj = {**type_of_items, **value}
    kind, version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or not kind or not version:
        raise _no_object(place, "a document without apiVersion and kind is no object")
    listed = obj.get("items")
    if not (kind.endswith("List") and isinstance(listed, list)):
        yield obj
        return
    # Items of a typed list don't repeat their type.
    inner = {} if kind == "List" else {"apiVersion": version, "kind": kind.removesuffix("List")}
    for one in listed:
        yield from _expanded(one, place, inner)


def _no_object(place: str, message: str) -> GitopsError:
    advice = "give objects as `kubectl get -o yaml` prints them"
    return fail(Reason.INVALID_MANIFEST, message, Blame.REPOSITORY, where=place, advice=advice)


def _own_rules(path: Path) -> dict[GroupKind, CustomJudge]:
    data, where = _read(str(path))
    judges: dict[GroupKind, CustomJudge] = {}
    for document in read_yaml(data, where, Budget(_LIMITS)):
        rules, faults = read_custom(document.value, where)
        if faults:
            raise _refused(faults[0])
        try:
            judges |= {kind: CustomJudge(rule) for kind, rule in rules.items()}
        except InvalidRulesError as error:
            raise _refused(str(error)) from None
    return judges


def _refused(message: str) -> GitopsError:
    advice = "docs/how-to/health.md describes the format"
    return fail(Reason.INVALID_HEALTH_RULES, message, Blame.SPEC, advice=advice)


def _judge(obj: Mapping[str, Any], own: Mapping[GroupKind, CustomJudge]) -> Health:
    judge: Callable[[Mapping[str, Any]], Health] = assess
    if own and (found := own.get(kind_of(obj))):
        judge = found.assess
    return judge(obj)


def _row(obj: Mapping[str, Any], health: Health) -> Row:
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    kind = kind_of(obj)
    name = metadata.get("name") or metadata.get("generateName") or ""
    namespace = metadata.get("namespace") or ""
    return Row(kind.group, kind.kind, str(namespace), str(name), health.state.value, health.message)


def _print(rows: list[Row]) -> None:
    cells = [
        (row.kind, f"{row.namespace}/{row.name}" if row.namespace else row.name or "-", row.status)
        for row in rows
    ]
    widths = [max((len(cell[column]) for cell in cells), default=0) for column in range(3)]
    for cell, row in zip(cells, rows, strict=True):
        line = "  ".join(text.ljust(width) for text, width in zip(cell, widths, strict=True))
        print(f"{line}  {row.message}".rstrip())
