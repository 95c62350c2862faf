"""What a CustomResourceDefinition takes away from those who use it: versions, fields, freedom of values."""

from collections.abc import Iterator, Mapping
from typing import Any

from gitops.core.reading import items, part

# Each narrows what may be written; the value says from when on: another value, or any.
_NARROWING = ("enum", "pattern", "maximum", "minimum", "maxLength", "minLength", "maxItems", "minItems")


def narrowed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The changes by which objects or clients that worked before may fail, one sentence each."""
    old, new = part(before, "spec"), part(after, "spec")
    found: list[str] = []
    if old.get("scope") != new.get("scope"):
        found.append(f"the scope changes from {old.get('scope')} to {new.get('scope')}")
    versions, left = _versions(old), _versions(new)
    for name, version in versions.items():
        if name not in left:
            found.append(f"version {name} is dropped")
            continue
        if version.get("served", True) and not left[name].get("served", True):
            found.append(f"version {name} is no longer served")
        found += [f"version {name}: {what}" for what in _schema(_of(version), _of(left[name]), "")]
    stored = [_stored(versions), _stored(left)]
    if stored[0] != stored[1]:
        found.append(
            f"the storage version changes from {stored[0]} to {stored[1]}: objects are stored in it when "
            "they are next written"
        )
    return tuple(found)


def _schema(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[str]:
    here = path or "/"
    if old.get("type") != new.get("type") and old.get("type") is not None:
        yield f"{here} changes its type from {old.get('type')} to {new.get('type')}"
        return
    properties, kept = part(old, "properties"), part(new, "properties")
    open_now = new.get("x-kubernetes-preserve-unknown-fields") or new.get("additionalProperties")
    for name, schema in properties.items():
        if name in kept:
            yield from _schema(part(schema), part(kept[name]), f"{path}/{name}")
        elif not open_now:
            yield f"field {path}/{name} is dropped: its values are lost when objects are next written"
    for name in _names(new.get("required")):
        if name not in _names(old.get("required")):
            yield f"field {path}/{name} is required now"
    for rule in _NARROWING:
        if rule in new and _is_narrower(rule, old.get(rule), new[rule]):
            yield f"{here} allows less: {rule} is {new[rule]} now"
    for below in ("items", "additionalProperties"):
        if isinstance(old.get(below), Mapping) and isinstance(new.get(below), Mapping):
            yield from _schema(old[below], new[below], f"{path}[]" if below == "items" else f"{path}/*")


def _is_narrower(rule: str, old: Any, new: Any) -> bool:
    if old is None:
        return True
    if rule == "enum":
        return any(one not in new for one in old)
    if rule == "pattern":
        return bool(old != new)
    return bool(new < old if rule.startswith("max") else new > old)


def _versions(spec: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(one.get("name")): one for one in items(spec, "versions")}


def _stored(versions: Mapping[str, Mapping[str, Any]]) -> str:
    return next((name for name, one in versions.items() if one.get("storage")), "none")


def _of(version: Mapping[str, Any]) -> Mapping[str, Any]:
    return part(version, "schema", "openAPIV3Schema")


def _names(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
