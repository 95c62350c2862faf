"""What a diagnosis is made of: the world as it was read, and the causes that rules find in it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

from gitops.core.model import GroupKind, ObjectKey

Object: TypeAlias = Mapping[str, Any]


class Depth(IntEnum):
    """How near a cause is to the root: of several, the deepest is the one to name.

    A Deployment without ready replicas (EFFECT) has a Pod that crashes (STATE) because a key is
    missing in a Secret (ROOT).
    """

    EFFECT = 0
    STATE = 1
    ROOT = 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was seen, and the command that shows it.

    `log` marks text of a container: it belongs in the command's output only, never in a status
    or an Event.
    """

    text: str
    command: str = ""
    log: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """One answer to "why": a sentence about `key` without log text, what shows it, and what to try.

    The sentence goes on from the object's name: "Pod shop/web-1" "is killed again and again: …".
    `id` is the stable name of the scenario (`oom-killed`), for programs and for tests.
    """

    id: str
    key: ObjectKey
    sentence: str
    depth: Depth
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[str, ...] = ()
    others: tuple[ObjectKey, ...] = ()  # siblings of `key` with the same trouble


@dataclass(frozen=True, slots=True)
class World:
    """What was read for one diagnosis. A kind that could not be read is in `unreadable`, with why.

    What isn't there and isn't in `unreadable` was looked for and is absent: a rule must ask
    `is_known` before it calls something absent.
    """

    objects: Mapping[ObjectKey, Object]  # whole objects; of Secrets only metadata and the names of keys
    events: Mapping[ObjectKey, tuple[Object, ...]] = field(default_factory=dict)  # newest first
    logs: Mapping[tuple[ObjectKey, str], tuple[str, ...]] = field(default_factory=dict)  # (Pod, container)
    read: frozenset[tuple[GroupKind, str]] = frozenset()  # kinds that were listed, and where; "": everywhere
    unreadable: Mapping[GroupKind, str] = field(default_factory=dict)

    def is_known(self, kind: GroupKind, namespace: str = "") -> bool:
        """Whether all objects of a kind in a namespace (empty: of the cluster) were read."""
        return (kind, namespace) in self.read or (kind, "") in self.read


Rule: TypeAlias = Callable[[ObjectKey, Object, World], Iterable[Cause]]
