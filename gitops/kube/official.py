"""What we use of the official client, imported without the rest of it: a third of a command's start.

The packages `kubernetes` and `kubernetes.aio` import every part of themselves when any is asked
for: the synchronous client's configuration with requests and OAuth, leader election, and more.
They offer no smaller way in, so their own code is left out while the two parts that we need are
imported, and only then: whoever imports them later gets them whole. gitops.observe.logs does the
same for structlog and Rich.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


@contextmanager
def _without_their_own_code(*packages: str) -> Iterator[None]:
    """Stand-ins for packages (outermost first): their modules are found, and nothing else is run."""
    spec = find_spec(packages[0].partition(".")[0])
    if packages[0] in sys.modules or spec is None or not spec.submodule_search_locations:
        yield
        return
    root = Path(spec.submodule_search_locations[0]).parent
    for name in packages:
        stand_in = ModuleType(name)
        stand_in.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[name] = stand_in
    try:
        yield
    finally:
        for name in packages:
            sys.modules.pop(name, None)


@contextmanager
def _without_the_systems_certificates() -> Iterator[None]:
    """Aiohttp reads all of them when it is imported, for connections that say nothing of TLS.

    Ours always say which they trust: the official client makes a context for each cluster. Any other
    connection would trust nobody, and fail.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


with _without_the_systems_certificates():
    import aiohttp

with _without_their_own_code("kubernetes", "kubernetes.aio"):
    from kubernetes.aio.client.configuration import Configuration
    from kubernetes.aio.client.rest import RESTClientObject
    from kubernetes.aio.config import (
        ConfigException,
        list_kube_config_contexts,
        load_incluster_config,
        load_kube_config,
    )

__all__ = [
    "ConfigException",
    "Configuration",
    "RESTClientObject",
    "aiohttp",
    "list_kube_config_contexts",
    "load_incluster_config",
    "load_kube_config",
]
