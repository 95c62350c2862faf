"""The built-in definitions: one data file for each API group, read when the group is first met."""

from functools import cache
from importlib import resources
from typing import Any

import yaml

from gitops.core.health.definition import Definition, read_kinds
from gitops.core.health.rules import Judge
from gitops.core.model import GroupKind

_ANY_KIND = "*"
_SUFFIX = ".yaml"


@cache
def judge_of(kind: GroupKind) -> Judge | None:
    """The compiled rules of a kind; None: there are none."""
    for name in file_names(kind.group):
        found = definitions(name)
        definition = found.get(kind.kind) or found.get(_ANY_KIND)
        if definition:
            return Judge(definition)
    return None


def file_names(group: str) -> list[str]:
    """The files that may speak of a group, the most exact first; `_.example.com` is for a.example.com."""
    if not group:
        return ["core"]
    labels = group.split(".")
    wider = ["_." + ".".join(labels[index:]) for index in range(1, len(labels) - 1)]
    return [name for name in (group, *wider) if name in names()]


@cache
def names() -> frozenset[str]:
    """The names of all data files, without their suffix."""
    return frozenset(
        one.name.removesuffix(_SUFFIX) for one in _folder().iterdir() if one.name.endswith(_SUFFIX)
    )


@cache
def definitions(name: str) -> dict[str, Definition]:
    """The definitions of one data file by kind; raises InvalidRulesError."""
    if name not in names():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    return read_kinds(yaml.load(text, Loader=loader), f"{name}{_SUFFIX}")  # noqa: S506


def _folder() -> Any:
    return resources.files("gitops.core.health") / "data"
