"""Lines as they are written: whole processes, since logging is a process' own."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gitops.observe import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_context(stream: io.StringIO) -> None:
    logs.configure("info", "json", stream)
    log = logs.get("gitops.test")
    with logs.context(application="shop/web", revision="abc123", reconcile_id="r1"):
        log.info("applied", objects=3)
    log.info("later")
    first, second = lines(stream)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "applied",
        "objects": 3,
        "application": "shop/web",
        "revision": "abc123",
        "reconcile_id": "r1",
        "level": "info",
        "logger": "gitops.test",
    }
    assert "application" not in second


async def test_tasks_that_run_at_once_keep_their_own_context(stream: io.StringIO) -> None:
    logs.configure("info", "json", stream)
    log = logs.get("gitops.test")

    async def reconcile(name: str) -> None:
        with logs.context(application=name):
            await asyncio.sleep(0.01)
            log.info("applied", expected=name)

    await asyncio.gather(*(reconcile(f"shop/{number}") for number in range(5)))
    assert len(lines(stream)) == 5
    assert all(line["application"] == line["expected"] for line in lines(stream))


def test_what_a_library_logs_has_the_same_form_context_and_redaction(stream: io.StringIO) -> None:
    logs.configure("info", "json", stream)
    with logs.context(application="shop/web"):
        logging.getLogger("git.cmd").warning("fetch %s", "https://bob:hunter22@host/x.git")
    (line,) = lines(stream)
    assert line["event"] == "fetch https://***@host/x.git"
    assert (line["application"], line["logger"], line["level"]) == ("shop/web", "git.cmd", "warning")


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_is_told_without_the_credential_in_its_text(
    stream: io.StringIO, style: logs.Style
) -> None:
    logs.configure("info", style, stream)
    logs.redactor.remember("pl4nted-value")

    def fail() -> None:
        held_by_a_local_variable = "pl4nted-" + "value"
        raise ValueError(f"no access with {held_by_a_local_variable}")

    for log in (logs.get("ours"), logging.getLogger("theirs")):
        try:
            fail()
        except ValueError:
            log.exception("it failed")
    text = stream.getvalue()
    assert "pl4nted-value" not in text
    assert text.count("ValueError: no access with ***") == 2
    assert text.count("Traceback") == 2


def test_a_level_below_the_chosen_one_is_not_written(stream: io.StringIO) -> None:
    logs.configure("warning", "json", stream)
    logs.get("ours").info("quiet")
    logging.getLogger("theirs").info("quiet")
    logs.get("ours").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_configuring_again_does_not_write_each_line_twice(stream: io.StringIO) -> None:
    logs.configure("info", "json", stream)
    logs.configure("info", "json", stream)
    logs.get("ours").info("once")
    logging.getLogger("theirs").info("once too")
    assert [line["event"] for line in lines(stream)] == ["once", "once too"]


def test_a_line_break_in_a_message_cannot_forge_a_second_line(stream: io.StringIO) -> None:
    logs.configure("info", "json", stream)
    logs.get("ours").info('innocent\n{"event": "forged"}')
    assert len(lines(stream)) == 1


def test_text_is_for_people(stream: io.StringIO) -> None:
    logs.configure("info", "text", stream)
    logs.get("ours").info("applied", objects=3)
    assert "applied" in stream.getvalue()
    assert "objects=3" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


def test_a_log_line_before_anything_is_set_up_never_lands_in_the_output_of_a_command() -> None:
    done = run(
        "from gitops.observe import logs; log = logs.get('x');"
        "log.info('quiet'); log.error('loud', password='x')"
    )
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "loud"
    assert json.loads(done.stderr)["password"] == "***"


def test_logging_does_not_load_rich_nor_keep_others_from_loading_it() -> None:
    done = run(
        "import sys; from gitops.observe import logs; logs.configure(style='text'); logs.get('x').error('e');"
        "print('rich' in sys.modules); import rich.console; print(rich.console.Console is not None)"
    )
    assert done.stdout.split() == ["False", "True"]
