"""How `gitops status` and `history` look: from plain data, at the widths that people have."""

from datetime import UTC, datetime, timedelta

import pytest

from gitops.api.application import Application
from gitops.api.group import API_VERSION, KIND
from gitops.api.status import Revision, Status, SyncRecord
from gitops.cli.history import rendered
from gitops.cli.look import Screen, age, plain
from gitops.cli.one_status import in_full
from gitops.cli.overview import Row, overview

NOW = datetime(2026, 1, 10, tzinfo=UTC)
BROKEN = "Deployment.apps shop/db: 0 of 3 replicas are available; container db: exit code 1, 7 restarts"


def row(
    name: str, ready: str = "True", sync: str = "Synced", health: str = "Healthy", message: str = ""
) -> Row:
    return Row("shop", name, ready, sync, health, "3/3", "3f8a2c1", NOW - timedelta(days=3), message)


ROWS = [
    row("web"),
    row("rolling", "False", "Progressing", "Progressing", "waits for Deployment.apps shop/rolling"),
    row("db", "False", "ProgressDeadlineExceeded", "Degraded", BROKEN),
]

AT_80 = """\
NAMESPACE  NAME     READY  SYNC                      HEALTH       REVISION
shop       db       False  ProgressDeadlineExceeded  Degraded     3f8a2c1
    Deployment.apps shop/db: 0 of 3 replicas are available; container db: exit
    code 1, 7 restarts
shop       rolling  False  Progressing               Progressing  3f8a2c1
    waits for Deployment.apps shop/rolling
shop       web      True   Synced                    Healthy      3f8a2c1

3 Applications: 1 in trouble, 1 not ready yet, 1 ready"""

AT_200 = f"""\
NAMESPACE  NAME     READY  SYNC                      HEALTH       OBJECTS  REVISION  AGE  MESSAGE
shop       db       False  ProgressDeadlineExceeded  Degraded     3/3      3f8a2c1   3d   {BROKEN}
shop       rolling  False  Progressing               Progressing  3/3      3f8a2c1   3d   \
waits for Deployment.apps shop/rolling
shop       web      True   Synced                    Healthy      3/3      3f8a2c1   3d

3 Applications: 1 in trouble, 1 not ready yet, 1 ready"""


@pytest.mark.parametrize(("width", "expected"), [(80, AT_80), (200, AT_200)])
def test_trouble_comes_first_with_its_reason(width: int, expected: str) -> None:
    assert "\n".join(overview(ROWS, Screen(width=width), NOW)) == expected


def test_in_a_pipe_nothing_is_cut_and_nothing_is_counted() -> None:
    long = "because of this and that, " * 40
    lines = overview([row("db", "False", "X", "Y", long)], Screen(), NOW)
    assert len(lines) == 2
    assert lines[1].endswith(long.strip())


def test_the_longest_names_are_shown_whole() -> None:
    one = Row("n" * 63, "a" * 53, "True", "Synced", "Healthy", "3/3", "3f8a2c1", NOW, "")
    for width in (80, 200, None):
        text = "\n".join(overview([one], Screen(width=width), NOW))
        assert "n" * 63 in text
        assert "a" * 53 in text


def test_no_and_one_and_500_applications() -> None:
    assert overview([], Screen(width=80), NOW) == ["no Applications"]
    assert overview([row("web")], Screen(width=80), NOW)[-1] == "1 Application: 1 ready"
    many = overview([row(f"a{n}") for n in range(500)], Screen(width=80), NOW)
    assert len(many) == 503
    assert many[-1] == "500 Applications: 500 ready"


def test_text_of_others_gives_the_terminal_no_orders() -> None:
    assert plain("a\x1b[2Jb\nc\x9bd") == "a [2Jb c d"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (-5, "0s")],
)
def test_ages_are_as_kubectl_prints_them(seconds: int, expected: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == expected


def test_the_history_keeps_its_result_where_it_is_narrow() -> None:
    failed = SyncRecord(revision="b" * 40, at=NOW, result="Failed", reason="ProgressDeadlineExceeded")
    good = SyncRecord(revision="a" * 40, at=NOW - timedelta(hours=3), result="Succeeded", created=12)
    status = Status(history=(failed, good), revision=Revision(applied="a" * 40))
    assert rendered(status, Screen(width=200), NOW) == [
        "REVISION  AGE  RESULT                             TRIGGER   CREATED  UPDATED  PRUNED",
        "bbbbbbb   0s   Failed (ProgressDeadlineExceeded)  revision  0        0        0",
        "aaaaaaa   3h   Succeeded                          revision  12       0        0       applied",
    ]
    narrow = rendered(status, Screen(width=80), NOW)
    assert max(map(len, narrow)) <= 80
    assert narrow[2].endswith("applied")
    assert rendered(Status(), Screen(width=80), NOW) == ["no syncs yet"]


def test_one_application_says_what_is_wrong_and_what_is_next() -> None:
    moment = "2026-01-09T23:00:00Z"
    stalled = {
        "type": "Stalled",
        "status": "True",
        "reason": "PathNotFound",
        "message": "deploy is not there",
        "lastTransitionTime": moment,
    }
    problem = {
        "reason": "PathNotFound",
        "message": "deploy is not there",
        "advice": "correct the path",
    }
    hook = {
        "phase": "PreSync",
        "object": {"kind": "Job", "name": "migrate"},
        "name": "migrate-1",
        "run": "1",
        "state": "Failed",
        "message": "exit code 3",
    }
    app = Application.parse(
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": "shop", "namespace": "team"},
            "spec": {"source": {"repository": "https://git.example.com/shop.git", "path": "deploy"}},
            "status": {"conditions": [stalled], "problems": [problem], "hooks": [hook]},
        }
    )
    text = in_full(app, Screen(width=80), NOW)
    assert text[0] == "team/shop"
    assert "  Stalled    True  PathNotFound, for 60m: deploy is not there" in text
    assert "  ! PathNotFound: deploy is not there" in text
    assert "    correct the path" in text
    assert "    exit code 3" in text
    assert text[-2].startswith("  next       somebody has to act")
    assert max(map(len, text)) <= 80
