"""Observe: what is true of an Application's objects now, by watches, looks and dry runs."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gitops.controller.applications import Registry
from gitops.controller.cluster import Cluster
from gitops.controller.gather import dead_releases, drift_of, each, look_at
from gitops.controller.members import Members
from gitops.controller.memory import Memory, Target
from gitops.controller.passes import Pass
from gitops.controller.policy import policy_of
from gitops.controller.progress import Towards
from gitops.controller.suspicion import checks, weigh
from gitops.controller.targets import Targets
from gitops.core.adoption import Parents
from gitops.core.directives import ApplyMode
from gitops.core.fingerprint import mark, unmoved
from gitops.core.identity import Owner
from gitops.core.ignore import REPLICAS
from gitops.core.inventory import Inventory, Live, Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Drift, Situation, Wanted, to_dry_run, to_look_at
from gitops.kube.client import Client
from gitops.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Observer:
    """Finds out what planning needs; `client` is the Application's account each time."""

    cluster: Cluster
    members: Members
    registry: Registry
    targets: Targets
    metrics: Metrics

    async def situation(
        self,
        done: Pass,
        client: Client,
        memory: Memory,
        target: Target,
        wanted: Mapping[ObjectKey, Wanted],
    ) -> Situation:
        """What is true now, without dry runs."""
        owner, catalog = done.owner, self.cluster.catalog
        members = self.members.of(owner.applyset_id)
        self.targets.check(done.app, memory)
        inventory = Inventory(members, unreadable=done.unreadable)
        unseen = to_look_at(wanted, owner, inventory, memory.present)
        looks = await look_at(client, catalog, unseen, wanted)
        memory.present |= {
            key
            for key, look in looks.items()
            if isinstance(look, Live) and wanted[key].directives.apply is ApplyMode.IF_NOT_PRESENT
        }
        return Situation(
            owner=owner,
            wanted=wanted,
            inventory=Inventory(members, looks, done.unreadable),
            parents=Parents(self.registry.applysets(), await dead_releases(client, looks.values())),
            policy=policy_of(done.app, target.commit.sha),
            baseline=memory.baseline,
            unplannable=target.problems,
            desired={*target.wanted, *target.left_alone} if target.left_alone else target.wanted,
            present=memory.present,
            namespaces=frozenset(self.registry.namespaces_of(done.app) | target.namespaces),
            deployed=done.deployed or done.proposal is not None,  # nothing is deployed while that waits
        )

    async def observe(
        self, done: Pass, client: Client, memory: Memory, target: Target, heading: Towards
    ) -> Situation:
        owner = done.owner
        self._load_baseline(done, memory)
        situation = await self.situation(done, client, memory, target, heading.wanted)
        members = situation.inventory.members
        suspects = memory.suspects(time.monotonic())
        situation = replace(situation, suspects=suspects)
        keys = to_dry_run(situation)
        known = {
            key: drift
            for key in keys
            if (drift := memory.reported.get(key)) and drift.version == members[key].resource_version
        }
        keys = [key for key in keys if key not in known] if known else keys
        due = checks(memory, members, suspects, keys, time.monotonic())
        drifts = await self._dry_run(due.keys, client, memory, heading, owner) if due.keys else {}
        for drift in drifts.values():
            if drift.paths and drift.key in memory.seen_drift:
                self.metrics.drift_detected(owner.namespace, owner.name, drift.key.kind, drift.author)
        drifts = known | weigh(due, memory, drifts, self.metrics, owner, time.monotonic())
        if situation.policy.report:
            memory.keep_reported(drifts)
        done.drifts = drifts
        return replace(situation, drifts=drifts)

    def _load_baseline(self, done: Pass, memory: Memory) -> None:
        """After a start: members in buckets that the fingerprint still fits are as we left them."""
        if memory.baseline_loaded:
            return
        memory.baseline_loaded = True
        members = self.members.of(done.owner.applyset_id)
        marks = {key: mark(seen.digest, seen.content) for key, seen in members.items()}
        for key in unmoved(done.app.status.fingerprint or "", marks):
            if not self._is_scaled_unseen(done, members[key]):
                memory.baseline[key] = members[key].digest

    @staticmethod
    def _is_scaled_unseen(done: Pass, seen: Observed) -> bool:
        """Scaled by something outside Git, which may be gone since: that shows nowhere but in a look."""
        wanted = done.target.wanted.get(seen.key) if seen.scaler and done.target else None
        return wanted is not None and REPLICAS not in wanted.ignored.paths

    async def _dry_run(
        self, keys: list[ObjectKey], client: Client, memory: Memory, target: Towards, owner: Owner
    ) -> dict[ObjectKey, Drift]:
        catalog = self.cluster.catalog
        members = self.members.of(owner.applyset_id)
        digests = {key: members[key].digest for key in keys if key in members}

        async def one(key: ObjectKey) -> Drift:
            wanted = target.wanted[key]
            resource = catalog.at_version(wanted.api_version, key.kind)
            if resource is None:
                return Drift(key)
            return await drift_of(client, resource, target.manifests[key], wanted, owner)

        drifts = {drift.key: drift for drift in await each(keys, one)}
        for key, drift in drifts.items():
            memory.note_scaler(key, drift.scaler)
            if not drift.acts and drift.problem is None and key in digests:
                memory.baseline[key] = digests[key]
                memory.seen_drift.pop(key, None)
        return drifts
