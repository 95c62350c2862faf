"""How the command ends when something goes wrong that nobody expected."""

from collections.abc import Callable

import pytest
import typer
from pydantic import BaseModel

from gitops.cli import app as command
from gitops.core.problem import Blame, Reason, fail
from gitops.observe.errors import in_words, trace
from gitops.observe.logs import redactor

PLANTED = "planted-and-secret-0815"


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """Runs the command with a commands' tree of one command, which ends with an error."""

    def run(error: BaseException) -> int:
        tree = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

        @tree.command()
        def only() -> None:
            raise error

        monkeypatch.setattr(command, "app", tree)
        return command.run("gitops", [])

    return run


def test_a_defect_is_one_line_that_says_what_to_do(
    ending: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]
) -> None:
    redactor.remember(PLANTED)
    assert ending(ValueError(f"no {PLANTED}\nand more")) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "error: internal error: ValueError: no *** "
        "(run again as `gitops --debug …`, and report what it prints)\n"
    )


def test_with_debug_there_is_a_traceback_without_credentials(
    ending: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITOPS_DEBUG", "1")
    redactor.remember(PLANTED)
    assert ending(ValueError(f"no {PLANTED}")) == 4
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "raise error" in said
    assert PLANTED not in said


def test_an_expected_error_has_no_traceback_unless_asked_for(
    ending: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = fail(Reason.INVALID_OBJECT, "no such thing", Blame.SPEC, advice="name another")
    assert ending(error) == 2
    assert capsys.readouterr().err == "error: no such thing (name another)\n"
    monkeypatch.setenv("GITOPS_DEBUG", "1")
    assert ending(error) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_ends_with_130_and_says_nothing(
    ending: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""


def test_what_pydantic_was_given_is_not_repeated() -> None:
    class Model(BaseModel):
        size: int

    with pytest.raises(ValueError, match="size") as caught:
        Model.model_validate({"size": PLANTED})
    assert PLANTED not in trace(caught.value)
    assert PLANTED not in in_words(caught.value)
    assert "1 validation error" in in_words(caught.value)


def test_a_long_message_is_cut() -> None:
    assert len(in_words(ValueError("x " * 5000))) < 320
