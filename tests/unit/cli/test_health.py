"""`gitops health`: what it reads, what it prints, and what it says of input that is none."""

import io
import json
import sys
import time
from pathlib import Path

import pytest

from gitops.cli import health
from gitops.cli.app import exit_code
from gitops.cli.options import Exit, Output
from gitops.core.problem import GitopsError

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: shop}
status: {phase: %s}
"""
WEB = POD % ("web", "Failed")
LIST = """\
apiVersion: v1
kind: PodList
items:
- metadata: {name: a, namespace: shop}
  status: {phase: Succeeded}
- metadata: {name: b, namespace: shop}
  status: {phase: Failed, reason: Evicted}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "objects.yaml"


def shown(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return found


def test_each_object_gets_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(f"{WEB}---\n---\n" + POD % ("db", "Succeeded"))
    assert health.run(str(file), rules=None, output=Output.TEXT) == Exit.DONE
    assert [line.split(None, 3) for line in capsys.readouterr().out.splitlines()] == [
        ["Pod", "shop/web", "Degraded", "the Pod failed"],
        ["Pod", "shop/db", "Healthy"],
    ]


def test_json_has_stable_fields(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {paused: true}\n")
    health.run(str(file), rules=None, output=Output.JSON)
    assert shown(capsys) == [
        {
            "group": "apps",
            "kind": "Deployment",
            "namespace": "",
            "name": "web",
            "status": "Suspended",
            "message": "the rollout is paused",
        }
    ]


def test_lists_are_taken_apart(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nested = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod"}]}
    file.write_text(LIST + "---\n" + json.dumps(nested) + "\n")
    health.run(str(file), rules=None, output=Output.JSON)
    assert [(row["kind"], row["name"], row["status"]) for row in shown(capsys)] == [
        ("Pod", "a", "Healthy"),
        ("Pod", "b", "Degraded"),
        ("Pod", "", "Progressing"),
    ]


def test_standard_input_may_be_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.dumps([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}]).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    health.run("-", rules=None, output=Output.YAML)
    assert "status: Healthy" in capsys.readouterr().out


BAD = [
    ("a: b", ":1: a document without apiVersion and kind", Exit.REPOSITORY),
    (f"{WEB}---\n- 1", ":6: a document that is not a mapping", Exit.REPOSITORY),
    ("kind: Pod", "without apiVersion", Exit.REPOSITORY),
    ("a: b: c", ":1:", Exit.REPOSITORY),
    ('{"kind":', "not valid JSON", Exit.REPOSITORY),
]


@pytest.mark.parametrize(("text", "says", "code"), BAD)
def test_bad_input_is_named_with_its_place(file: Path, text: str, says: str, code: Exit) -> None:
    file.write_text(text)
    with pytest.raises(GitopsError) as caught:
        health.run(str(file), rules=None, output=Output.TEXT)
    assert f"{file}:" in str(caught.value)
    assert says in str(caught.value)
    assert exit_code(caught.value) is code


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(GitopsError) as caught:
        health.run(str(tmp_path / "none.yaml"), rules=None, output=Output.TEXT)
    assert exit_code(caught.value) is Exit.USAGE


@pytest.mark.parametrize(
    "rules",
    [
        "[{kind: Pod, rules: [{when: size(status.phase) == 6, state: Suspended, say: metadata.name}]}]",
        "Pod: {states: {at: status.phase, say: metadata.name, Suspended: [Failed]}}",
    ],
)
def test_rules_of_the_user_win(
    file: Path, tmp_path: Path, rules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(WEB)
    own = tmp_path / "rules.yaml"
    own.write_text(rules)
    health.run(str(file), rules=own, output=Output.JSON)
    assert [(row["status"], row["message"]) for row in shown(capsys)] == [("Suspended", "web")]


WRONG = [
    ("[{kind: Pod, rules: [{when: 'status.phase ==', state: Healthy}]}]", "not valid CEL"),
    ("[{kind: Pod, rulez: []}]", "[0]: unknown key rulez"),
    ("[{group: apps}]", "[0]: has no kind"),
    (
        "[{kind: Pod, otherwise: Healthy}, {kind: Pod, otherwise: Healthy}]",
        "[1]: there are rules for Pod already",
    ),
    ("1", "must be a list of definitions"),
]


@pytest.mark.parametrize(("rules", "says"), WRONG)
def test_rules_that_cant_be_used_are_refused(file: Path, tmp_path: Path, rules: str, says: str) -> None:
    file.write_text(WEB)
    own = tmp_path / "rules.yaml"
    own.write_text(rules)
    with pytest.raises(GitopsError, match=r"rules\.yaml") as caught:
        health.run(str(file), rules=own, output=Output.TEXT)
    assert says in str(caught.value)
    assert exit_code(caught.value) is Exit.USAGE


def test_a_thousand_objects_are_read_in_no_time(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("---\n".join(POD % (f"pod-{number}", "Running") for number in range(1000)))
    began = time.process_time()
    health.run(str(file), rules=None, output=Output.JSON)
    assert time.process_time() - began < 2.0
    assert len(shown(capsys)) == 1000
