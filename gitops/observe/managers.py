"""Field managers sorted into a closed set: anybody can choose a manager's name, a label must be bounded."""

from enum import StrEnum


class ManagerClass(StrEnum):
    """Who changes objects besides us, as far as a manager's name tells."""

    KUBECTL = "kubectl"
    HELM = "helm"
    CONTROLLER_MANAGER = "controller-manager"
    AUTOSCALER = "autoscaler"
    ARGOCD = "argocd"
    FLUX = "flux"
    OTHER = "other"
    UNKNOWN = "unknown"


# First match wins: "helm-controller" is Flux before it is Helm.
_BEGINNINGS = (
    ("kubectl", ManagerClass.KUBECTL),
    ("helm-controller", ManagerClass.FLUX),
    ("kustomize-controller", ManagerClass.FLUX),
    ("flux", ManagerClass.FLUX),
    ("gotk-", ManagerClass.FLUX),
    ("helm", ManagerClass.HELM),
    ("argocd", ManagerClass.ARGOCD),
    ("argo-cd", ManagerClass.ARGOCD),
    ("horizontal-pod-autoscaler", ManagerClass.AUTOSCALER),
    ("vpa-", ManagerClass.AUTOSCALER),
    ("keda", ManagerClass.AUTOSCALER),
    ("cluster-autoscaler", ManagerClass.AUTOSCALER),
    ("karpenter", ManagerClass.AUTOSCALER),
    ("kube-controller-manager", ManagerClass.CONTROLLER_MANAGER),
    ("cloud-controller-manager", ManagerClass.CONTROLLER_MANAGER),
)
# The API server's own placeholder where nobody was recorded says nothing about who it was.
_NOBODY = ("", "before-first-apply", "unknown")


def manager_class(manager: str) -> ManagerClass:
    """The class of a field manager's name; empty or not recorded is `unknown`."""
    name = manager.lower()
    if name in _NOBODY:
        return ManagerClass.UNKNOWN
    return next((kind for beginning, kind in _BEGINNINGS if name.startswith(beginning)), ManagerClass.OTHER)
