"""The chart's files: the definitions, the version, and a dashboard that asks for what there is."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import gitops
from gitops.observe.metrics import Metrics

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "gitops"
DEFINITIONS = sorted(path.name for path in (ROOT / "manifests" / "crds").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))

_KNOWN = {one.name: one for one in Metrics().describe()}
_FROM_PYTHON = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
_FROM_PROMETHEUS = {"le", "instance"}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_charts_definition_is_the_generated_one(name: str) -> None:
    copy = CHART / "files" / "crds" / name
    assert copy.read_text() == (ROOT / "manifests" / "crds" / name).read_text(), (
        "run `python manifests/build.py`"
    )


def test_the_chart_has_no_definition_of_its_own() -> None:
    assert sorted(path.name for path in (CHART / "files" / "crds").iterdir()) == DEFINITIONS
    assert DEFINITIONS


def test_the_chart_has_the_version_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == gitops.__version__


def dashboard(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def queries(path: Path) -> list[str]:
    return [target["expr"] for panel in dashboard(path)["panels"] for target in panel.get("targets", ())]


def metrics_of(query: str) -> set[str]:
    """The metrics that a query names, histograms without the ending of a series."""
    found = set(re.findall(r"\b(?:gitops|process)_\w+", query))
    return {re.sub(r"_(?:bucket|sum|count)$", "", one) if one not in _KNOWN else one for one in found}


def labels_of(query: str) -> set[str]:
    """The labels that a query selects or groups by."""
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query)
    return {*selected, *(name.strip() for group in grouped for name in group.split(","))}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_metric_of_a_dashboard_exists_with_its_labels(path: Path) -> None:
    for query in queries(path):
        named = metrics_of(query)
        assert named, query
        assert named <= _KNOWN.keys() | _FROM_PYTHON, query
        labels = {label for name in named - _FROM_PYTHON for label in _KNOWN[name].labels}
        assert labels_of(query) <= labels | _FROM_PROMETHEUS, query


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_histogram_is_asked_by_its_buckets_and_nothing_else_is(path: Path) -> None:
    for query in queries(path):
        for name in metrics_of(query) & _KNOWN.keys():
            assert (f"{name}_bucket[" in query) == (_KNOWN[name].type == "histogram"), query


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_counter_is_never_shown_bare(path: Path) -> None:
    for query in queries(path):
        for name in metrics_of(query) & _KNOWN.keys():
            if _KNOWN[name].type == "counter":
                assert re.search(rf"(?:rate|increase)\({name}\b", query), query


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_the_panels_of_a_dashboard_are_explained_and_lie_beside_each_other(path: Path) -> None:
    panels = dashboard(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] == "row" or panel["description"].endswith("."), panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in itertools.combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_the_data_source_that_the_reader_chose(path: Path) -> None:
    loaded = dashboard(path)
    for panel in loaded["panels"]:
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
    assert {one["name"] for one in loaded["templating"]["list"]} == {"datasource", "namespace"}


def test_there_is_a_dashboard() -> None:
    assert [path.name for path in DASHBOARDS] == ["fleet.json"]
