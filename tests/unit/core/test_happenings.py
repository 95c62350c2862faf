"""Events: which ones, merged how, in what order."""

from datetime import UTC, datetime
from typing import Any

from gitops.cli.events import listed
from gitops.cli.look import Screen
from gitops.core.happenings import happenings
from gitops.core.model import ObjectKey


def event(minute: int, message: str = "said", uid: str = "u", **more: Any) -> dict[str, Any]:
    moment = f"2026-01-01T00:{minute:02d}:00Z"
    return {
        "metadata": {"creationTimestamp": moment},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web", "uid": uid},
        "type": "Warning",
        "reason": "BackOff",
        "message": message,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        **more,
    }


def test_events_of_others_are_left_out_and_the_newest_is_last() -> None:
    found = happenings([event(5, "late"), event(1, "early"), event(2, uid="other")], {"u"}, ())
    assert [one.message for one in found] == ["early", "late"]


def test_an_object_that_was_made_anew_keeps_its_events_by_name() -> None:
    assert happenings([event(1, uid="before")], set(), [ObjectKey("", "Pod", "shop", "web")])


def test_repeated_events_are_one_with_their_sum() -> None:
    (one,) = happenings([event(1, count=3), event(9, count=2)], {"u"}, ())
    assert (one.count, one.first.minute, one.last.minute) == (5, 1, 9)


def test_the_newer_shape_of_events_is_read_too() -> None:
    series = {"count": 7, "lastObservedTime": "2026-01-01T00:08:00.123456Z"}
    newer = event(1, firstTimestamp=None, lastTimestamp=None, eventTime="2026-01-01T00:01:00Z", series=series)
    (one,) = happenings([newer], {"u"}, ())
    assert (one.count, one.last.minute) == (7, 8)


def test_since_looks_at_the_last_time() -> None:
    since = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    found = happenings([event(1, "old"), event(9, "new")], {"u"}, (), since)
    assert [one.message for one in found] == ["new"]


def test_they_fit_80_columns_and_lose_no_word() -> None:
    message = "Back-off restarting failed container web in pod web-6f485bd5f5-k7cv9 of shop " * 3
    found = happenings([event(1, message, count=12)], {"u"}, ())
    now = datetime(2026, 1, 1, 0, 9, tzinfo=UTC)
    lines = listed(found, Screen(width=80), now)
    assert lines[:2] == [
        "LAST  TYPE     REASON   OBJECT",
        "8m    Warning  BackOff  Pod shop/web",
    ]
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines[2:]).split()) == f"{message.strip()} (12 times in 8m)"
    assert listed((), Screen(), now) == ["no Events"]
