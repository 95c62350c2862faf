"""The CRD and its page: checked in as generated, structural, and documented field by field."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.api import crd, group, reference

ROOT = Path(__file__).parents[3]


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields(child, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from fields(schema["items"], f"{path}[]")


def all_fields() -> list[tuple[str, dict[str, Any]]]:
    (version,) = crd.crd()["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    return [found for name in ("spec", "status") for found in fields(properties[name], name)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("manifests/crds/applications.gitops.dev.yaml", crd.text()),
        ("docs/reference/application.md", reference.text()),
    ],
)
def test_the_checked_in_file_is_the_generated_one(path: str, text: str) -> None:
    assert (ROOT / path).read_text() == text, "generate it anew, as its first line says"


def test_every_field_is_described_in_a_sentence() -> None:
    undescribed = [
        path
        for path, schema in all_fields()
        if not path.endswith("[]") and not schema.get("description", "").endswith(".")
    ]
    assert undescribed == []


def test_every_default_is_said_in_the_description_because_explain_shows_no_defaults() -> None:
    silent = [
        path
        for path, schema in all_fields()
        if schema.get("default") not in (None, {}) and "Default: " not in schema["description"]
    ]
    assert silent == []


def test_every_text_and_list_is_bounded_so_that_the_cost_of_rules_is() -> None:
    unbounded = [
        path
        for path, schema in all_fields()
        if (schema.get("type") == "array" and "maxItems" not in schema)
        or (schema.get("type") == "string" and not {"maxLength", "enum", "format"} & schema.keys())
    ]
    assert unbounded == []


def test_a_manager_name_of_the_longest_application_fits_into_128_characters() -> None:
    assert len(f"{group.GROUP}/{'n' * 63}/{'a' * group.NAME_LIMIT}") == 128


def test_every_rule_has_a_message() -> None:
    for path, schema in all_fields():
        for rule in schema.get("x-kubernetes-validations", ()):
            assert len(rule["message"]) > 20, path
