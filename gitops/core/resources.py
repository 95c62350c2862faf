"""What an API server serves: resources by kind, and the URL paths of their objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from gitops.api.group import GROUP, KIND, PLURAL, VERSION
from gitops.core.model import GroupKind, ObjectKey

NEEDED_VERBS = frozenset({"get", "list", "watch", "patch", "delete"})


@dataclass(frozen=True, slots=True)
class Resource:
    """One served type at one version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]
    short: tuple[str, ...] = ()  # what people call it: deploy, svc

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def missing_verbs(self) -> frozenset[str]:
        """The verbs without which we can't manage objects of this type."""
        return NEEDED_VERBS - self.verbs

    def collection(self, namespace: str = "") -> str:
        """The path of the collection, in one namespace or (empty) across all."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        middle = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        return f"{root}{middle}/{self.plural}"

    def path(self, key: ObjectKey) -> str:
        """The path of one object."""
        return f"{self.collection(key.namespace)}/{quote(key.name, safe='')}"


APPLICATIONS = Resource(GROUP, VERSION, KIND, PLURAL, namespaced=True, verbs=NEEDED_VERBS)


class Catalog:
    """The served resources of one cluster, as discovery listed them; immutable."""

    __slots__ = ("_exact", "_preferred", "unavailable")

    def __init__(self, resources: Iterable[Resource], unavailable: Iterable[str] = ()) -> None:
        """`resources` in the server's order of preference; `unavailable`: groups whose backend is down."""
        self._exact: dict[tuple[str, str], Resource] = {}
        self._preferred: dict[GroupKind, Resource] = {}
        for resource in resources:
            self._exact[(resource.api_version, resource.kind)] = resource
            self._preferred.setdefault(resource.group_kind, resource)
        self.unavailable = frozenset(unavailable)

    def at_version(self, api_version: str, kind: str) -> Resource | None:
        """The resource served at exactly this version."""
        return self._exact.get((api_version, kind))

    def preferred(self, kind: GroupKind) -> Resource | None:
        """The resource of a kind at the version that the server prefers."""
        return self._preferred.get(kind)

    def kinds_of(self, group: str) -> list[GroupKind]:
        """The kinds that are served in a group."""
        return [kind for kind in self._preferred if kind.group == group]

    def named(self, word: str) -> Resource | None:
        """The resource that a person means by `deployment`, `Deployments`, `deploy` or `deployment.apps`."""
        name, _, group = word.lower().partition(".")
        for one in self._preferred.values():
            if name in (one.kind.lower(), one.plural, *one.short) and (not group or one.group == group):
                return one
        return None

    def versions_of(self, kind: GroupKind) -> list[str]:
        """The API versions at which a kind is served."""
        return [r.api_version for r in self._exact.values() if r.group_kind == kind]

    def api_versions(self) -> tuple[str, ...]:
        """What a chart can ask for: `apps/v1` and `apps/v1/Deployment`, sorted."""
        found = {r.api_version for r in self._exact.values()}
        found.update(f"{r.api_version}/{r.kind}" for r in self._exact.values())
        return tuple(sorted(found))
