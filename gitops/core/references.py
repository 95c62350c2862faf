"""Which ConfigMaps and Secrets the Pods of a template read, and how."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops.core.reading import items, part


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
        for position, container in enumerate(items(pod, field)):
            place = f"{field}[name={container.get('name', position)}]"
            for kind, source, keys, path in _environment(container):
                yield from _reference(kind, source, "name", f"{place}.{path}", keys)
    for volume in items(pod, "volumes"):
        name = str(volume.get("name"))
        for kind, source, field, path in _sources(volume):
            keys = tuple(str(one["key"]) for one in items(source, "items") if "key" in one)
            yield from _reference(kind, source, field, f"volumes[name={name}].{path}", keys, name)


def _environment(
    container: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], tuple[str, ...], str]]:
    for position, source in enumerate(items(container, "envFrom")):
        yield "ConfigMap", part(source, "configMapRef"), (), f"envFrom[{position}]"
        yield "Secret", part(source, "secretRef"), (), f"envFrom[{position}]"
    for variable in items(container, "env"):
        found = part(variable, "valueFrom")
        for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            source = part(found, field)
            keys = (str(source["key"]),) if source.get("key") else ()
            yield kind, source, keys, f"env[name={variable.get('name')}]"


def _sources(volume: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str, str]]:
    yield "ConfigMap", part(volume, "configMap"), "name", "configMap"
    yield "Secret", part(volume, "secret"), "secretName", "secret"
    for position, source in enumerate(items(volume, "projected", "sources")):
        path = f"projected.sources[{position}]"
        yield "ConfigMap", part(source, "configMap"), "name", path
        yield "Secret", part(source, "secret"), "name", path


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
