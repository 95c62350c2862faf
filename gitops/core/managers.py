"""Which field managers stand for people, for tools that have let go, for rivals, and for autoscalers."""

from collections.abc import Mapping
from typing import Any

RIVALS = frozenset(
    {"argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller"}
)

# Managers that stand for people at a keyboard, or for a tool that has let go.
_HAND_MANAGERS = ("kubectl", "before-first-apply", "helm", "Helm")
# Other clients with which people scale; what they do is drift, as what kubectl does.
_HANDS = ("k9s", "lens", "Lens", "OpenLens", "freelens", "headlamp", "dashboard", "Mozilla", "curl")


def is_by_hand(manager: str) -> bool:
    """Whether a manager stands for somebody at a keyboard, or for a Helm that has let go."""
    return manager.startswith(_HAND_MANAGERS) and manager not in RIVALS  # Flux's is a "helm-controller"


def scaler_of(entry: Mapping[str, Any]) -> str:
    """The manager of an entry that a controller made by the scale subresource; empty for all others."""
    if entry.get("subresource") != "scale":
        return ""
    name = str(entry.get("manager", ""))
    return "" if is_by_hand(name) or name == "oc" or name.startswith(_HANDS) else name
