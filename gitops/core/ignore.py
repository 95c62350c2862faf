"""What of an object is left to others: `spec.ignore`, and replicas under an autoscaler.

An apply that leaves out a field which we still own deletes it: replicas would fall to 1. So before a path
is left out it is taken out of our own `managedFields` entry; nothing here sends requests.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import orjson

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.api.rules import POINTER_PART
from gitops.api.spec import Ignore
from gitops.core.fields import Entry, apply_entry
from gitops.core.fields import paths as paths_of
from gitops.core.managers import scaler_of
from gitops.core.model import Manifest, ObjectKey

Selector: TypeAlias = tuple[tuple[str, str], ...]
Path: TypeAlias = tuple[str | Selector, ...]

REPLICAS: Path = ("spec", "replicas")

_PART = re.compile(POINTER_PART)


@dataclass(frozen=True, slots=True)
class Ignored:
    """What of one object is left to others; `scaler` names the autoscaler that its replicas are left to."""

    paths: tuple[Path, ...] = ()
    managers: tuple[str, ...] = ()
    scaler: str = ""

    def __bool__(self) -> bool:
        return bool(self.paths or self.managers)


NOTHING = Ignored()


def parse(pointer: str) -> Path:
    """`/spec/containers[name=app]/image` → `("spec", "containers", (("name", "app"),), "image")`."""
    path: list[str | Selector] = []
    for found in _PART.finditer(pointer):
        name, selector = found.group(1), found.group(2)
        path.append(name.replace("~1", "/").replace("~0", "~"))
        if selector:
            pairs = (pair.partition("=") for pair in selector[1:-1].split(","))
            path.append(tuple((field, value) for field, _, value in pairs))
    return tuple(path)


def spelled(path: Path) -> str:
    """The opposite of `parse`."""
    text = ""
    for segment in path:
        if isinstance(segment, str):
            text += "/" + segment.replace("~", "~0").replace("/", "~1")
        else:
            text += "[" + ",".join(f"{name}={value}" for name, value in segment) + "]"
    return text


class Rules:
    """`spec.ignore` of one Application, and what the autoscalers of its render scale."""

    def __init__(self, rules: Iterable[Ignore] = (), scaled: Mapping[ObjectKey, str] | None = None) -> None:
        self._rules = [(rule, tuple(map(parse, rule.paths))) for rule in rules]
        self._scaled = scaled or {}
        self._known: dict[tuple[Any, ...], Ignored] = {}  # of many objects, each is kept once

    def of(self, key: ObjectKey) -> Ignored:
        """What of this object is left to others."""
        fitting = tuple(index for index, (rule, _) in enumerate(self._rules) if _fits_object(rule, key))
        scaler = self._scaled.get(key, "") if self._scaled else ""
        if not fitting and not scaler:
            return NOTHING
        known = self._known.get((fitting, scaler))
        if known is None:
            paths = [path for index in fitting for path in self._rules[index][1]]
            managers = [name for index in fitting for name in self._rules[index][0].managers]
            if scaler:
                paths.append(REPLICAS)
            known = Ignored(tuple(dict.fromkeys(paths)), tuple(dict.fromkeys(managers)), scaler)
            self._known[(fitting, scaler)] = known
        return known


def _fits_object(rule: Ignore, key: ObjectKey) -> bool:
    return (
        rule.kind == key.kind
        and rule.group == key.group
        and rule.name in (None, key.name)
        and rule.namespace in (None, key.namespace)
    )


# Bodies.


def without(manifest: Manifest, paths: Iterable[Path]) -> Manifest:
    """The manifest that leaves these paths out; the very same if it has none of them."""
    body = before = orjson.loads(manifest.body)
    for path in paths:
        body = omit(body, path)
    return manifest if body is before else _rewritten(manifest, body)


def with_live(manifest: Manifest, live: Mapping[str, Any], paths: Iterable[Path]) -> Manifest:
    """The manifest with the live values at these paths, which an apply of it therefore leaves as they are."""
    body = orjson.loads(manifest.body)
    for path in paths:
        body = fill(body, path, live)
    return _rewritten(manifest, body)


def _rewritten(manifest: Manifest, body: dict[str, Any]) -> Manifest:
    rest = {name: value for name, value in body.items() if name != "metadata"}
    return replace(
        manifest,
        metadata=orjson.dumps(body["metadata"], option=orjson.OPT_SORT_KEYS),
        rest=orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)[1:-1],
    )


def omit(node: Any, path: Path) -> Any:
    """A copy without what is at the path; what gets empty by it goes too, or we would own the empty thing."""
    head, rest = path[0], path[1:]
    if isinstance(head, str):
        if not isinstance(node, dict) or head not in node:
            return node
        below = omit(node[head], rest) if rest else None
        if rest and below is node[head]:
            return node
        if not rest or below in ({}, []):
            return {name: value for name, value in node.items() if name != head}
        return {**node, head: below}
    if not isinstance(node, list) or not any(_selected(item, head) for item in node):
        return node
    if not rest:
        return [item for item in node if not _selected(item, head)]
    items = [omit(item, rest) if _selected(item, head) else item for item in node]
    return node if all(new is old for new, old in zip(items, node, strict=True)) else items


def fill(node: Any, path: Path, live: Any) -> Any:
    """A copy that has at the path what the live object has there."""
    head, rest = path[0], path[1:]
    if isinstance(head, str):
        if not isinstance(live, Mapping) or head not in live:
            return omit(node, path)
        filled = dict(node) if isinstance(node, dict) else {}
        filled[head] = fill(filled.get(head), rest, live[head]) if rest else live[head]
        return filled
    found = next((item for item in live if _selected(item, head)), None) if isinstance(live, list) else None
    if found is None:
        return omit(node, path)
    items = list(node) if isinstance(node, list) else []
    for index, item in enumerate(items):
        if _selected(item, head):
            items[index] = fill(item, rest, found) if rest else found
            return items
    keys = {name: found[name] for name, _ in head if name in found}
    return [*items, fill(keys, rest, found) if rest else found]


def _selected(item: Any, selector: Selector) -> bool:
    """Whether a list item is meant. What it doesn't say of itself fits: a port without its protocol."""
    if not isinstance(item, Mapping):
        return False
    said = [(name, value) for name, value in selector if name in item]
    return bool(said) and all(_text(item[name]) == value for name, value in said)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# Ownership.


def strip(fields: Mapping[str, Any], path: Path, live: Any) -> dict[str, Any]:
    """A FieldsV1 trie without a path and all below it; `live` is the object, to find list items in.

    A parent that only the path kept in the trie goes as well: left empty, it would own all below it.
    """
    head, rest = path[0], path[1:]
    kept: dict[str, Any] = {}
    for segment, below in fields.items():
        if not _is_named(segment, head, live) or (rest and not below):
            kept[segment] = below
        elif rest and (left := strip(below, rest, _at(live, segment))):
            kept[segment] = left
    return kept


def _is_named(segment: str, head: str | Selector, live: Any) -> bool:
    if isinstance(head, str):
        return segment == f"f:{head}"
    if not segment.startswith("k:"):
        return False
    item = _at(live, segment)
    # Selected by a field that isn't the server's key (a port's name): the live item knows both.
    return _selected(orjson.loads(segment[2:]) if item is None else item, head)


def _at(live: Any, segment: str) -> Any:
    """The live value at a segment of a trie."""
    if segment.startswith("f:"):
        return live.get(segment[2:]) if isinstance(live, Mapping) else None
    if segment.startswith("k:") and isinstance(live, list):
        keys = orjson.loads(segment[2:])
        for item in live:
            if isinstance(item, Mapping) and all(item.get(name) == value for name, value in keys.items()):
                return item
    return None


def owned(live: Mapping[str, Any], manager: str, paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those of the paths of which a manager's Apply entry owns something."""
    entry = apply_entry(live["metadata"].get("managedFields") or (), manager)
    fields = (entry.get("fieldsV1") or {}) if entry else {}
    return tuple(path for path in paths if strip(fields, path, live) != fields)


def stripped(live: Mapping[str, Any], manager: str, paths: Iterable[Path]) -> list[Entry] | None:
    """The object's `managedFields` with our entry owning none of the paths; None if it owns none anyway."""
    entries: Sequence[Entry] = live["metadata"].get("managedFields") or ()
    ours = apply_entry(entries, manager)
    if ours is None:
        return None
    before = fields = dict(ours.get("fieldsV1") or {})
    for path in paths:
        fields = strip(fields, path, live)
    if fields == before:
        return None
    return [{**entry, "fieldsV1": fields} if entry is ours else entry for entry in entries]


def atomic_above(live: Mapping[str, Any], paths: Iterable[Path]) -> tuple[Path, Path] | None:
    """A path that leads into an atomic list or map, and the path of that: it can only be owned as a whole."""
    tries = [entry.get("fieldsV1") or {} for entry in live["metadata"].get("managedFields") or ()]
    for path in paths:
        for fields in tries:
            above = _leaf_above(fields, path, live)
            # Whoever once set an empty map owns such a leaf, too; but then others own what is in it.
            if above is not None and not any(_owns_below(one, above, live) for one in tries):
                return path, above
    return None


def _owns_below(fields: Mapping[str, Any], path: Path, live: Any) -> bool:
    head, rest = path[0], path[1:]
    for segment, below in fields.items():
        if _is_named(segment, head, live):
            return _owns_below(below, rest, _at(live, segment)) if rest else bool(below)
    return False


def _leaf_above(fields: Mapping[str, Any], path: Path, live: Any, done: Path = ()) -> Path | None:
    head, rest = path[0], path[1:]
    for segment, below in fields.items():
        if not rest or not _is_named(segment, head, live):
            continue
        value, here = _at(live, segment), (*done, head)
        if below:
            return _leaf_above(below, rest, value, here)
        return here if value and isinstance(value, list | Mapping) else None
    return None


def managed_by(live: Mapping[str, Any], managers: Iterable[str]) -> tuple[Path, ...]:
    """The paths that these managers own in a live object; never what makes it ours."""
    names = frozenset(managers)
    found: dict[Path, None] = {}
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get("manager") in names and entry.get("subresource") != "status":
            found.update(dict.fromkeys(_readable(entry.get("fieldsV1") or {}, live)))
    return tuple(found)


def scaled(live: Mapping[str, Any]) -> tuple[str, tuple[Path, ...]]:
    """Who scales this object by its scale subresource without being a person, and the paths; or nobody."""
    for entry in live["metadata"].get("managedFields") or ():
        if name := scaler_of(entry):
            return name, tuple(_readable(entry.get("fieldsV1") or {}, live))
    return "", ()


_OURS: frozenset[Path] = frozenset(
    {
        ("metadata", "name"),
        ("metadata", "namespace"),
        ("metadata", "labels", APPLYSET_PART_OF_LABEL),
        ("metadata", "annotations", APPLIED_ANNOTATION),
    }
)


def _readable(fields: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Path]:
    """The leaves of a trie. Not list items as such, which are shared, nor what is empty."""
    for trail in paths_of(fields):
        path: list[str | Selector] = []
        value: Any = live
        node: Any = fields
        for segment in trail:
            value, node = _at(value, segment), node[segment]
            if segment.startswith("f:"):
                path.append(segment[2:])
            elif segment.startswith("k:"):
                keys = orjson.loads(segment[2:])
                path.append(tuple((name, _text(one)) for name, one in keys.items()))
            else:
                break  # a member of a set stays in it whoever else owns it
        else:
            if not node and value not in ({}, [], None) and tuple(path) not in _OURS:
                yield tuple(path)


# Autoscalers in the same render.


def autoscaled(manifests: Iterable[Manifest], namespace: str) -> dict[ObjectKey, str]:
    """What the render's autoscalers scale, and which of them does."""
    found: dict[ObjectKey, str] = {}
    for manifest in manifests:
        kind = (manifest.group, manifest.kind)
        if kind not in _AUTOSCALERS:
            continue
        place = manifest.namespace or namespace
        spec = orjson.loads(manifest.body).get("spec")
        if target := target_of(spec, place):
            found[target] = f"{manifest.kind} {place}/{manifest.name}"
    return found


_AUTOSCALERS = frozenset({("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")})


def is_autoscaler(key: ObjectKey) -> bool:
    """Whether an object of this kind scales others."""
    return (key.group, key.kind) in _AUTOSCALERS


def target_of(spec: Any, namespace: str) -> ObjectKey | None:
    """What an autoscaler's spec refers to; a ScaledObject that says no kind means a Deployment."""
    reference = spec.get("scaleTargetRef") if isinstance(spec, Mapping) else None
    if not isinstance(reference, Mapping) or not reference.get("name"):
        return None
    group = str(reference.get("apiVersion") or "apps/v1").rpartition("/")[0]
    return ObjectKey(group, str(reference.get("kind") or "Deployment"), namespace, str(reference["name"]))
