"""The fingerprint: what all members looked like after the last clean sync, in 64 buckets.

After a restart it tells which members moved meanwhile; one drift re-checks one bucket, not all.
What goes in for each member is its `mark`.
"""

import hashlib
from collections.abc import Mapping
from zlib import crc32

from gitops.core.model import ObjectKey

_BUCKETS = 64
_WIDTH = 8


def mark(digest: str, content: str) -> str:
    """What a member looked like: its ownership digest and the content that was applied.

    The times in `managedFields` are whole seconds, so two applies of ours within one can leave
    the same ownership digest with another content.
    """
    return f"{digest}.{content}"


def fingerprint(digests: Mapping[ObjectKey, str]) -> str:
    """64 hashes of 8 hexadecimal characters, joined by dots; an empty bucket is empty."""
    return ".".join(_hash(bucket) for bucket in _buckets(digests))


def unmoved(known: str, digests: Mapping[ObjectKey, str]) -> set[ObjectKey]:
    """The members in buckets that are as they were when `known` was written."""
    hashes = known.split(".")
    if len(hashes) != _BUCKETS:
        return set()
    same: set[ObjectKey] = set()
    for expected, bucket in zip(hashes, _buckets(digests), strict=True):
        if _hash(bucket) == expected:
            same.update(key for key, _ in bucket)
    return same


def _buckets(digests: Mapping[ObjectKey, str]) -> list[list[tuple[ObjectKey, str]]]:
    buckets: list[list[tuple[ObjectKey, str]]] = [[] for _ in range(_BUCKETS)]
    for key, digest in digests.items():
        buckets[crc32(str(key).encode()) % _BUCKETS].append((key, digest))
    return buckets


def _hash(bucket: list[tuple[ObjectKey, str]]) -> str:
    if not bucket:
        return ""
    hasher = hashlib.sha256()
    for key, digest in sorted(bucket):
        hasher.update(f"{key}={digest}\n".encode())
    return hasher.hexdigest()[:_WIDTH]
