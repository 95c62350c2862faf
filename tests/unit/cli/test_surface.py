"""The whole command's surface: every command takes what all take, is described, has its place."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

import gitops.cli.commands  # noqa: F401
from gitops.cli.app import app
from gitops.cli.help import SUBJECTS, describe, sections

ROOT = Path(__file__).parents[3]
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]

# What each command is excused from, and why.
NO_OUTPUT_FORMAT = {
    "controller": "a process",
    "renderer": "a process",
    "demo": "a show",
    "completion": "prints a script",
    "uninstall": "asks, and tells what it does",
}
NO_COLOURS = NO_OUTPUT_FORMAT | dict.fromkeys(
    ("render", "health", "suspend", "resume", "refresh", "rollback"), "prints one plain line, or data"
)
NO_CLUSTER = {
    "renderer": "has no credentials",
    "demo": "brings its own",
    "completion": "prints a script",
    "render": "needs no cluster",
    "health": "reads a file",
    "lint": "reads a folder",
}
ALL = pytest.mark.parametrize("name", sorted(COMMANDS))


def options(name: str) -> set[str]:
    return {option for one in COMMANDS[name].params for option in one.opts}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process whose standard streams are no terminal."""
    return subprocess.run(
        [sys.executable, "-c", "from gitops.cli.entry import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@ALL
def test_every_command_has_one_place_in_the_help(name: str) -> None:
    assert len([subject for subject, names in SUBJECTS.items() if name in names]) == 1


@ALL
def test_every_command_prints_data_for_programs(name: str) -> None:
    assert ({"--output", "-o"} <= options(name)) == (name not in NO_OUTPUT_FORMAT)


@ALL
def test_every_command_with_colours_can_do_without(name: str) -> None:
    assert "--no-color" in options(name) or name in NO_COLOURS


@ALL
def test_every_command_for_a_cluster_says_which(name: str) -> None:
    asked = {"--kubeconfig", "--context", "--namespace"} <= options(name)
    assert asked or name in NO_CLUSTER


@ALL
def test_one_letter_means_the_same_everywhere(name: str) -> None:
    meanings = {"-o": "--output", "-n": "--namespace", "-y": "--yes"}
    for parameter in COMMANDS[name].params:
        for short in meanings.keys() & set(parameter.opts):
            assert meanings[short] in parameter.opts


@ALL
def test_every_command_is_described_with_an_example_that_calls_it(name: str) -> None:
    described = describe(COMMANDS[name].help)
    assert described.words
    assert described.examples
    for example in described.examples:
        assert re.search(rf"\bgitops {name}\b", example)


@ALL
def test_what_one_should_see_also_exists(name: str) -> None:
    named = [one.split() for one in describe(COMMANDS[name].help).see_also.split(",") if one]
    assert all(words[0] == "gitops" and words[1] in COMMANDS for words in named)


@ALL
def test_every_option_and_argument_is_explained(name: str) -> None:
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "hidden", False) or parameter.help, parameter.name


@ALL
def test_help_fits_into_80_columns(name: str) -> None:
    command = COMMANDS[name]
    context = typer.Context(command, info_name=f"gitops {name}")
    too_long = [line for line in command.get_help(context).splitlines() if len(line) > 80]
    assert not [line for line in too_long if not line.startswith("  gitops ")]
    assert list(sections(command, context))


def test_the_plugins_of_kubectl_are_entry_points() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["kubectl-gitops"] == scripts["gitops"]
    assert scripts["kubectl_complete-gitops"] == "gitops.cli.entry:complete_for_kubectl"


def test_a_docstring_is_taken_apart() -> None:
    found = describe(
        "Do it.\nWell.\n\nMore.\n\n\b\nExample: gitops a\nExample: gitops b\n\n"
        "\b\nExit code 4: The cluster refused.\n\nSee also: gitops c"
    )
    assert found.words == ("Do it. Well.", "More.")
    assert found.examples == ("gitops a", "gitops b")
    assert found.exit_codes == (("4", "The cluster refused."),)
    assert found.see_also == "gitops c"
    assert found.summary == "Do it"


def test_the_help_of_all_groups_the_commands_and_is_asked_for_in_three_ways() -> None:
    asked = [run(*words) for words in (("--help",), ("-h",), ("help",))]
    assert len({one.stdout for one in asked}) == 1
    out = asked[0].stdout
    places = [out.index(f"{subject}:") for subject in ("Deploying", "Looking", "Steering", "Setting up")]
    assert places == sorted(places)
    assert run("help", "diff").stdout == run("diff", "--help").stdout
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_mistyped_command_or_option_is_told_the_nearest() -> None:
    ran = run("stauts")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Did you mean 'status'?" in ran.stderr
    ran = run("status", "--contxt", "x")
    assert ran.returncode == 2
    assert "--context" in ran.stderr


def test_an_unknown_level_of_the_log_is_a_usage_error() -> None:
    for words in (("--log-level", "loud", "status"), ("controller", "--log-level", "loud")):
        ran = run(*words)
        assert ran.returncode == 2
        assert "loud" in ran.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -c 'from gitops.cli.entry import main; main()' install --export"
    ran = subprocess.run(
        ["bash", "-c", f"{command} | head -1; echo ${{PIPESTATUS[0]}}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == ["---", "141"]
