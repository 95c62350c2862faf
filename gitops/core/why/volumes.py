"""Why a Pod waits for its volumes, and a claim for its volume."""

import re
from collections.abc import Iterator

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.reading import at, items, text
from gitops.core.why.containers import missing_cause
from gitops.core.why.lookups import describe, get, is_absent, messages, of_kind
from gitops.core.why.model import Cause, Depth, Evidence, Object, World

CLAIM = GroupKind("", "PersistentVolumeClaim")
VOLUME = GroupKind("", "PersistentVolume")
STORAGE_CLASS = GroupKind("storage.k8s.io", "StorageClass")
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_MOUNT = re.compile(
    r'(?:MountVolume\.\w+|AttachVolume\.\w+) failed for volume "(?P<volume>[^"]+)" ?: (?P<why>.*)', re.DOTALL
)
_NO_KEY = re.compile(r"references non-existent (?P<kind>config|secret) key: (?P<key>\S+)")


def claims_of(key: ObjectKey, pod: Object) -> Iterator[ObjectKey]:
    """The claims that a Pod uses, those of its ephemeral volumes too."""
    for one in items(pod, "spec", "volumes"):
        if name := at(one, ("persistentVolumeClaim", "claimName")):
            yield ObjectKey(*CLAIM, key.namespace, text(name))
        elif one.get("ephemeral"):
            yield ObjectKey(*CLAIM, key.namespace, f"{key.name}-{text(one.get('name'))}")


def mount_causes(key: ObjectKey, pod: Object, world: World) -> Iterator[Cause]:
    """Why a Pod with a node doesn't get its volumes or its network, by the newest of its Events."""
    for claim in claims_of(key, pod):
        if is_absent(world, claim):
            yield Cause(
                "missing-claim",
                key,
                f"can't start: the PersistentVolumeClaim {claim.name} is not there",
                Depth.ROOT,
                (Evidence(f"spec.volumes names the claim {claim.name}", get(key)),),
                ("put the claim into Git, or correct its name",),
            )
            return
    for said in messages(world, key):
        if found := _of_event(key, said):
            yield found
            return


def _of_event(key: ObjectKey, said: str) -> Cause | None:
    seen = Evidence(f"Event: {said}", describe(key))
    if "Multi-Attach error" in said:
        return Cause(
            "volume-multi-attach",
            key,
            "can't start: its volume is still attached to another node, and can be at one only",
            Depth.ROOT,
            (seen,),
            (
                "wait until the old Pod is gone, or delete it where its node is lost",
                "a Deployment with such a volume needs strategy Recreate, or be a StatefulSet",
            ),
        )
    if match := _MOUNT.search(said):
        volume = f"volume {match['volume']}"
        if missing := missing_cause(key, match["why"], volume):
            return missing
        if no_key := _NO_KEY.search(match["why"]):
            kind = "ConfigMap" if no_key["kind"] == "config" else "Secret"
            return Cause(
                "missing-key",
                key,
                f"can't start: the {kind} of its {volume} has no key {no_key['key']}",
                Depth.ROOT,
                (seen,),
                (f"add the key {no_key['key']}, or correct the volume's items",),
            )
        return Cause(
            "volume-mount-failed",
            key,
            f"can't start: its {volume} can't be {'attached' if said.startswith('Attach') else 'mounted'}: "
            f"{match['why'].strip()}",
            Depth.ROOT,
            (seen,),
            ("see the storage driver's own Pods and their logs",),
        )
    if said.startswith("Failed to create pod sandbox"):
        return Cause(
            "sandbox-failed",
            key,
            f"can't start: its node can't set up a network for it ({said.partition(': ')[2] or said})",
            Depth.ROOT,
            (seen,),
            ("see the network plugin's Pods on that node", "kubectl get pods -n kube-system -o wide"),
        )
    return None


def claim_causes(key: ObjectKey, claim: Object, world: World) -> Iterator[Cause]:
    """Why a claim is not bound. One that waits for its first Pod is in order."""
    phase = at(claim, ("status", "phase"))
    if phase == "Lost":
        volume = text(at(claim, ("spec", "volumeName")))
        yield Cause(
            "claim-lost",
            key,
            f"has lost its volume {volume}: the PersistentVolume is not there any more",
            Depth.ROOT,
            (Evidence("status.phase is Lost", describe(key)),),
            ("restore the PersistentVolume, or restore a backup into a new claim",),
        )
    if phase != "Pending":
        return
    name = at(claim, ("spec", "storageClassName"))
    classes = dict(of_kind(world, STORAGE_CLASS))
    if not name:
        yield from _without_class(key, claim, world, classes)
        return
    found = classes.get(ObjectKey(*STORAGE_CLASS, "", text(name)))
    if found is None and world.is_known(STORAGE_CLASS):
        there = ", ".join(one.name for one in classes) or "none"
        yield Cause(
            "claim-class-missing",
            key,
            f"is not bound: there is no StorageClass {name}",
            Depth.ROOT,
            (Evidence(f"StorageClasses that are there: {there}", "kubectl get storageclasses"),),
            ("correct spec.storageClassName (of a new claim: it can't be changed), or make the class",),
        )
        return
    yield from _unprovisioned(key, world, found)


def _without_class(
    key: ObjectKey, claim: Object, world: World, classes: dict[ObjectKey, Object]
) -> Iterator[Cause]:
    is_none = at(claim, ("spec", "storageClassName")) == ""
    if not is_none and not world.is_known(STORAGE_CLASS):
        return
    default = [
        one
        for one, obj in classes.items()
        if (at(obj, ("metadata", "annotations")) or {}).get(_DEFAULT) == "true"
    ]
    if default and not is_none:
        return
    why = (
        "no PersistentVolume fits, and storageClassName '' asks for one that is there already"
        if is_none
        else "it names no StorageClass, and the cluster has no default one"
    )
    yield Cause(
        "claim-no-volume" if is_none else "claim-no-class",
        key,
        f"is not bound: {why}",
        Depth.ROOT,
        (
            Evidence("status.phase is Pending", describe(key)),
            Evidence("the classes", "kubectl get storageclasses"),
        ),
        ("set spec.storageClassName, mark a StorageClass as default, or make a fitting PersistentVolume",),
    )


def _unprovisioned(key: ObjectKey, world: World, storage_class: Object | None) -> Iterator[Cause]:
    for said in messages(world, key):
        if said.startswith("failed to provision volume") or "ProvisioningFailed" in said:
            yield Cause(
                "claim-not-provisioned",
                key,
                f"is not bound: its volume can't be made ({said.rstrip('.')})",
                Depth.ROOT,
                (Evidence(f"Event: {said}", describe(key)),),
                ("see the provisioner's Pods and their logs",),
            )
            return
        if said.lower().startswith("waiting for a volume to be created"):
            provisioner = text((storage_class or {}).get("provisioner")) or "the provisioner"
            yield Cause(
                "claim-waits-for-provisioner",
                key,
                f"is not bound: {provisioner} has not made its volume yet",
                Depth.STATE,
                (Evidence(f"Event: {said}", describe(key)),),
                (f"see whether {provisioner} runs in the cluster",),
            )
            return
    made_by_hand = storage_class and storage_class.get("provisioner") == "kubernetes.io/no-provisioner"
    if made_by_hand and (storage_class or {}).get("volumeBindingMode") != "WaitForFirstConsumer":
        yield Cause(
            "claim-no-volume",
            key,
            "is not bound: no PersistentVolume of its class is free, and nothing makes one",
            Depth.ROOT,
            (Evidence("the volumes that are there", "kubectl get persistentvolumes"),),
            ("make a fitting PersistentVolume",),
        )
