"""Generated objects: many kinds in the proportions of a usual repository, from a seed, without Pods."""

import random
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import yaml

Object: TypeAlias = dict[str, Any]

_PER_FILE = 50
_TEAMS = 50


def mixed(count: int, namespace: str, seed: int = 1) -> list[Object]:
    """A Namespace and `count` - 1 objects in it.

    Of ten, four are ConfigMaps of 20 values, two Deployments without replicas; the others are a
    Secret, a Service, a ServiceAccount and a Role.
    """
    chance = random.Random(seed)
    head: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    makers = [_config_map] * 4 + [_secret, _service] + [_deployment] * 2 + [_service_account, _role]
    return [head, *(_placed(makers[i % 10], i, namespace, chance) for i in range(count - 1))]


def config_maps(count: int, namespace: str, seed: int = 1) -> list[Object]:
    """ConfigMaps of 20 values in a namespace that is there already."""
    chance = random.Random(seed)
    return [_placed(_config_map, i, namespace, chance) for i in range(count)]


def files(objects: Iterable[Object], folder: str) -> dict[str, str | None]:
    """The objects as YAML files of 50 each, by path."""
    every = list(objects)
    return {
        f"{folder}/{start // _PER_FILE:04d}.yaml": yaml.dump_all(
            every[start : start + _PER_FILE], Dumper=yaml.CSafeDumper, sort_keys=False
        )
        for start in range(0, len(every), _PER_FILE)
    }


def _placed(
    make: Callable[[int, random.Random], Object], i: int, namespace: str, chance: random.Random
) -> Object:
    made = make(i, chance)
    labels = {"app": f"a{i % _TEAMS}", "tier": "bench"}
    name = f"{made['kind'].lower()}-{i:05d}"
    identity = {"apiVersion": made.pop("apiVersion"), "kind": made.pop("kind")}
    return {**identity, "metadata": {"name": name, "namespace": namespace, "labels": labels}, **made}


def _text(chance: random.Random) -> str:
    return f"{chance.getrandbits(120):030x}"


def _config_map(_: int, chance: random.Random) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": {f"k{j}": _text(chance) for j in range(20)}}


def _secret(_: int, chance: random.Random) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": _text(chance)}}


def _service(i: int, _: random.Random) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "metrics", "port": 9090}]
    return {"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": f"a{i}"}, "ports": ports}}


def _deployment(i: int, _: random.Random) -> Object:
    labels = {"app": f"d{i}"}
    container = {
        "name": "main",
        "image": "nginx:1.27",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}},
        "ports": [{"containerPort": 8080}],
        "env": [{"name": f"E{j}", "value": str(j)} for j in range(8)],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _service_account(_: int, __: random.Random) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount"}


def _role(_: int, __: random.Random) -> Object:
    rules = [{"apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": ["get", "list"]}]
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": rules}
