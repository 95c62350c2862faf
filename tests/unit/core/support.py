"""Builders: owners, live objects, manifests, and a toy cluster that a plan can be carried out in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from gitops.api.group import APPLIED_ANNOTATION, APPLYSET_PART_OF_LABEL
from gitops.core.adoption import Parents
from gitops.core.health import HEALTHY
from gitops.core.identity import Owner
from gitops.core.inventory import Absent, Inventory, Live, Look, Observed, observe
from gitops.core.model import Manifest, ObjectKey
from gitops.core.plan import Plan, Policy, Situation, Step, Verb, Wanted, to_look_at

Obj = dict[str, Any]

SHOP = Owner("team-a", "shop", "uid-of-shop")
CAFE = Owner("team-b", "cafe", "uid-of-cafe")
ALIVE = Parents({SHOP.applyset_id: str(SHOP), CAFE.applyset_id: str(CAFE)})


def key(name: str, kind: str = "ConfigMap", group: str = "", namespace: str = "shop") -> ObjectKey:
    return ObjectKey(group, kind, namespace, name)


def entry(manager: str, operation: str = "Apply", fields: Obj | None = None, **more: str) -> Obj:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields if fields is not None else {"f:data": {"f:k": {}}},
        **more,
    }


def marks(at: ObjectKey, owner: Owner = SHOP, content: str = "content") -> Obj:
    """The metadata of a member: label, annotation and Apply entry."""
    return {
        "labels": {APPLYSET_PART_OF_LABEL: owner.applyset_id},
        "annotations": {APPLIED_ANNOTATION: f"{owner.identity_of(at)}.{content}"},
        "managedFields": [entry(owner.manager)],
    }


def live(at: ObjectKey, metadata: Mapping[str, Any] | None = None, **more: Any) -> Live:
    """A live object with this metadata besides its name, namespace, uid and resourceVersion."""
    full = {
        "name": at.name,
        "namespace": at.namespace,
        "uid": f"uid-of-{at}",
        "resourceVersion": "1",
        **(metadata or {}),
        **more,
    }
    return Live(observe({"metadata": full}, at.group_kind, HEALTHY), full)


def member(at: ObjectKey, owner: Owner = SHOP, content: str = "content", **more: Any) -> Observed:
    return live(at, marks(at, owner, content), **more).observed


def wanted(at: ObjectKey, content: str = "content", **more: Any) -> Wanted:
    return Wanted(at, "v1" if not at.group else f"{at.group}/v1", content, f"{at.name}.yaml", **more)


def manifest(
    name: str, kind: str = "ConfigMap", api_version: str = "v1", namespace: str = "", **rest: Any
) -> Manifest:
    metadata: Obj = {"name": name} | ({"namespace": namespace} if namespace else {})
    other = {"apiVersion": api_version, "kind": kind, **rest}
    return Manifest(
        api_version,
        kind,
        namespace,
        name,
        canonical(metadata),
        canonical(other)[1:-1],
        f"{name}.yaml:1",
    )


def canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def situation(
    desired: Iterable[Wanted],
    members: Iterable[Observed] = (),
    looks: Mapping[ObjectKey, Look] | None = None,
    **more: Any,
) -> Situation:
    """What planning looks at; a member is in sync unless `baseline` says otherwise."""
    known = {one.key: one for one in members}
    inventory = Inventory(known, dict(looks or {}))
    baseline = more.pop("baseline", {at: one.digest for at, one in known.items()})
    return Situation(
        SHOP,
        {one.key: one for one in desired},
        inventory,
        more.pop("parents", ALIVE),
        more.pop("policy", Policy()),
        baseline,
        **more,
    )


@dataclass
class Toy:
    """A cluster that does what the API server does, as far as plans can tell."""

    objects: dict[ObjectKey, Obj] = field(default_factory=dict)  # metadata of what is there
    writes: int = 0

    def put(self, at: ObjectKey, metadata: Mapping[str, Any] | None = None, *, uid: str = "") -> None:
        self.writes += 1
        self.objects[at] = {
            "name": at.name,
            "namespace": at.namespace,
            **(metadata or {}),
            "uid": uid or f"uid-{self.writes}",
            "resourceVersion": str(self.writes),
        }

    def live(self, at: ObjectKey) -> Live:
        metadata = self.objects[at]
        return Live(observe({"metadata": metadata}, at.group_kind, HEALTHY), metadata)

    def situation(self, desired: Mapping[ObjectKey, Wanted], policy: Policy | None = None) -> Situation:
        """What the controller would gather: labelled objects by its watches, the rest by looks."""
        seen = {at: self.live(at).observed for at in self.objects}
        labelled = {at: one for at, one in seen.items() if one.part_of == SHOP.applyset_id}
        inventory = Inventory(labelled)
        looks: dict[ObjectKey, Look] = {
            at: self.live(at) if at in self.objects else Absent()
            for at in to_look_at(desired, SHOP, inventory)
        }
        baseline = {at: one.digest for at, one in labelled.items()}
        return Situation(SHOP, desired, Inventory(labelled, looks), ALIVE, policy or Policy(), baseline)

    def carry_out(self, plan: Plan) -> None:
        for step in (*plan.steps, *plan.prunes):
            if step.acts:
                self._do(step)

    def _do(self, step: Step) -> None:
        there = self.objects.get(step.key)
        if step.verb is Verb.CREATE:
            assert there is None, f"{step.key} is to be created but is there"
            self.put(step.key, marks(step.key, SHOP, step.content))
            return
        assert there, f"{step} of an object that isn't there"
        assert (there["uid"], there["resourceVersion"]) == (step.uid, step.resource_version)
        if step.verb is Verb.DELETE:
            del self.objects[step.key]
        else:
            self._apply(step, there)

    def _apply(self, step: Step, there: Obj) -> None:
        ours = marks(step.key, SHOP, step.content)
        merged = {
            **there,
            "labels": {**there.get("labels", {}), **ours["labels"]},
            "annotations": {**there.get("annotations", {}), **ours["annotations"]},
            "managedFields": [
                *ours["managedFields"],
                *(
                    one
                    for one in there.get("managedFields", ())
                    if one["manager"] not in (SHOP.manager, *step.take)
                ),
            ],
        }
        self.put(step.key, merged, uid=there["uid"])


def changed(seen: Observed, **fields: Any) -> Observed:
    return replace(seen, **fields)
