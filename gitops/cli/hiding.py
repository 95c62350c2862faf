"""What a chart makes of a Secret's values is hidden in a diff, also outside of Secrets."""

from collections.abc import Mapping
from typing import Any

from gitops.core.diff import ABSENT, Change
from gitops.core.mask import HIDDEN
from gitops.observe.hiding import redactor_of

_PLAIN = ("apiVersion", "kind")


def without_hidden(change: Change, hidden: tuple[str, ...]) -> Change:
    """The change without these values. The value before it is then most likely the one before of a Secret."""
    after = _without(change.after, hidden)
    if after == change.after:
        return Change(change.path, _without(change.before, hidden), change.after)
    return Change(change.path, ABSENT if change.before is ABSENT else f"{HIDDEN} (before)", after)


def object_without_hidden(obj: Mapping[str, Any], hidden: tuple[str, ...]) -> dict[str, Any]:
    """The object without these values; its type and name stay what they are."""
    shown = {key: value if key in _PLAIN else _without(value, hidden) for key, value in obj.items()}
    names = {key: value for key, value in obj["metadata"].items() if key in ("name", "namespace")}
    shown["metadata"] = {**shown["metadata"], **names}
    return shown


def _without(value: Any, hidden: tuple[str, ...]) -> Any:
    if not hidden or value is ABSENT:
        return value
    if isinstance(value, str):
        return redactor_of(hidden).known(value)
    if isinstance(value, Mapping):
        return {key: _without(one, hidden) for key, one in value.items()}
    if isinstance(value, list):
        return [_without(one, hidden) for one in value]
    # A number too may be a PIN; whatever the Secret holds is compared as text.
    return HIDDEN if not isinstance(value, bool) and str(value) in hidden else value
