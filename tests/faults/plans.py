"""Faults and the points at which they strike, named so that a run can be repeated."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What happens at a point."""

    KILL_BEFORE = "kill-before"  # SIGKILL the controller; its write never arrives
    KILL_AFTER = "kill-after"  # SIGKILL the controller; its write arrived, the answer doesn't
    RESET = "reset"  # the write arrived, the connection breaks
    CUT = "cut"  # the write arrived, half of the answer comes back
    ERROR_500 = "500"  # the write arrived, and yet
    ERROR_504 = "504"
    CONFLICT = "409"  # the write is refused, once
    BUSY = "429"
    CLOSED = "closed"  # the watch ends before this event, which comes with the next one
    GONE = "gone"  # the watch says 410 instead of this event
    DOUBLED = "doubled"  # the event comes twice
    LATE = "late"  # the event comes after the next one


ON_WRITES = (
    Fault.KILL_BEFORE,
    Fault.KILL_AFTER,
    Fault.RESET,
    Fault.CUT,
    Fault.ERROR_500,
    Fault.ERROR_504,
    Fault.CONFLICT,
    Fault.BUSY,
)
ON_READS = (Fault.RESET, Fault.CUT, Fault.ERROR_500, Fault.BUSY)
ON_EVENTS = (Fault.CLOSED, Fault.GONE, Fault.DOUBLED, Fault.LATE)


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One request or event, by what it is about and which of its kind it is.

    With concurrency an ordinal over all of them would mean nothing.
    """

    verb: str  # POST, PATCH, DELETE; LIST, GET; EVENT
    what: str  # the path, with the site's name as ~
    occurrence: int

    @property
    def is_write(self) -> bool:
        return self.verb in ("POST", "PUT", "PATCH", "DELETE")

    def __str__(self) -> str:
        return f"{self.verb} {self.what} #{self.occurrence}"


@dataclass(frozen=True, slots=True, order=True)
class Plan:
    """One fault at one point."""

    fault: Fault
    point: Point

    def __str__(self) -> str:
        return f"{self.fault} {self.point}"

    @classmethod
    def parse(cls, text: str) -> "Plan":
        """The opposite of `str`."""
        fault, verb, what, occurrence = text.split(" ")
        return cls(Fault(fault), Point(verb, what, int(occurrence.removeprefix("#"))))


def all_plans(points: Iterable[Point]) -> list[Plan]:
    """Every fault at every point that it fits."""
    found = []
    for point in sorted(set(points)):
        faults = ON_EVENTS if point.verb == "EVENT" else ON_WRITES if point.is_write else ON_READS
        found += [Plan(fault, point) for fault in faults]
    return found


def selection(plans: Sequence[Plan], count: int, seed: int) -> list[Plan]:
    """Some plans of every kind of fault, the same ones for the same seed and plans."""
    chooser = random.Random(seed)
    by_fault: dict[Fault, list[Plan]] = {}
    for plan in chooser.sample(list(plans), len(plans)):
        by_fault.setdefault(plan.fault, []).append(plan)
    chosen: list[Plan] = []
    faults = sorted(by_fault)
    chooser.shuffle(faults)
    while len(chosen) < count and any(by_fault.values()):
        chosen += [by_fault[fault].pop() for fault in faults if by_fault[fault]]
    return chosen[:count]
