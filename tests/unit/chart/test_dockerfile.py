"""The Dockerfile as far as it can be checked without an engine: paths, pins, hashes, the user."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from gitops.local import toolchain
from gitops.local.binaries import TOOLS

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Instruction:
    """`COPY a b`: the word, and the rest with continued lines joined."""

    word: str
    rest: str


def instructions() -> list[Instruction]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, its FROM first."""
    found: list[list[Instruction]] = []
    for one in instructions():
        if one.word == "FROM":
            found.append([])
        found[-1].append(one)
    return found


def all_of(stage: list[Instruction], word: str) -> list[str]:
    return [one.rest for one in stage if one.word == word]


def commands() -> list[str]:
    return [
        command.strip() for one in instructions() if one.word == "RUN" for command in one.rest.split("&&")
    ]


COPIED = [
    source
    for one in instructions()
    if one.word == "COPY" and not one.rest.startswith("--from=")
    for source in one.rest.split()[:-1]
]


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_is_there_and_is_sent_to_the_builder(source: str) -> None:
    assert (ROOT / source).exists()
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert any(source == one or source.startswith(f"{one}/") for one in allowed)


def test_nothing_but_what_is_copied_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    for rule in rules[1:]:
        assert not rule.startswith("!") or any(f"{source}/".startswith(f"{rule[1:]}/") for source in COPIED)


@pytest.mark.parametrize("name", ["helm", "kustomize"])
def test_a_tool_is_built_as_the_tests_build_it(name: str) -> None:
    tool = TOOLS[name]
    trimpath, ldflags, linker = tool.module.flags
    (command,) = [one for one in commands() if f"go build -C {tool.module.folder} " in one]
    assert command.endswith(f" {tool.package}")
    assert f'{ldflags} "{linker}"' in command
    (go, *_) = stages()
    environment = " ".join(all_of(go, "ENV"))
    assert trimpath in environment
    for setting in toolchain.environment()["GOFLAGS"].split():
        assert setting in environment
    image = re.search(r"golang:(\d+)\.(\d+) ", go[0].rest)
    assert image
    major, minor, *_ = toolchain.needed_by(ROOT / "tests" / "controlplane" / tool.module.folder)
    assert (int(image[1]), int(image[2])) >= (major, minor)


def test_nothing_is_installed_without_a_hash_or_fetched_from_an_address() -> None:
    for command in commands():
        if " install " in command and "pip" in command:
            assert "--require-hashes" in command or "--no-index" in command, command
        if "pip wheel" in command:
            assert "--no-index" in command
            assert "--no-build-isolation" in command
    assert "ADD" not in {one.word for one in instructions()}
    assert not re.search(r"https?:|curl|wget", " ".join(commands()))


def test_the_build_backend_is_among_the_locked_packages() -> None:
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["build-backend"]
    lock = (ROOT / "requirements-dev.lock").read_text()
    assert re.search(rf"^{backend.partition('.')[0]}==\S+ \\$", lock, re.MULTILINE)


def test_the_environment_is_built_with_the_python_that_runs_it() -> None:
    images = [stage[0].rest.split()[0] for stage in stages()]
    assert images[-1] == images[-2]
    assert images[-1].startswith("python:3.11")


def test_the_image_runs_as_the_user_of_the_chart_who_has_a_name() -> None:
    final = stages()[-1]
    (user,) = all_of(final, "USER")
    deployment = (ROOT / "helm/gitops/templates/deployment.yaml").read_text()
    assert re.findall(r"runAs(?:User|Group): (\d+)", deployment) == user.split(":") == ["65532", "65532"]
    assert any("useradd --uid=65532 " in command for command in commands())
    assert [one.word for one in final][-3:] == ["USER", "ENTRYPOINT", "CMD"]


def test_process_one_reaps_orphans() -> None:
    final = stages()[-1]
    (entry,) = all_of(final, "ENTRYPOINT")
    assert yaml.safe_load(entry) == ["tini", "--", "gitops"]
    (packages,) = [command for command in commands() if "apt-get install" in command]
    assert {"tini", "git", "openssh-client", "ca-certificates"} <= set(packages.split())


def test_everything_that_the_wheel_includes_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source in wheel["force-include"]:
        assert any(f"{source}/".startswith(f"{copied}/") for copied in COPIED), source
