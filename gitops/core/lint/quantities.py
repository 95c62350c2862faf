"""Kubernetes' quantities, like 500m and 128Mi, as numbers.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?")
_FACTORS = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    **{unit: 1000.0 ** (power + 2) for power, unit in enumerate("MGTPE")},
    **{f"{unit}i": 1024.0 ** (power + 1) for power, unit in enumerate("KMGTPE")},
}
MEBIBYTE = 1024.0**2


def quantity(value: Any) -> float | None:
    """A quantity as a number (cores, bytes); None for what is none."""
    if isinstance(value, bool) or value is None:
        return None
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    unit = found[2] or ""
    if unit[:1] in ("e", "E") and unit != "E" and unit != "Ei":
        return float(found[0])
    return float(found[1]) * _FACTORS.get(unit, 1.0)
