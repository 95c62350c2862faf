"""`gitops why` of what traffic, autoscaling and the cluster itself are stuck on, from the real API server."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from gitops.core.model import GroupKind, ObjectKey
from gitops.core.why.diagnose import diagnose
from gitops.core.why.model import Cause
from gitops.kube.client import Access, Client
from gitops.kube.discovery import discover
from gitops.kube.why import gather
from tests.support.cluster import MERGE, Cluster, Obj, path_of
from tests.support.command import Command
from tests.support.manifests import crd, thing
from tests.support.site import Site
from tests.support.wait import wait_for

NETWORKING = "networking.k8s.io/v1"


KINDS = {
    "service": GroupKind("", "Service"),
    "namespace": GroupKind("", "Namespace"),
    "ingress": GroupKind("networking.k8s.io", "Ingress"),
    "autoscaler": GroupKind("autoscaling", "HorizontalPodAutoscaler"),
    "budget": GroupKind("policy", "PodDisruptionBudget"),
    "definition": GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Asks what the command asks, without starting a process for each question."""

    site: Site

    def __call__(self, subject: str) -> list[Cause]:
        return asyncio.run(self._ask(*subject.split("/")))

    async def _ask(self, kind: str, name: str) -> list[Cause]:
        client = await Client.connect(Access(self.site.cluster.control_plane.kubeconfig))
        try:
            place = "" if kind in ("namespace", "definition") else self.site.namespace
            keys = [ObjectKey(*KINDS[kind], place, name)]
            world = await gather(client, await discover(client), keys, logs=True)
            return list(diagnose(keys, world))
        finally:
            await client.close()

    def first(self, subject: str) -> tuple[str, str]:
        """Id and sentence of the cause that is named."""
        found = self(subject)
        assert found, f"no cause of {subject}"
        return found[0].id, found[0].sentence


@pytest.fixture
def why(site: Site) -> Asked:
    return Asked(site)


def made(site: Site, one: Obj, status: Obj | None = None) -> Obj:
    """Create an object of the site, with this status."""
    if one["metadata"].get("namespace") is None:
        one = {**one, "metadata": {**one["metadata"], "namespace": site.namespace}}
    site.cluster.create(one)
    if status is not None:
        with_status(site.cluster, one, status)
    return one


def with_status(cluster: Cluster, one: Obj, status: Obj) -> None:
    code, reply = cluster.request("PATCH", f"{path_of(one)}/status", {"status": status}, content_type=MERGE)
    assert code == 200, reply


def pod(name: str, app: str, *, ready: bool, **container: Any) -> tuple[Obj, Obj]:
    # The gate keeps the simulated kubelet from making it ready.
    gates = [{"name": "example.org/never"}]
    spec = {"containers": [{"name": "web", "image": "web:1", **container}], "schedulingGates": gates}
    one = thing("v1", "Pod", name, metadata={"labels": {"app": app}}, spec=spec)
    return one, {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}


def service(name: str, app: str, target: int | str = 80) -> Obj:
    spec = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": target}]}
    return thing("v1", "Service", name, spec=spec)


def ingress(name: str, backend: str, **spec: Any) -> Obj:
    to = {"service": {"name": backend, "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": to}]
    rules = [{"host": f"{name}.example", "http": {"paths": paths}}]
    return thing(NETWORKING, "Ingress", name, spec={"rules": rules, **spec})


def test_traffic_that_arrives_nowhere(site: Site, command: Command, why: Asked) -> None:
    made(site, *pod("sick", "sick", ready=False))
    made(site, *pod("well", "well", ready=True, ports=[{"name": "web", "containerPort": 8080}]))
    for one in (
        service("astray", "wel"),
        service("unready", "sick"),
        service("misled", "well", "http"),
        ingress("classless", "misled", ingressClassName=f"none-{site.name}"),
        ingress("nowhere", "misspelt", ingressClassName=site.name),
    ):
        made(site, one)
    classes = thing(NETWORKING, "IngressClass", site.name, spec={"controller": "example.org/none"})
    site.cluster.create(classes)
    try:
        identity, said = why.first("service/astray")
        assert identity == "service-selector"
        assert "app=well in place of wel" in said or "app=sick in place of wel" in said
        assert "service-pods-not-ready" in [one.id for one in why("service/unready")]
        assert why.first("service/misled")[0] == "service-target-port"
        identity, said = why.first("ingress/classless")
        assert (identity, f"no IngressClass none-{site.name}" in said) == ("ingress-class-missing", True)
        ran = command("why", "ingress/nowhere", "-n", site.namespace, "-o", "json")
        assert ran.code == 0, ran.err
        first = ran.data["causes"][0]
        assert (first["id"], first["depth"]) == ("backend-missing", "root")
        assert "the Service misspelt, which doesn't exist" in first["sentence"]
    finally:
        site.cluster.delete(classes)


def test_autoscalers_and_budgets(site: Site, why: Asked) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    made(site, thing("apps/v1", "Deployment", "web", spec=spec))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    for name, said in (
        (
            "blind",
            "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API",
        ),
        ("unasked", "missing request for cpu in container web of Pod web-1"),
    ):
        scaler = {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target}
        condition = {
            "type": "ScalingActive",
            "status": "False",
            "reason": "FailedGetResourceMetric",
            "message": said,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        status = {"currentReplicas": 0, "desiredReplicas": 0, "conditions": [condition]}
        made(site, thing("autoscaling/v2", "HorizontalPodAutoscaler", name, spec=scaler), status)
    assert why.first("autoscaler/blind") == (
        "autoscaler-no-metrics",
        "gets no metrics: the cluster has no metrics server",
    )
    identity, said = why.first("autoscaler/unasked")
    assert (identity, "container web of Deployment web requests no cpu" in said) == (
        "autoscaler-no-request",
        True,
    )
    made(site, *pod("web", "web", ready=True))
    selector = {"matchLabels": {"app": "web"}}
    made(
        site,
        thing("policy/v1", "PodDisruptionBudget", "web", spec={"minAvailable": 1, "selector": selector}),
    )
    wait_for(
        lambda: site.get("PodDisruptionBudget", "web", "policy/v1").get("status", {}).get("expectedPods"),
        "the budget's controller has counted",
    )
    identity, said = why.first("budget/web")
    assert (identity, "with minAvailable 1, all of its 1 Pods" in said) == ("budget-allows-none", True)


def test_the_clusters_own_objects(site: Site, why: Asked) -> None:
    cluster = site.cluster
    name = site.new_namespace("old")
    held = thing("v1", "ConfigMap", "held", name, metadata={"finalizers": ["example.org/keep"]})
    cluster.create(held)
    group = f"{site.name}.example"
    first, second = crd("Widget", group), crd("Gadget", group)
    second["spec"]["names"]["kind"] = "Widget"
    cluster.create(first)
    cluster.delete(thing("v1", "Namespace", name))
    try:
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{first['metadata']['name']}")
        cluster.create(second)

        def content_left() -> bool:
            found = cluster.get("v1", "Namespace", "", name).get("status", {}).get("conditions", [])
            return any(one["type"] == "NamespaceFinalizersRemaining" for one in found)

        wait_for(content_left, "the namespace's controller has looked")
        identity, said = why.first(f"namespace/{name}")
        assert (identity, "example.org/keep" in said) == ("namespace-finalizer", True)
        identity, said = why.first(f"definition/{second['metadata']['name']}")
        assert (identity, "is already in use" in said) == ("definition-names", True)
    finally:
        cluster.patch(held, {"metadata": {"finalizers": None}})
        cluster.delete(second)
        cluster.delete(first)
