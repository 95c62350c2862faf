"""The background verification: each object once in a period, spread evenly, the same after a restart."""

from gitops.core.verification import DAY, turn, waits
from tests.unit.core.support import key

KEYS = [key(f"cm-{number:05}") for number in range(10_000)]


def test_an_object_has_its_turn_once_in_a_period() -> None:
    for one in KEYS[:100]:
        place = turn(one, "uid")
        turns = [at for at in range(0, int(3 * DAY), 60) if waits(place, DAY, at, 60) is not None]
        assert len(turns) == 3
        assert turns[1] - turns[0] == DAY


def test_turns_are_spread_without_bursts() -> None:
    """10,000 objects in a day are seven a minute; chance alone makes some minutes fuller."""
    minutes = [0] * 1440
    for one in KEYS:
        minutes[int(turn(one, "uid") * 1440)] += 1
    assert max(minutes) <= 25
    hours = [sum(minutes[start : start + 60]) for start in range(0, 1440, 60)]
    assert max(hours) - min(hours) < 150


def test_the_same_name_in_another_application_has_another_turn() -> None:
    assert turn(KEYS[0], "one") != turn(KEYS[0], "two")
    assert turn(KEYS[0], "one") == turn(KEYS[0], "one")


def test_a_turn_is_waited_for_and_never_in_the_past() -> None:
    assert waits(0.5, 16.0, 1605.0, 16.0) == 3.0
    assert waits(0.5, 16.0, 1605.0, 1.0) is None
    assert waits(0.5, 16.0, 1608.0, 16.0) == 16.0
