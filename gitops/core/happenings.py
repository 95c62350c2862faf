"""Events of Kubernetes, those that repeat each other as one: pure functions over what was read."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitops.core.model import ObjectKey


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened to an object, how often, and when first and last."""

    key: ObjectKey
    type: str  # Normal or Warning
    reason: str
    message: str
    source: str
    count: int
    first: datetime
    last: datetime


def happenings(
    events: Iterable[Mapping[str, Any]],
    uids: Collection[str],
    keys: Collection[ObjectKey],
    since: datetime | None = None,
) -> tuple[Happening, ...]:
    """The Events about these objects, newest last, repeated ones merged.

    `keys` are objects by name: an object that was made anew had another uid before.
    """
    merged: dict[tuple[ObjectKey, str, str, str], Happening] = {}
    for event in events:
        about = event.get("involvedObject") or {}
        key = _key(about)
        if about.get("uid") not in uids and key not in keys:
            continue
        one = _read(event, key)
        if since and one.last < since:
            continue
        same = (key, one.type, one.reason, one.message)
        before = merged.get(same)
        merged[same] = _joined(before, one) if before else one
    return tuple(sorted(merged.values(), key=lambda one: (one.last, one.first, one.key, one.reason)))


def _key(about: Mapping[str, Any]) -> ObjectKey:
    group = str(about.get("apiVersion", "")).rpartition("/")[0]
    return ObjectKey(group, about.get("kind", ""), about.get("namespace", ""), about.get("name", ""))


def _read(event: Mapping[str, Any], key: ObjectKey) -> Happening:
    """Both shapes: core/v1 with its times and count, events.k8s.io/v1 with eventTime and a series."""
    series = event.get("series") or {}
    made = event["metadata"]["creationTimestamp"]
    first = event.get("firstTimestamp") or event.get("eventTime") or made
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or made
    source = event.get("reportingComponent") or (event.get("source") or {}).get("component") or ""
    return Happening(
        key,
        event.get("type") or "Normal",
        event.get("reason") or "",
        event.get("message") or "",
        source,
        series.get("count") or event.get("count") or 1,
        datetime.fromisoformat(first),
        datetime.fromisoformat(last),
    )


def _joined(one: Happening, other: Happening) -> Happening:
    return Happening(
        one.key,
        one.type,
        one.reason,
        one.message,
        one.source,
        one.count + other.count,
        min(one.first, other.first),
        max(one.last, other.last),
    )
