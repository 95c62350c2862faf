"""Values of Secrets: as Go prints them, and out of every message."""

import json
from pathlib import Path

import pytest

from gitops.core.model import Rendered
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.render_options import GivenValues
from gitops.render.given_values import Given, written
from gitops.render.limits import Budget, Limits


def given(folder: Path, text: str, *, secret: bool = True, path: str = "") -> Given:
    one = GivenValues("spec.render.helm.valuesFrom[0]", "key v of the Secret s/v", text, path, secret, "x")
    return written([one], folder, Budget(Limits()))


def test_values_are_files_and_those_of_secrets_are_hidden(tmp_path: Path) -> None:
    found = given(tmp_path, "a: {b: [hunter2, 12, true, ~]}\n")
    (name,) = found.files
    assert json.loads((tmp_path / name).read_text()) == {"a": {"b": ["hunter2", 12, True, None]}}
    assert set(found.hidden) >= {"hunter2", "12"}
    assert "True" not in found.hidden
    assert given(tmp_path, "a: hunter2\n", secret=False).hidden == ()


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("12345678", "1.2345678e+07"),
        ("1000000", "1e+06"),
        ("-1234567", "1.234567e+06"),
        ("123456", "123456"),
        ("1.5e+22", "1.5e+22"),
        ("0.000012", "1.2e-05"),
        ("1234567.5", "1.2345675e+06"),
    ],
)
def test_numbers_are_hidden_as_go_prints_them(tmp_path: Path, text: str, printed: str) -> None:
    told = given(tmp_path, f"pin: {text}\n").hide(f"it is {printed}!")
    assert told in ("it is ***!", "it is -***!")


def test_a_single_value_is_text_whatever_it_looks_like(tmp_path: Path) -> None:
    found = given(tmp_path, "false", path=r"a\.b.c\\d")
    assert json.loads((tmp_path / found.files[0]).read_text()) == {"a.b": {"c\\d": "false"}}


def test_a_tools_error_is_cut_before_a_value_that_may_be_cut(tmp_path: Path) -> None:
    found = given(tmp_path, "a: correct horse battery\n")
    text = "x" * 65_000 + " correct horse bat"
    assert "correct" not in found.hide(text)


def test_errors_and_warnings_lose_the_values(tmp_path: Path) -> None:
    found = given(tmp_path, "a: hunter2\n")
    with pytest.raises(GitopsError) as caught, found.hidden_in_errors():
        raise fail(Reason.RENDER_FAILED, "it is hunter2", Blame.REPOSITORY, where="hunter2", advice="hunter2")
    assert "hunter2" not in str(caught.value)
    assert found.hidden_in(Rendered((), ("hunter2",))).warnings == ("***",)
