"""Manifests from YAML, as the renderer reads them."""

from gitops.core.lint.linting import lint
from gitops.core.lint.model import Finding, Report
from gitops.core.model import Manifest
from gitops.render.limits import Budget, Limits
from gitops.render.manifests import Collector
from gitops.render.yaml_reader import read_yaml


def manifests(text: str, origin: str = "deploy/web.yaml") -> tuple[Manifest, ...]:
    """The objects of a YAML file."""
    budget = Budget(Limits())
    collector = Collector(budget)
    for document in read_yaml(text.encode(), origin, budget):
        if document.value is not None:
            collector.add(document.value, f"{origin}:{document.line}")
    return collector.finish().manifests


def report(text: str) -> Report:
    return lint(manifests(text))


def found(text: str, rule: str) -> list[Finding]:
    """The findings of one rule."""
    return [one for one in report(text).findings if one.rule == rule]
