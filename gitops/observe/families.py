"""Metric families whose series can be had at once and dropped again: the mechanics below `metrics`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Instrument = TypeVar("Instrument", Counter, Gauge, Histogram)
Type = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Description:
    """One metric as it is documented; `name` is what a query names (without `_bucket` and the like)."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str


class Family(Generic[Instrument]):
    """All series of one metric, by their label values.

    `Instrument.labels()` takes a lock and turns each value into text on every call; here a
    series that exists costs one look into a dictionary.
    """

    def __init__(self, metric: Instrument) -> None:
        self._metric: Instrument = metric
        self._series: dict[tuple[str, ...], Instrument] = {}
        self._groups: dict[tuple[str, ...], set[tuple[str, ...]]] = {}

    def __call__(self, *values: str) -> Instrument:
        return self._series.get(values) or self._make(values)

    def drop(self, *prefix: str) -> None:
        """Remove the series whose first labels, two or more, have these values."""
        for values in self._groups.get(prefix[:2], set()).copy():
            if values[: len(prefix)] == prefix:
                self._remove(values)

    def _make(self, values: tuple[str, ...]) -> Instrument:
        series = self._metric.labels(*values) if values else self._metric
        self._groups.setdefault(values[:2], set()).add(values)
        return self._series.setdefault(values, series)

    def _remove(self, values: tuple[str, ...]) -> None:
        del self._series[values]
        self._metric.remove(*values)
        group = self._groups[values[:2]]
        group.discard(values)
        if not group:
            del self._groups[values[:2]]


class Families:
    """Makes families in one registry and remembers what it made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._made: list[tuple[Description, Family[Counter] | Family[Gauge] | Family[Histogram]]] = []

    def counter(self, name: str, text: str, *labels: str) -> Family[Counter]:
        family = Family(Counter(name, text, labels, registry=self._registry))
        self._made.append((Description(name, "counter", labels, text), family))
        return family

    def gauge(self, name: str, text: str, *labels: str) -> Family[Gauge]:
        family = Family(Gauge(name, text, labels, registry=self._registry))
        self._made.append((Description(name, "gauge", labels, text), family))
        return family

    def histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Family[Histogram]:
        family = Family(Histogram(name, text, labels, buckets=buckets, registry=self._registry))
        self._made.append((Description(name, "histogram", labels, text), family))
        return family

    def descriptions(self) -> Iterator[Description]:
        return (description for description, _ in self._made)

    def drop(self, labels: tuple[str, ...], values: tuple[str, ...]) -> None:
        """Remove from every family that begins with `labels` the series with these `values`."""
        for description, family in self._made:
            if description.labels[: len(labels)] == labels:
                family.drop(*values)
