"""Builders of manifests, and the YAML files that hold them."""

from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.cluster import Obj


def to_yaml(*objects: Mapping[str, Any]) -> str:
    """A YAML stream of these documents."""
    return yaml.safe_dump_all([dict(one) for one in objects], sort_keys=False)


def thing(api_version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> Obj:
    """Any object: its type, its name, and other top-level fields; `metadata` is merged."""
    metadata: Obj = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata | rest.pop("metadata", {}),
        **rest,
    }


def config_map(name: str, data: Mapping[str, str] | None = None, **more: Any) -> Obj:
    return thing("v1", "ConfigMap", name, data=dict(data or {"key": "value"}), **more)


def secret(name: str, data: Mapping[str, str], **more: Any) -> Obj:
    """A Secret by `stringData`."""
    return thing("v1", "Secret", name, stringData=dict(data), **more)


def service(name: str, *ports: int) -> Obj:
    listed = [{"name": f"p{port}", "port": port} for port in ports or (80,)]
    return thing("v1", "Service", name, spec={"selector": {"app": name}, "ports": listed})


def deployment(name: str, image: str = "web:1", **spec: Any) -> Obj:
    """Without replicas, so that no Pods come in between."""
    labels = {"app": name}
    containers = [
        {
            "name": "web",
            "image": image,
            "args": ["a", "b"],
            "env": [{"name": "ONE", "value": "1"}, {"name": "TWO", "value": "2"}],
        }
    ]
    return thing(
        "apps/v1",
        "Deployment",
        name,
        spec={
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            **spec,
        },
    )


def claim(name: str) -> Obj:
    """A PersistentVolumeClaim of the default class, which the control plane's simulation provides."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return thing("v1", "PersistentVolumeClaim", name, spec=spec)


def crd(kind: str, group: str, scope: str = "Namespaced") -> Obj:
    """A CustomResourceDefinition with `spec.size` and nothing else."""
    plural = f"{kind.lower()}s"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return thing(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.{group}",
        spec={
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": scope,
            "versions": [version],
        },
    )


def annotated(obj: Obj, **annotations: str) -> Obj:
    """A copy with annotations of ours: `annotated(obj, wave="1")` sets gitops.dev/wave."""
    named = {f"gitops.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    metadata = obj["metadata"]
    return {
        **obj,
        "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **named}},
    }


def running(name: str, fate: str = "", replicas: int = 1) -> Obj:
    """A Deployment with Pods, which meet the fate that the local control plane simulates."""
    obj = deployment(name, replicas=replicas)
    if fate:
        obj["spec"]["template"]["metadata"]["annotations"] = {"gitops.dev/simulate": fate}
    return obj


def job(name: str, fate: str = "", **spec: Any) -> Obj:
    """A Job whose Pod ends by itself within seconds, or meets the simulated fate."""
    template: Obj = {
        "metadata": {"annotations": {"gitops.dev/simulate": fate} if fate else {}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "work", "image": "work:1"}]},
    }
    return thing("batch/v1", "Job", name, spec={"backoffLimit": 0, "template": template, **spec})
