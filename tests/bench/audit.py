"""The API server's audit log: who asked for what, and when it was answered; costs the server no request."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

_SETTLE_SECONDS = 0.3  # a line is written after its answer has gone out


@dataclass(frozen=True, slots=True)
class Request:
    """One answered request; times in seconds since 1970."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    dry_run: bool
    began: float
    ended: float

    def __str__(self) -> str:
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {what} {self.namespace}/{self.name} {self.code}" + " dry" * self.dry_run


class Audit:
    """Reads on from where it read last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def skip(self) -> None:
        """Forget all requests up to now."""
        time.sleep(_SETTLE_SECONDS)
        self._offset = self._path.stat().st_size

    def settled(self) -> list[Request]:
        """All requests since the last call, those of this moment included."""
        time.sleep(_SETTLE_SECONDS)
        return self.new()

    def new(self) -> list[Request]:
        """The requests whose lines are there already."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        return [_request(orjson.loads(line)) for line in complete.splitlines()]

    def wait_for(self, wanted: Callable[[Request], bool], seconds: float) -> list[Request]:
        """All new requests up to one that is `wanted`. Raises TimeoutError."""
        found: list[Request] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            new = self.new()
            found += new
            if any(wanted(one) for one in new):
                return found
            time.sleep(0.02)
        raise TimeoutError(f"not seen within {seconds:g} s; the last of {len(found)}: {found[-5:]}")


def by(user: str, requests: Iterable[Request]) -> list[Request]:
    """The requests of one user that ask for something: neither watches nor leases."""
    return [one for one in requests if one.user == user and one.verb != "watch" and one.resource != "leases"]


def is_report(one: Request) -> bool:
    """A status of an Application, or an Event."""
    return one.resource == "events" or (one.resource == "applications" and one.subresource == "status")


def _request(line: dict[str, object]) -> Request:
    user, target, answer = (line.get(name) or {} for name in ("user", "objectRef", "responseStatus"))
    assert isinstance(user, dict)
    assert isinstance(target, dict)
    assert isinstance(answer, dict)
    return Request(
        user=user.get("username", ""),
        verb=str(line["verb"]),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=answer.get("code", 0),
        dry_run="dryRun=" in str(line["requestURI"]),
        began=_seconds(line["requestReceivedTimestamp"]),
        ended=_seconds(line["stageTimestamp"]),
    )


def _seconds(stamp: object) -> float:
    return datetime.fromisoformat(str(stamp)).timestamp()
