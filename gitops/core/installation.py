"""`gitops install`, decided: what is to be there, whose the existing is, which image, what has changed."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

from gitops.core.adoption import tool_of
from gitops.core.inventory import Live
from gitops.core.model import ObjectKey

MANAGER = "gitops-install"

Object: TypeAlias = Mapping[str, Any]

_MARK = ("app.kubernetes.io/name", "gitops")
_VERSION_LABEL = "app.kubernetes.io/version"
# A namespace before what is in it, a definition before what speaks of it, rights before who needs them.
_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding")
_LAST = ("Deployment",)


def key_of(obj: Object) -> ObjectKey:
    """The key of one of the manifests."""
    group = str(obj["apiVersion"]).rpartition("/")[0]
    metadata = obj["metadata"]
    return ObjectKey(group, obj["kind"], metadata.get("namespace", ""), metadata["name"])


def arranged(manifests: Iterable[Object], namespace: str, image: str) -> list[dict[str, Any]]:
    """The manifests for this namespace and image, in the order in which they are to be applied.

    An empty `image` leaves the one of the manifests.
    """
    objects = [deepcopy(dict(one)) for one in manifests]
    home = next(one["metadata"]["name"] for one in objects if one["kind"] == "Namespace")
    for one in objects:
        metadata = one["metadata"]
        if metadata.get("namespace") == home:
            metadata["namespace"] = namespace
        if one["kind"] == "Namespace":
            metadata["name"] = namespace
        for subject in one.get("subjects") or ():
            if subject.get("namespace") == home:
                subject["namespace"] = namespace
        if image and one["kind"] == "Deployment":
            for container in _containers(one):
                container["image"] = image
    return sorted(objects, key=_place)


def _place(obj: Object) -> int:
    kind = obj["kind"]
    if kind in _FIRST:
        return _FIRST.index(kind)
    return len(_FIRST) + (kind in _LAST)


def image_of(deployment: Object | None) -> str:
    """The image of a Deployment's first container; empty for none."""
    containers = _containers(deployment) if deployment else ()
    return str(containers[0].get("image", "")) if containers else ""


def chosen_image(given: str, shipped: Object, installed: Object | None) -> str:
    """The image to run: the one asked for, else the installed one at our version, else the shipped one.

    Where somebody has pushed the image to is known to the installed Deployment alone. A tag that is
    not the installed version's, or a digest, was chosen by a person, and stays.
    """
    if given or installed is None:
        return given or image_of(shipped)
    image = image_of(installed)
    repository, separator, tag = image.rpartition(":")
    if separator and "/" not in tag and "@" not in image and tag == _version(installed):
        return f"{repository}:{_version(shipped)}"
    return image or image_of(shipped)


def _version(deployment: Object) -> str:
    return str((deployment["metadata"].get("labels") or {}).get(_VERSION_LABEL, ""))


def objection(live: Live, current: Object, wanted: Object) -> str | None:
    """Why an object that exists is not ours to change, in words; None: it is, or was installed by hand.

    Labels can be copied, so a tool's mark counts before them; what has neither our manager's
    entry nor our name is something else that happens to be called so.
    """
    if any(_is_ours(entry) for entry in live.metadata.get("managedFields") or ()):
        tool = tool_of(live)
        return f"{tool} owns it" if tool else _elsewhere(current, wanted)
    tool = tool_of(live)
    if tool:
        return f"{tool} owns it"
    name, value = _MARK
    named = (live.metadata.get("labels") or {}).get(name) == value
    if not named and wanted["kind"] != "CustomResourceDefinition":
        return "it exists and is not a part of gitops"
    return _elsewhere(current, wanted)


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply"


def _elsewhere(current: Object, wanted: Object) -> str | None:
    """Rights that are bound to another namespace's account: there is a second installation."""
    homes = {one.get("namespace") for one in current.get("subjects") or ()}
    ours = {one.get("namespace") for one in wanted.get("subjects") or ()}
    others = sorted(str(home) for home in homes - ours if home)
    return f"gitops is installed in the namespace {others[0]}" if ours and others else None


def is_same(before: Object, after: Object) -> bool:
    """Whether an apply (or its dry run) changed nothing but its own bookkeeping."""
    return _plain(before) == _plain(after)


def _plain(obj: Object) -> tuple[Any, ...]:
    metadata = dict(obj["metadata"])
    entries: Sequence[Mapping[str, Any]] = metadata.pop("managedFields", None) or ()
    for name in ("resourceVersion", "generation"):
        metadata.pop(name, None)
    managers = [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
    managers.sort(key=str)
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    return metadata, managers, rest


def _containers(deployment: Object) -> list[dict[str, Any]]:
    containers: list[dict[str, Any]] = deployment["spec"]["template"]["spec"]["containers"]
    return containers
