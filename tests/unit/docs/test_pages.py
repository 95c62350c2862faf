"""What the documentation names exists: pages, headings, files, functions, annotations, options, metrics."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from gitops.api import group
from gitops.cli import reference
from gitops.cli.app import app
from gitops.core.problem import Reason
from gitops.observe.metrics import Metrics
from tests.unit.docs.pages import ROOT, Block, blocks, heading_anchors, pages, prose

# A link: [words](target), not inside a code span.
_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_PLACE = re.compile(r"`(?P<name>\w+)` in `(?P<path>(?:gitops|tests)/[\w/]+\.py)`")
_FILE = re.compile(r"`(?P<path>(?:gitops|tests|helm|manifests|docs)/[\w./-]+)`")
_ANNOTATION = re.compile(r"\bgitops\.dev/([a-z][a-z0-9-]*)(?![\w/<-])")
_METRIC = re.compile(r"\bgitops_[a-z_]+")
_COMMAND = re.compile(r"(?:^|[`$|;&(])\s*gitops (?P<command>[a-z]+)(?P<rest>[^`\n#|;&)]*)", re.MULTILINE)

PAGES = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))


def _written(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_page_about_the_command_is_the_generated_one() -> None:
    assert _written(ROOT / "docs/reference/cli.md") == reference.text(), "generate it anew"


@PAGES
def test_relative_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    broken = []
    for found in _LINK.finditer(prose(page)):
        target, _, anchor = found["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        place = (page.parent / target).resolve() if target else page
        if not place.exists() or (anchor and anchor not in heading_anchors(place)):
            broken.append(found["target"])
    assert not broken


@PAGES
def test_files_that_are_named_exist(page: Path) -> None:
    missing = [found["path"] for found in _FILE.finditer(prose(page)) if not (ROOT / found["path"]).exists()]
    assert not missing


@PAGES
def test_functions_stand_where_they_are_said_to_be(page: Path) -> None:
    wrong = [
        found[0]
        for found in _PLACE.finditer(prose(page))
        if not _defines(_written(ROOT / found["path"]), found["name"])
    ]
    assert not wrong


def _defines(source: str, name: str) -> bool:
    """Whether a module has a function, class, field or constant of this name."""
    pattern = rf"^\s*(?:(?:async )?(?:def|class) {name}\b|{name}\b[^=\n(]*=|{name}: )"
    return bool(re.search(pattern, source, re.MULTILINE))


@PAGES
def test_annotations_that_are_named_are_understood(page: Path) -> None:
    known = {name.removeprefix(f"{group.GROUP}/") for name in vars(group).values() if isinstance(name, str)}
    # The local control plane's Pods do what this one says; no Application looks at it.
    known.add("simulate")
    unknown = set(_ANNOTATION.findall(_written(page))) - known
    assert not unknown


@PAGES
def test_metrics_that_are_named_are_served(page: Path) -> None:
    known = {metric.name for metric in Metrics().describe()}
    known |= {f"{name}_{part}" for name in known for part in ("bucket", "sum", "count")}
    assert set(_METRIC.findall(_written(page))) <= known


def _options() -> dict[str, set[str]]:
    """The options of each command, and of `gitops help`, which is none."""
    known: dict[str, set[str]] = {"help": set()}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        known[name] = {"--help", "-h"}
        for parameter in command.params:
            known[name] |= {*parameter.opts, *getattr(parameter, "secondary_opts", ())}
    return known


@PAGES
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    known = _options()
    wrong = []
    for found in _COMMAND.finditer(_shown_commands(page)):
        command, words = found["command"], found["rest"].split()
        if command not in known:
            wrong.append(found[0])
            continue
        named = {word.partition("=")[0] for word in words if word.startswith("-") and word.strip("-")}
        wrong += [f"gitops {command} {option}" for option in sorted(named - known[command])]
    assert not wrong


def _shown_commands(page: Path) -> str:
    """Shell blocks and code spans: where a command is meant to be typed."""
    typed = [block.text for block in blocks(page) if block.language in ("bash", "sh")]
    spans = re.findall(r"`(gitops [^`]+)`", prose(page))
    return "\n".join([*typed, *spans])


def test_every_reason_that_troubleshooting_names_is_one() -> None:
    page = ROOT / "docs/how-to/troubleshoot.md"
    named = re.findall(r"^\| `(\w+)`", _written(page), re.MULTILINE)
    assert named
    assert set(named) <= set(Reason)


@PAGES
def test_marks_are_known_and_stand_on_blocks_that_they_fit(page: Path) -> None:
    wrong = [str(block) for block in blocks(page) if block.mark and not _fits(block)]
    assert not wrong


def _fits(block: Block) -> bool:
    if block.mark.startswith("file: "):
        return True
    return (block.mark, block.language) in {("test", "bash"), ("output", "text")}
