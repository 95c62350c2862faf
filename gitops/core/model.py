"""The values that every room shares: object keys, manifests, trees of files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


# Keys are tuples: they are hashed and compared some ten times for each object of each pass, and a
# dataclass does that in Python.
class GroupKind(NamedTuple):
    """A type of object regardless of its version; `group` is empty for the core group."""

    group: str
    kind: str

    def __str__(self) -> str:
        """`Deployment.apps`, `ConfigMap`: the spelling of KEP-3659's annotations."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


class ObjectKey(NamedTuple):
    """One object in one cluster; `namespace` is empty for cluster-scoped objects."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    def __str__(self) -> str:
        """`Deployment.apps shop/web`, `Namespace shop`: how every message names an object."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.group_kind} {place}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One desired object, kept as bytes so that it is serialised once.

    `metadata` is the canonical JSON of the object's metadata; `rest` is the canonical
    JSON of all its other top-level fields without the outer braces (it always holds
    apiVersion and kind, so it is never empty). Together they are the object:
    `{"metadata":<metadata>,<rest>}`. Canonical means: keys sorted, no spaces, UTF-8.
    """

    api_version: str
    kind: str
    namespace: str  # as the manifest says; empty when it says nothing
    name: str
    metadata: bytes = field(repr=False)
    rest: bytes = field(repr=False)  # may hold Secret data: never print it
    origin: str  # "deploy/app.yaml:12" or "templates/web.yaml" for a template's output

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def body(self) -> bytes:
        """The whole object as JSON, as the repository describes it."""
        return b'{"metadata":' + self.metadata + b"," + self.rest + b"}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a revision wants: the objects, and what the render could not honour.

    `hidden` are the values of Secrets that went in: no message may show them.
    """

    manifests: tuple[Manifest, ...]
    warnings: tuple[str, ...] = ()
    hidden: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a source tree: path relative to its root with `/`, Git's mode, content.

    `mode` is 0o100644, 0o100755, or 0o120000 for a symbolic link, whose content is its target.
    """

    path: str
    mode: int
    content: bytes = field(repr=False)


class Tree(Protocol):
    """A source tree at one revision: a commit in a mirror, or a folder of this machine."""

    def digest(self, path: str) -> str | None:
        """An identifier that changes when the file or folder at `path` changes; None: not there.

        `path` is relative to the root, `""` is the root itself.
        """
        ...

    def files(self, paths: Iterable[str]) -> list[TreeFile]:
        """All files at and below each of `paths` (files or folders), each once, sorted by path."""
        ...


Labels: TypeAlias = Mapping[str, str]
