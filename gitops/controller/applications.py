"""The Applications of the cluster, as their watch shows them, and who among them is to be looked at."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from gitops.api.application import Application, InvalidApplication
from gitops.api.group import (
    API_VERSION,
    APPROVE_ANNOTATION,
    HOLD_ANNOTATION,
    KIND,
)
from gitops.core.applyset import kinds_of, namespaces_of
from gitops.core.approval import names
from gitops.core.identity import Owner, applyset_id
from gitops.core.model import GroupKind
from gitops.core.resources import Resource

if TYPE_CHECKING:
    from gitops.observe.logs import Logger

AppKey: TypeAlias = tuple[str, str]


def owner_of(app: Application) -> Owner:
    """The Application in its role as the owner of objects."""
    return Owner(app.metadata.namespace, app.metadata.name, app.metadata.uid)


def key_of(app: Application) -> AppKey:
    """The (namespace, name) that queue, memory and registry know an Application by."""
    return app.metadata.namespace, app.metadata.name


def lacks_account(app: Application, home: str | None) -> bool:
    """Whether it has nobody to write as: no service account is needed in `home` alone; None: nowhere."""
    return not app.spec.service_account_name and home not in (None, app.metadata.namespace)


def is_approved(app: Application, sha: str) -> bool:
    """Whether somebody said yes to the prunes of this very revision."""
    return names(app.metadata.annotations.get(APPROVE_ANNOTATION, ""), sha)


class Registry:
    """All Applications by key and by ApplySet id. `due` is called for each that a pass has to look at."""

    def __init__(self, due: Callable[[AppKey], None], gone: Callable[[AppKey], None]) -> None:
        self._apps: dict[AppKey, Application] = {}
        self._by_set: dict[str, AppKey] = {}
        self._names: dict[str, str] = {}
        self._due = due
        self._gone = gone

    def get(self, key: AppKey) -> Application | None:
        return self._apps.get(key)

    def all(self) -> list[Application]:
        return list(self._apps.values())

    def by_set(self, set_id: str) -> AppKey | None:
        """The Application with this ApplySet id."""
        return self._by_set.get(set_id)

    def applysets(self) -> Mapping[str, str]:
        """ApplySet id → `namespace/name`, of all Applications that exist."""
        return self._names

    def moved_on(self, app: Application) -> bool:
        """Whether what `app` is a copy of asks for something else since, or is deleted."""
        now = self._apps.get(key_of(app))
        return (
            now is None
            or now.metadata.generation != app.metadata.generation
            or _hold(now) != _hold(app)
            or now.metadata.deletion_timestamp is not None
        )

    @staticmethod
    def kinds_of(app: Application) -> set[GroupKind]:
        return kinds_of(app.metadata)

    @staticmethod
    def namespaces_of(app: Application) -> set[str]:
        return namespaces_of(app.metadata)

    # What the reflector tells.

    def replaced(self, resource: Resource, objects: list[Mapping[str, Any]]) -> None:
        seen = {(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]) for obj in objects}
        for obj in objects:
            self.changed(resource, obj)
        for key in [key for key in self._apps if key not in seen]:
            self._remove(key)

    def changed(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        try:
            app = Application.parse({**obj, "apiVersion": API_VERSION, "kind": KIND})
        except InvalidApplication as error:
            # The CRD refuses it at the door; this one was stored under an older CRD.
            metadata = obj["metadata"]
            _log().error(
                "can't be understood",
                application=f"{metadata.get('namespace')}/{metadata['name']}",
                error=str(error),
            )
            return
        key = key_of(app)
        before = self._apps.get(key)
        self._apps[key] = app
        set_id = applyset_id(*key)
        self._by_set[set_id] = key
        self._names[set_id] = f"{key[0]}/{key[1]}"
        if before is None or _asks_for_a_pass(before, app):
            self._due(key)

    def deleted(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        self._remove((obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))

    def failed(self, resource: Resource, status: int, message: str) -> None:
        _log().warning("can't watch Applications", status=status, error=message)

    def _remove(self, key: AppKey) -> None:
        if self._apps.pop(key, None):
            set_id = applyset_id(*key)
            self._by_set.pop(set_id, None)
            self._names.pop(set_id, None)
            self._gone(key)


def _asks_for_a_pass(before: Application, after: Application) -> bool:
    """Everything but the status, which we write ourselves."""
    old, new = before.metadata, after.metadata
    return (
        old.uid != new.uid
        or old.generation != new.generation
        or old.annotations != new.annotations
        or old.labels != new.labels
        or old.finalizers != new.finalizers
        or old.deletion_timestamp != new.deletion_timestamp
    )


def _hold(app: Application) -> str | None:
    return app.metadata.annotations.get(HOLD_ANNOTATION)


def _log() -> "Logger":
    from gitops.observe import logs  # here: commands use only the functions above, and log nothing

    return logs.get("applications")
