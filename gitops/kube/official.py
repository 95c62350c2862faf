"""What we use of the official client, imported without the rest of it: a third of a command's start.

The packages `kubernetes` and `kubernetes.aio` import every part of themselves when any is asked
for: the synchronous client's configuration with requests and OAuth, leader election, and more.
They offer no smaller way in, so their own code is left out while the two parts that we need are
imported, and only then: whoever imports them later gets them whole. gitops.observe.logs does the
same for structlog and Rich.
"""

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
    "list_kube_config_contexts",
    "load_incluster_config",
    "load_kube_config",
]
