"""The render key: equal keys mean equal renders, so that nothing is rendered twice."""

import base64
import hashlib
import json
from collections.abc import Mapping

from gitops.core.render_options import RendererUsed, RenderOptions, canonical_options


def render_key(
    reads: Mapping[str, str | None],
    options: RenderOptions,
    used: RendererUsed,
    *,
    application: str,
    namespace: str,
    renderer_version: str,
    placed: str = "",
) -> str:
    """Digest all that a render depends on: SHA-256 cut to 128 bits, base32 in lower case.

    `reads` maps each file or folder that the render could see to its digest, None where it
    looked for something that is not there (its later appearance has to change the key).
    Only a chart can ask for the release's name and namespace, hence they count for Helm only.
    `placed` says what else decides over the objects' digests (fields that are left to others, checksums
    of configuration); empty without any.
    """
    chart_sees = [application, namespace] if used == "helm" else []
    described = [
        renderer_version,
        canonical_options(options, used).decode(),
        chart_sees,
        sorted((path, digest) for path, digest in reads.items()),
        *([placed] if placed else []),
    ]
    # JSON quotes its strings: no two different inputs run together into the same bytes.
    digest = hashlib.sha256(json.dumps(described, separators=(",", ":")).encode()).digest()
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()
