"""What a benchmark found, against its bar."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """What must be reached; `informative`: a miss is shown but fails nothing."""

    limit: float
    at_least: bool = False
    informative: bool = False

    def is_reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `detail` tells what it was made of: spreads, counts, conditions."""

    what: str
    value: float
    unit: str
    bar: Bar | None = None
    detail: str = ""

    @property
    def verdict(self) -> str:
        """PASS or FAIL; MISS for a bar that is only informative; empty without a bar."""
        if self.bar is None:
            return ""
        if self.bar.is_reached(self.value):
            return "PASS"
        return "MISS" if self.bar.informative else "FAIL"

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def at_least(limit: float, *, informative: bool = False) -> Bar:
    return Bar(limit, at_least=True, informative=informative)


def at_most(limit: float, *, informative: bool = False) -> Bar:
    return Bar(limit, informative=informative)


Found = list[Measure]
Say = Callable[[str], None]


def median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values: list[float], unit: str = "s") -> str:
    """Least, median and greatest."""
    return f"{min(values):.2f}/{median(values):.2f}/{max(values):.2f} {unit}".rstrip()
