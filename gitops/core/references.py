"""Which ConfigMaps and Secrets the Pods of a template read, and how."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reference:
    """One mention of a ConfigMap or Secret in a Pod's spec; `path` is its place in that spec."""

    kind: str
    name: str
    path: str
    keys: tuple[str, ...] = ()  # that must be in it; empty: none is named
    optional: bool = False
    volume: str = ""  # the volume that holds it; empty: it is read into the environment


def references(pod: Mapping[str, Any]) -> Iterator[Reference]:
    """Every mention with a name, in the order of the spec; what has a wrong shape is left out."""
    for field in ("containers", "initContainers"):
        for position, container in enumerate(_items(pod, field)):
            place = f"{field}[name={container.get('name', position)}]"
            for kind, source, keys, path in _environment(container):
                yield from _reference(kind, source, "name", f"{place}.{path}", keys)
    for volume in _items(pod, "volumes"):
        name = str(volume.get("name"))
        for kind, source, field, path in _sources(volume):
            keys = tuple(str(one["key"]) for one in _items(source, "items") if "key" in one)
            yield from _reference(kind, source, field, f"volumes[name={name}].{path}", keys, name)


def _environment(
    container: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], tuple[str, ...], str]]:
    for position, source in enumerate(_items(container, "envFrom")):
        yield "ConfigMap", _mapping(source.get("configMapRef")), (), f"envFrom[{position}]"
        yield "Secret", _mapping(source.get("secretRef")), (), f"envFrom[{position}]"
    for variable in _items(container, "env"):
        found = _mapping(variable.get("valueFrom"))
        for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            source = _mapping(found.get(field))
            keys = (str(source["key"]),) if source.get("key") else ()
            yield kind, source, keys, f"env[name={variable.get('name')}]"


def _sources(volume: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str, str]]:
    yield "ConfigMap", _mapping(volume.get("configMap")), "name", "configMap"
    yield "Secret", _mapping(volume.get("secret")), "secretName", "secret"
    for position, source in enumerate(_items(_mapping(volume.get("projected")), "sources")):
        path = f"projected.sources[{position}]"
        yield "ConfigMap", _mapping(source.get("configMap")), "name", path
        yield "Secret", _mapping(source.get("secret")), "name", path


def _reference(
    kind: str,
    source: Mapping[str, Any],
    field: str,
    path: str,
    keys: tuple[str, ...],
    volume: str = "",
) -> Iterator[Reference]:
    name = source.get(field)
    if isinstance(name, str) and name:
        yield Reference(kind, name, path, keys, source.get("optional") is True, volume)


def _items(parent: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    found = parent.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
