"""What an expression reads is copied for it, and nothing that it reads is left out."""

import re
from pathlib import Path

import pytest

from gitops.core.health import catalog
from gitops.core.health.expressions import compile_expression, context, paths_of, project, value_of
from gitops.core.health.reading import conditions
from tests.unit.core.health.test_samples import SAMPLES, cases

READS = [
    ('status.a == "spec.b"', {"status": {"a": None}}),
    (
        'status.phase in ["a", "b"] && has(spec.image.url)',
        {"status": {"phase": None}, "spec": {"image": {"url": None}}},
    ),
    ('conditions["Ready"].status == "True"', {"conditions": {"Ready": {"status": None}}}),
    (
        '"a" in metadata.annotations && spec.b == ["c"][0]',
        {"metadata": {"annotations": None}, "spec": {"b": None}},
    ),
    ("status.list[size(status.list) - 1].type == 'x'", {"status": {"list": None}}),
    (
        "status.parents.exists(p, p.ok) || object.kind == 'A'",
        {"status": {"parents": None}, "object": {"kind": None}},
    ),
    ("status.a == 1 && status == {}", {"status": None}),
]


@pytest.mark.parametrize(("source", "paths"), READS)
def test_an_expression_reads_these_paths(source: str, paths: object) -> None:
    assert paths_of([source]) == paths


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_rule_sees_in_the_copied_part_what_it_would_see_in_the_whole(path: Path) -> None:
    definitions = catalog.definitions(path.stem)
    for where, _, given in cases(path):
        definition = definitions.get(given["kind"]) or definitions.get("*")
        whole = {name: given.get(name) or {} for name in ("metadata", "spec", "status")}
        whole |= {"object": given, "conditions": conditions(given)}
        everything = context(whole)
        for source in set(definition.expressions if definition else ()):
            run = compile_expression(source)
            part = {name: project(whole[name], below) for name, below in paths_of([source]).items()}
            assert value_of(run, context(part)) == value_of(run, everything), f"{where}: {source}"


@pytest.mark.parametrize("name", sorted(catalog.names()))
def test_a_message_does_not_hang_on_the_order_of_a_map(name: str) -> None:
    # CEL walks a map in a random order: a first entry of `conditions` would be another one each time.
    for kind, definition in catalog.definitions(name).items():
        for source in definition.expressions:
            assert not re.search(r"(?<![\w.])conditions\s*\.\s*(filter|map)\(.*\[0\]", source, re.DOTALL), (
                f"{name}: {kind}: take it from status.conditions, which is a list: {source}"
            )
