"""The manifests of an installation, as they are shipped with the package."""

from pathlib import Path
from typing import Any

import yaml

from gitops.core.problem import Blame, Reason, fail


def manifests() -> list[dict[str, Any]]:
    """The objects of manifests/install.yaml. Raises GitopsError where the package is incomplete."""
    here = Path(__file__).resolve()
    # In an installed package they are package data, else in the checkout.
    for path in (here.parent / "manifests" / "install.yaml", here.parents[2] / "manifests" / "install.yaml"):
        if path.is_file():
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            return [one for one in yaml.load_all(path.read_bytes(), loader) if one]
    raise fail(
        Reason.INTERNAL_ERROR,
        "the manifests are not here",
        Blame.OURSELVES,
        advice="run from a complete checkout, or reinstall the package",
    )
