"""Every built-in data file can be used: its keys, its states, its expressions."""

from importlib import resources

import pytest
import yaml

from gitops.core.health import catalog
from gitops.core.health.definition import Definition, InvalidRulesError, check, read_kinds
from gitops.core.health.rules import Judge
from gitops.core.reading import text

NAMES = sorted(catalog.names())


def test_there_are_data_files() -> None:
    assert "core" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_data_file_can_be_used(name: str) -> None:
    for kind, definition in catalog.definitions(name).items():
        check(definition, f"{name}.yaml: {kind}")
        Judge(definition).assess({})


@pytest.mark.parametrize("name", NAMES)
def test_a_data_file_names_its_source(name: str) -> None:
    file = resources.files("gitops.core.health") / "data" / f"{name}.yaml"
    assert "ource" in file.read_text().partition("\n")[0], "the first line says where the facts are from"


@pytest.mark.parametrize("name", NAMES)
def test_every_definition_decides_something(name: str) -> None:
    assert all(
        one.rules or one.table or one.otherwise or not one.compares_generation
        for one in catalog.definitions(name).values()
    )


WRONG = [
    ("Widget: 1", "x.yaml: Widget: must be a mapping"),
    ("Widget: {rulez: []}", "x.yaml: Widget: unknown key rulez"),
    ("Widget: {rules: [{when: 'true', state: Fine}]}", "Widget.rules[0]: 'Fine' is not one of the states"),
    ("Widget: {rules: [{state: Healthy}]}", "Widget.rules[0]: has no when"),
    ("Widget: {states: {at: status.phase, Healthy: [on]}}", "put it into quotes"),
    ("Widget: {states: {at: 'status phase', Healthy: [a]}}", "must be a path like status.phase"),
    ("Widget: {states: {at: status.phase, Healthy: [a], Degraded: [A]}}", "A is Healthy already"),
    ("Widget: {otherwise: Whatever}", "'Whatever' is not one of the states"),
    (
        "Widget: {rules: [{when: 'status.a ==', state: Healthy}]}",
        "x.yaml: Widget: 'status.a ==' is not valid CEL",
    ),
    ("Widget: {rules: [{when: 'stat.a == 1', state: Healthy}]}", "names stat, which isn't one of"),
    ("Widget: {rules: [{when: 'status.a.split(1)', state: Healthy}]}", "calls split()"),
    ("- 1", "x.yaml: must be a mapping from kinds"),
]


def use(source: str) -> None:
    for kind, definition in read_kinds(yaml.safe_load(source), "x.yaml").items():
        check(definition, f"x.yaml: {kind}")


@pytest.mark.parametrize(("source", "says"), WRONG)
def test_a_mistake_names_its_file_kind_and_place(source: str, says: str) -> None:
    with pytest.raises(InvalidRulesError) as caught:
        use(source)
    assert says in str(caught.value)
    assert text(str(caught.value)) == str(caught.value), "one line"


def test_a_group_finds_its_file_and_those_of_its_parents() -> None:
    assert catalog.file_names("") == ["core"]
    assert catalog.file_names("policy") == ["policy"]
    assert catalog.file_names("../policy") == []


def test_an_empty_definition_is_the_conventions() -> None:
    assert Definition().otherwise is None
