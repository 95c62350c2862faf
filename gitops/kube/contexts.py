"""What a kubeconfig says besides how to connect: the context's namespace."""

import os
from pathlib import Path

from gitops.kube.client import Access
from gitops.kube.official import ConfigException, list_kube_config_contexts


def context_namespace(access: Access) -> str:
    """The namespace of the context in use; `default` when it names none or there is no kubeconfig."""
    place = access.kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube/config"
    try:
        contexts, current = list_kube_config_contexts(str(place))
    except (ConfigException, OSError, TypeError, AttributeError):
        return "default"
    named = [one for one in contexts if one["name"] == access.context] if access.context else [current]
    return str(named[0]["context"].get("namespace") or "default") if named else "default"


def has_access(access: Access) -> bool:
    """Whether anything says where a cluster is: an option, a kubeconfig, or the Pod that we run in."""
    if access.kubeconfig or access.context or "KUBERNETES_SERVICE_HOST" in os.environ:
        return True
    places = os.environ.get("KUBECONFIG")
    listed = places.split(os.pathsep) if places else [str(Path.home() / ".kube/config")]
    return any(Path(one).is_file() for one in listed if one)
