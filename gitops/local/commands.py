"""The command lines of the control plane's programs, and the objects it starts with."""

from dataclasses import dataclass
from pathlib import Path

from gitops.core.model import Json

_SERVICES = "10.0.0.0/16"
_PODS = "10.64.0.0/10"
_NODE_ADDRESS = "192.0.2.1"  # documentation range (RFC 5737): loopback is not valid in endpoints
_STAGES = Path(__file__).parent / "stages"

# The default of 20 requests a second for each controller would be what a benchmark measures.
_FAST_CLIENT = ("--kube-api-qps=500", "--kube-api-burst=1000")
_NOT_SERVING = ("--bind-address=127.0.0.1", "--secure-port=0")


@dataclass(frozen=True, slots=True)
class Client:
    """A program that talks to the API server as a user of its own, so that audit tells them apart."""

    name: str
    user: str
    group: str = ""


CLIENTS = (
    Client("kube-controller-manager", "system:kube-controller-manager"),
    Client("kube-scheduler", "system:kube-scheduler"),
    Client("kwok", "kwok", "system:masters"),
)

NODE: Json = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "node-0",
        "annotations": {"kwok.x-k8s.io/node": "fake"},
        "labels": {
            "kubernetes.io/hostname": "node-0",
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
        },
    },
    "status": {
        amount: {"cpu": "100k", "memory": "1Pi", "ephemeral-storage": "1Pi", "pods": "1M"}
        for amount in ("capacity", "allocatable")
    },
}

STORAGE_CLASS: Json = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "standard",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "gitops.dev/local",  # played by stages/volume.yaml
}

AUDIT_POLICY: Json = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


def etcd(data: Path, client_port: int, peer_port: int) -> list[str]:
    """Etcd that doesn't wait for the disk: its data isn't meant to survive."""
    client, peer = (f"http://127.0.0.1:{port}" for port in (client_port, peer_port))
    return [
        f"--data-dir={data / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
    ]


def apiserver(folder: Path, port: int, etcd_url: str) -> list[str]:
    """A kube-apiserver, which makes its own certificate in `folder`."""
    return [
        f"--etcd-servers={etcd_url}",
        f"--cert-dir={folder}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # it would try to publish 127.0.0.1, which is not valid
        "--authorization-mode=RBAC",
        "--authentication-token-webhook-version=v1",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={_SERVICES}",
        "--allow-privileged=true",
    ]


def audit(policy: Path, log: Path) -> list[str]:
    """More arguments of kube-apiserver: one JSON line for each request."""
    return [
        f"--audit-policy-file={policy}",
        f"--audit-log-path={log}",
        "--audit-log-maxsize=10240",  # MB; a rotated file would hide requests from a count
    ]


def controller_manager(kubeconfig: Path, key: Path, ca_file: Path) -> list[str]:
    """A kube-controller-manager with all controllers, so that Deployments, Jobs, garbage behave."""
    return [
        f"--kubeconfig={kubeconfig}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={key}",
        f"--root-ca-file={ca_file}",
        "--leader-elect=false",
        *_NOT_SERVING,
        *_FAST_CLIENT,
    ]


def scheduler(kubeconfig: Path) -> list[str]:
    """A kube-scheduler, alone and without a port."""
    return [f"--kubeconfig={kubeconfig}", "--leader-elect=false", *_NOT_SERVING, *_FAST_CLIENT]


def kwok(kubeconfig: Path) -> list[str]:
    """A kwok, which plays nodes, Pods and volumes as the files in stages/ say."""
    return [
        f"--kubeconfig={kubeconfig}",
        *(f"--config={stage}" for stage in sorted(_STAGES.glob("*.yaml"))),
        "--manage-all-nodes",
        "--node-lease-duration-seconds=40",
        f"--node-ip={_NODE_ADDRESS}",
        "--node-port=0",  # no server: nobody asks a fake node for logs
        f"--cidr={_PODS}",
    ]
