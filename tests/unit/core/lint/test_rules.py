"""Each rule finds the trap of its documentation, leaves the good example alone, and can be suppressed."""

import re

import pytest
import yaml

from gitops.cli import lint_reference
from gitops.core.lint.linting import BAD_IGNORE, RULES
from gitops.core.lint.model import Rule
from tests.unit.core.lint.reading import found, manifests, report
from tests.unit.docs.pages import ROOT

EACH = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)


@EACH
def test_the_bad_example_is_found_and_says_where(rule: Rule) -> None:
    bad, _ = lint_reference.examples(rule)
    findings = found(bad, rule.id)
    assert findings
    for one in findings:
        assert one.severity is rule.severity
        assert one.path
        assert re.fullmatch(r"deploy/web\.yaml:\d+", one.origin)
        assert one.message[-1] not in ".;,"


@EACH
def test_the_good_example_is_not_found(rule: Rule) -> None:
    assert not found(lint_reference.examples(rule)[1], rule.id)


@EACH
def test_the_good_example_has_no_other_error(rule: Rule) -> None:
    findings = report(lint_reference.examples(rule)[1]).findings
    assert not [one for one in findings if one.severity == "error"]


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule is not BAD_IGNORE], ids=lambda rule: rule.id
)
def test_a_finding_with_a_reason_to_ignore_it_is_only_counted(rule: Rule) -> None:
    bad, _ = lint_reference.examples(rule)
    expected = found(bad, rule.id)
    documents = list(yaml.safe_load_all(bad))
    for one in documents:
        one["metadata"].setdefault("annotations", {})["gitops.dev/lint-ignore"] = f"{rule.id}: it is known"
    ignored = report(yaml.safe_dump_all(documents))
    assert rule.id not in {one.rule for one in ignored.findings}
    assert ignored.ignored == len(expected)


@EACH
def test_a_rule_is_explained_in_whole_sentences(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    for text in (rule.what, rule.why):
        assert text.endswith((".", ".)"))
        assert "|" not in text
    assert not rule.fix.endswith(".")


def test_every_example_belongs_to_a_rule() -> None:
    assert {path.stem for path in lint_reference.EXAMPLES.glob("*.yaml")} == set(RULES)


def test_the_page_about_rules_is_the_generated_one() -> None:
    page = (ROOT / "docs/reference/lint.md").read_text(encoding="utf-8")
    assert page == lint_reference.text(), "generate it anew"


def test_what_we_install_has_no_finding_at_all() -> None:
    text = (ROOT / "manifests/install.yaml").read_text(encoding="utf-8")
    assert len(manifests(text)) > 8
    assert report(text).findings == ()
