"""`gitops tree`: an Application or any object, and everything below it down to the Pods."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gitops.api.application import Application, InvalidApplication
from gitops.api.group import API_VERSION, APPLYSET_PART_OF_LABEL, HOOK_OF_LABEL, KIND
from gitops.cli.look import Screen
from gitops.cli.options import Output
from gitops.cli.tree_look import as_data, drawn, flat, notes
from gitops.cli.watching import show
from gitops.core.applyset import kinds_of, namespaces_of
from gitops.core.directives import of_live
from gitops.core.health import Health, HealthState, assess, needs_body
from gitops.core.health.custom import CustomJudge, read_custom
from gitops.core.health.definition import InvalidRulesError
from gitops.core.identity import applyset_id
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.owning import ownable
from gitops.core.resources import APPLICATIONS, Catalog, Resource
from gitops.core.tree import Node, Seen, forest, missing, seen, with_children
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace
from gitops.kube.discovery import discover
from gitops.kube.feed import Feed, Query
from gitops.kube.objects import typed


async def run(
    name: str,
    *,
    access: Access,
    namespace: str | None,
    output: Output,
    color: bool,
    follow: bool,
    everything: bool,
    depth: int,
) -> int:
    """Print the tree of one Application or object."""
    from gitops.cli.naming import resolve

    client = await Client.connect(access)
    try:
        catalog = await discover(client)
        home = namespace or context_namespace(access)
        key = await resolve(client, catalog, name, home)
        feed = Feed(client)
        screen = Screen.here(color=color)
        view = TreeView(feed, key, catalog, screen, everything=everything, depth=depth)
        return await show(feed, view, screen, output, follow=follow)
    finally:
        await client.close()


@dataclass(frozen=True, slots=True)
class TreeView:
    """The tree as it is known now, and the lists that it is made of."""

    feed: Feed
    root: ObjectKey
    catalog: Catalog
    screen: Screen
    everything: bool = False
    depth: int = 1

    def queries(self) -> Iterable[Query]:
        yield self._root_query()
        found = self._live(self._root_query()).get(self.root)
        if self.root.group_kind != APPLICATIONS.group_kind:
            for resource in ownable([self.root.group_kind], self.catalog):
                yield _query(resource, self.root.namespace)
        elif found:
            yield from self._of_application(found, self.depth)

    def _root_query(self) -> Query:
        resource = self.catalog.preferred(self.root.group_kind) or APPLICATIONS
        chosen = f"metadata.name={self.root.name}"
        return replace(_query(resource, self.root.namespace), fields=chosen)

    def _of_application(self, obj: Mapping[str, Any], depth: int) -> Iterable[Query]:
        app = _application(obj)
        if app is None:
            return
        for resource, namespaces, selector in self._places(app):
            for namespace in namespaces:
                query = _query(resource, namespace, selector)
                yield query
                if depth and resource.group_kind == APPLICATIONS.group_kind:
                    for key, child in self._live(query).items():
                        if _is_member(child, app) and key != self.root:
                            yield from self._of_application(child, depth - 1)

    def _places(self, app: Application) -> Iterable[tuple[Resource, tuple[str, ...], str]]:
        """What to list for an Application: type, namespaces, selector."""
        kinds = kinds_of(app.metadata)
        # Of what was never created we can only say that it is missing if we looked.
        kinds |= {GroupKind(one.object.group, one.object.kind) for one in app.status.problems if one.object}
        hooks = {GroupKind(one.object.group, one.object.kind) for one in app.status.hooks}
        homes = {one.object.namespace for one in app.status.hooks if one.object.namespace}
        spaces = tuple(sorted(namespaces_of(app.metadata) | homes))
        owned = {one.group_kind: one for one in ownable(sorted(kinds | hooks), self.catalog)}
        own = applyset_id(app.metadata.namespace, app.metadata.name)
        for label, chosen in ((APPLYSET_PART_OF_LABEL, kinds), (HOOK_OF_LABEL, hooks)):
            for kind in sorted(chosen - owned.keys()):
                if resource := self.catalog.preferred(kind):
                    yield resource, spaces if resource.namespaced else ("",), f"{label}={own}"
        for resource in owned.values():
            yield resource, spaces, ""

    def _live(self, query: Query) -> dict[ObjectKey, Mapping[str, Any]]:
        kind = query.resource.group_kind
        return {
            ObjectKey(
                kind.group, kind.kind, one["metadata"].get("namespace", ""), one["metadata"]["name"]
            ): one
            for one in self.feed.objects.get(query, {}).values()
        }

    def node(self) -> Node:
        """The tree; a root that is gone meanwhile is Missing."""
        found = self._live(self._root_query()).get(self.root)
        if found is None:
            why = self.feed.failures.get(self._root_query())
            if why:
                return Node(self.root, Health(HealthState.UNKNOWN, why))
            return missing(self.root, "there is no such object")
        if self.root.group_kind == APPLICATIONS.group_kind:
            return self._application_node(self.root, found, self.depth)
        top = _seen(self.root, found)
        owned = [_seen(key, one) for query in self.queries() for key, one in self._live(query).items()]
        return forest([top], owned)[0]

    def _application_node(self, key: ObjectKey, obj: Mapping[str, Any], depth: int) -> Node:
        one = _seen(key, obj)
        top = Node(key, one.health, one.created, uid=one.uid)
        app = _application(obj)
        if app is None:
            return top
        live = {
            found: item for query in self._of_application(obj, 0) for found, item in self._live(query).items()
        }
        judges = _judges(app)
        members, owned = [], []
        for found, item in live.items():
            if _is_member(item, app):
                members.append(_judged(found, item, judges))
            elif phase := _phase_of(found, item, app):
                members.append(replace(_seen(found, item), hook=phase))
            else:
                owned.append(_seen(found, item))
        nodes = [
            self._application_node(child.key, live[child.key], depth - 1)
            if child.key.group_kind == APPLICATIONS.group_kind and depth and child.key in live
            else child
            for child in forest(members, owned)
        ]
        return with_children(top, [*nodes, *self._absent(app, obj, live)])

    def _absent(
        self, app: Application, obj: Mapping[str, Any], live: Mapping[ObjectKey, Any]
    ) -> Iterable[Node]:
        """What the status names and a list that succeeded doesn't have."""
        unread = {
            one.resource.group_kind for one in self._of_application(obj, 0) if one in self.feed.failures
        }
        named: set[ObjectKey] = set()
        for problem in app.status.problems:
            if problem.object is None:
                continue
            at = problem.object
            key = ObjectKey(at.group, at.kind, at.namespace, at.name)
            if key not in live and key not in named and key.group_kind not in unread:
                named.add(key)
                yield missing(key, problem.message)

    def unreadable(self) -> list[dict[str, str]]:
        """The lists that failed: what is in them may be there."""
        return [
            {
                "group": one.resource.group,
                "kind": one.resource.kind,
                "namespace": one.namespace,
                "message": why,
            }
            for one, why in sorted(
                self.feed.failures.items(), key=lambda item: (item[0].resource.kind, item[0].namespace)
            )
        ]

    def text(self) -> list[str]:
        root = self.node()
        lines = drawn(root, self.screen, datetime.now(UTC), everything=self.everything)
        return [*lines, *notes(self.unreadable(), self._unnamed(root), self.screen)]

    def _unnamed(self, root: Node) -> int:
        """How many objects the status counts that neither the cluster nor its problems show."""
        found = self._live(self._root_query()).get(self.root)
        app = _application(found) if found and self.root.group_kind == APPLICATIONS.group_kind else None
        if found is None or app is None or app.status.objects is None or self.feed.failures:
            return 0
        live = {
            key
            for query in self._of_application(found, 0)
            for key, one in self._live(query).items()
            if _is_member(one, app)
        }
        absent = sum(one.health.state is HealthState.MISSING for one in root.children)
        return max(app.status.objects.total - len(live) - absent, 0)

    def lines(self) -> Mapping[str, str]:
        return flat(self.node())

    def data(self) -> Any:
        return {"tree": as_data(self.node()), "unreadable": self.unreadable()}


def _query(resource: Resource, namespace: str, selector: str = "") -> Query:
    # Data of Secrets and ConfigMaps is never asked for.
    return Query(
        resource,
        namespace if resource.namespaced else "",
        selector,
        metadata_only=not needs_body(resource.group_kind),
    )


def _seen(key: ObjectKey, obj: Mapping[str, Any]) -> Seen:
    return seen(obj, key, assess(typed(obj, key.group_kind)))


def _judges(app: Application) -> Mapping[GroupKind, CustomJudge]:
    """The Application's own rules. Those of the ConfigMap gitops-health are the controller's to know."""
    written = [one.written() for one in app.spec.health]
    rules, _ = read_custom(written, "spec.health")
    judges = {}
    for kind, rule in rules.items():
        with suppress(InvalidRulesError):  # the status of the Application tells
            judges[kind] = CustomJudge(rule)
    return judges


def _judged(key: ObjectKey, obj: Mapping[str, Any], judges: Mapping[GroupKind, CustomJudge]) -> Seen:
    """A member, by the rules that count for it."""
    own = judges.get(key.group_kind)
    one = _seen(key, obj)
    health = own.assess(typed(obj, key.group_kind)) if own else one.health
    annotations = obj["metadata"].get("annotations") or {}
    if health.state is not HealthState.HEALTHY and of_live(annotations).ignore_health:
        said = f"ignored, as its annotation asks: {health.state}, {health.message}"
        health = Health(HealthState.HEALTHY, said)
    return replace(one, health=health)


def _is_member(obj: Mapping[str, Any], app: Application) -> bool:
    labels = obj["metadata"].get("labels") or {}
    own = applyset_id(app.metadata.namespace, app.metadata.name)
    return bool(labels.get(APPLYSET_PART_OF_LABEL) == own)


def _phase_of(key: ObjectKey, obj: Mapping[str, Any], app: Application) -> str:
    """The phase of a hook of the newest sync; empty for everything else."""
    labels = obj["metadata"].get("labels") or {}
    if labels.get(HOOK_OF_LABEL) != applyset_id(app.metadata.namespace, app.metadata.name):
        return ""
    return next(
        (one.phase for one in app.status.hooks if (one.object.kind, one.name) == (key.kind, key.name)), ""
    )


def _application(obj: Mapping[str, Any]) -> Application | None:
    try:
        return Application.parse({**obj, "apiVersion": API_VERSION, "kind": KIND})
    except InvalidApplication:  # stored under an older definition: shown without what is below it
        return None
