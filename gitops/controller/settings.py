"""What the operator sets by flags."""

from dataclasses import dataclass, field
from pathlib import Path

from gitops.core.verification import DAY
from gitops.kube.client import Access


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a controller; the defaults are those of one in a Pod."""

    access: Access = field(default_factory=Access)
    namespace: str = "gitops-system"
    cache: Path = Path("/tmp/gitops")  # noqa: S108 (an emptyDir in the chart)
    host: str = "0.0.0.0"  # noqa: S104 (kubelet and Prometheus come from outside the Pod)
    port: int = 8080
    renderer_socket: Path | None = None
    helm: str = "helm"
    kustomize: str = "kustomize"
    allow_file: bool = False
    least_interval: float = 10.0
    verification_period: float = DAY  # seconds in which each object is dry-run once; 0: never
    identity: str | None = None  # as whom the lease is held; None: as this host and process
