"""A plan in a file: what it would do, by digests, and whether the world is still the one it was made for."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gitops.core.problem import Blame, GitopsError, Reason, fail

_FORMAT = "gitops.dev/plan/v1"


@dataclass(frozen=True, slots=True)
class SavedStep:
    """`content` is a digest of the object, salted by the Application; never a value."""

    action: str
    object: str
    content: str


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """`digest` is what an approval names; empty when there is nothing to approve."""

    application: str
    uid: str  # empty: there was no such Application yet
    revision: str
    digest: str
    summary: str
    steps: tuple[SavedStep, ...]

    def to_json(self) -> str:
        """As the file has it."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "SavedPlan":
        """Raises ValueError for anything but a plan that `gitops plan --save` wrote."""
        data: dict[str, Any] = json.loads(text)
        if not isinstance(data, dict) or data.pop("format", None) != _FORMAT:
            raise ValueError("it has another format")
        try:
            return cls(**{**data, "steps": tuple(SavedStep(**one) for one in data["steps"])})
        except (TypeError, KeyError) as error:
            raise ValueError(str(error)) from None


def save(plan: SavedPlan, path: Path) -> None:
    """Write it. Raises GitopsError."""
    try:
        path.write_text(plan.to_json(), encoding="utf-8")
    except OSError as error:
        raise _unusable(path, f"the plan can't be written: {error.strerror}", "name another file") from None


def load(path: Path) -> SavedPlan:
    """Read one. Raises GitopsError."""
    advice = "name a file that `gitops plan --save FILE` wrote"
    try:
        return SavedPlan.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"can't be read: {error.strerror}", advice) from None
    except ValueError as error:
        raise _unusable(path, f"is no saved plan: {error}", advice) from None


def _unusable(path: Path, what: str, advice: str) -> GitopsError:
    return fail(Reason.INVALID_OBJECT, what, Blame.SPEC, where=str(path), advice=advice)


def moved(saved: SavedPlan, now: SavedPlan) -> list[str]:
    """What is otherwise than when the plan was saved, in words; empty: nothing that matters.

    A newer commit that leads to the very same steps is no other plan.
    """
    if saved.uid != now.uid:
        return [f"the Application {now.application} is another one than it was then"]
    if saved.digest == now.digest:
        return []
    return list(_differences(saved, now)) or ["its hooks are others"]


def _differences(saved: SavedPlan, now: SavedPlan) -> Iterator[str]:
    if saved.revision != now.revision:
        yield f"the revision was {saved.revision[:7]} and is {now.revision[:7]}"
    before = {(one.action, one.object): one.content for one in saved.steps}
    after = {(one.action, one.object): one.content for one in now.steps}
    for action, name in sorted(before.keys() - after.keys()):
        yield f"no longer to do: {action} {name}"
    for action, name in sorted(after.keys() - before.keys()):
        yield f"new: {action} {name}"
    for action, name in sorted(after.keys() & before.keys()):
        if after[action, name] != before[action, name]:
            yield f"other content: {action} {name}"
