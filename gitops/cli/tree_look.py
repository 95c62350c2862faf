"""How a tree of objects looks: branches, signs, ages in a column, what is wrong in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitops.cli.look import Screen, age, plain, style_of
from gitops.core.health import HealthState
from gitops.core.tree import Fold, Node, folded, is_long

_BRANCHES = ("├─ ", "└─ ", "│  ", "   ")
_PLAIN_BRANCHES = ("|- ", "`- ", "|  ", "   ")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line: what is left of the columns (as it is, and painted), the columns, the words."""

    left: str
    painted: str
    state: str
    cells: str
    message: str
    indent: int


def drawn(root: Node, screen: Screen, now: datetime, *, everything: bool) -> list[str]:
    """The tree as lines of text; in a pipe nothing is cut."""
    long = is_long(root.children) and not everything
    namespace = _usual_namespace(root)
    entries = [_entry("", root, root.key.namespace, screen, now, shown=True)]
    entries += _below(root, "", namespace, screen, now, long=long)
    widest = max(len(one.left) for one in entries)
    cells = max(len(one.cells) for one in entries)
    at = widest if screen.width is None else min(widest, max(screen.width - cells - 2, 0))
    lines = [line for one in entries for line in _lines(one, at, screen)]
    hidden = _hidden(root, long=long)
    if hidden:
        noun = "object is" if hidden == 1 else "objects are"
        lines += ["", f"{hidden} healthy {noun} folded; --all shows each"]
    return lines


def _usual_namespace(root: Node) -> str:
    """The namespace of most objects, which need not repeat it."""
    found = [one.key.namespace for one in root.children if one.key.namespace]
    return max(sorted(set(found)), key=found.count) if found else root.key.namespace


def _below(
    node: Node, prefix: str, namespace: str, screen: Screen, now: datetime, *, long: bool
) -> Iterator[_Entry]:
    fork, last, trunk, blank = _BRANCHES if screen.unicode else _PLAIN_BRANCHES
    shown = folded(node.children, is_long=long)
    for index, one in enumerate(shown):
        is_last = index == len(shown) - 1
        branch = prefix + (last if is_last else fork)
        if isinstance(one, Fold):
            yield _folded(branch, one, screen)
            continue
        yield _entry(branch, one, namespace, screen, now)
        own = one.key.namespace or namespace
        usual = _usual_namespace(one) if one.key.kind == "Application" else own
        yield from _below(one, prefix + (blank if is_last else trunk), usual, screen, now, long=long)


def _entry(
    branch: str, node: Node, namespace: str, screen: Screen, now: datetime, *, shown: bool = False
) -> _Entry:
    key, state = node.key, node.health.state
    place = f"{key.namespace}/" if key.namespace and (shown or key.namespace != namespace) else ""
    name = f"{key.kind} {place}{key.name}"
    restarts = f"{node.restarts} restarts" if node.restarts > 1 else "1 restart" if node.restarts else ""
    cells = f"{node.ready:<5}  {age(node.created, now):<4}  {restarts}".rstrip()
    word = "" if state is HealthState.HEALTHY else str(state)
    bold = screen.paint(name, "bold") if shown or (word and state is not HealthState.SUSPENDED) else name
    hook = f"  ({node.hook} hook)" if node.hook else ""
    painted = f"{branch}{screen.sign(state)} {bold}{screen.paint(hook, 'dim')}"
    return _Entry(
        f"{branch}? {name}{hook}", painted, word, cells, plain(node.health.message), len(branch) + 2
    )


def _folded(branch: str, fold: Fold, screen: Screen) -> _Entry:
    noun = fold.kind if fold.count == 1 else _plural(fold.kind)
    text = f"{fold.count} old {noun}" if fold.is_old else f"{fold.count} {noun}, healthy"
    sign = " " if fold.is_old else screen.sign(HealthState.HEALTHY)
    painted = f"{branch}{sign} {screen.paint(text, 'dim')}"
    return _Entry(f"{branch}? {text}", painted, "", "", "", 0)


def _plural(kind: str) -> str:
    if kind.endswith(("s", "x", "ch")):
        return f"{kind}es"
    return f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2:-1] not in "aeou" else f"{kind}s"


def _lines(one: _Entry, at: int, screen: Screen) -> list[str]:
    line = f"{one.painted}{' ' * max(at - len(one.left), 0)}  {one.cells}".rstrip()
    said = ": ".join(part for part in (one.state, one.message) if part)
    style = style_of(one.state) if one.state else "dim"
    if not said:
        return [line]
    taken = max(at, len(one.left)) + 2 + len(one.cells) + 2
    if screen.width is None or taken + len(said) <= screen.width:
        return [f"{line}  {screen.paint(said, style)}"]
    return [line, *(screen.paint(text, style) for text in screen.below(said, one.indent, 3))]


def _hidden(node: Node, *, long: bool) -> int:
    """The number of healthy objects that a long tree doesn't show."""
    if not long:
        return 0
    hidden = 0
    for one in folded(node.children, is_long=True):
        if isinstance(one, Fold):
            hidden += 0 if one.is_old else one.count
        else:
            hidden += _hidden(one, long=True)
    return hidden


def flat(node: Node) -> dict[str, str]:
    """Each object in one line, by its name, without what changes by itself: for a pipe that follows."""
    found: dict[str, str] = {}
    hook = f"{node.hook} hook" if node.hook else ""
    parts = [str(node.key), hook, str(node.health.state), node.ready]
    restarts = f"{node.restarts} restarts" if node.restarts else ""
    words = plain(node.health.message)
    found[str(node.key)] = "  ".join(part for part in (*parts, restarts, words) if part)
    for child in node.children:
        found |= flat(child)
    return found


def as_data(node: Node) -> dict[str, Any]:
    """The tree for programs; the fields are stable, and nothing is folded."""
    return {
        "group": node.key.group,
        "kind": node.key.kind,
        "namespace": node.key.namespace,
        "name": node.key.name,
        "health": str(node.health.state),
        "message": node.health.message,
        "hook": node.hook or None,
        "ready": node.ready or None,
        "restarts": node.restarts,
        "created": node.created.isoformat().replace("+00:00", "Z") if node.created else None,
        "children": [as_data(child) for child in node.children],
    }


def notes(unreadable: Sequence[Mapping[str, str]], absent: int, screen: Screen) -> list[str]:
    """What the tree can't show: kinds that were not read, and objects that nobody named."""
    lines = []
    for one in unreadable:
        where = f" in {one['namespace']}" if one["namespace"] else ""
        text = f"{one['kind']}{where} could not be read, and may be there: {plain(one['message'])}"
        lines.append(f"{screen.sign('Unknown')} {text}")
    if absent:
        noun = "object is" if absent == 1 else "objects are"
        lines.append(f"{absent} more {noun} wanted and not there yet; `gitops diff` names them")
    return ["", *lines] if lines else []
