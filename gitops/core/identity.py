"""Who owns an object: the Application's marks on its members, as KEP-3659 (ApplySet) wants them."""

import base64
import hashlib
from dataclasses import dataclass, field

from gitops.api.group import GROUP
from gitops.core.model import ObjectKey


def digest(*parts: bytes) -> str:
    """SHA-256 over length-prefixed parts, shortened to 128 bits, in lower-case base32 (26 characters)."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return base64.b32encode(hasher.digest()[:16]).decode().rstrip("=").lower()


@dataclass(frozen=True, slots=True)
class Owner:
    """An Application as the owner of objects; `uid` salts the content digests.

    `manager` is the field manager of every apply; the CRD's limit on names keeps it within
    128 characters. Both names are computed once: they are compared for each object of each pass.
    """

    namespace: str
    name: str
    uid: str
    manager: str = field(init=False)
    applyset_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "manager", manager_name(self.namespace, self.name))
        object.__setattr__(self, "applyset_id", applyset_id(self.namespace, self.name))

    def identity_of(self, key: ObjectKey) -> str:
        """What makes a mark an object's own: a copy of the object carries another one's."""
        return identity(self.namespace, self.name, key)

    def content_of(self, body: bytes) -> str:
        """Digest of a rendered object; salted, so that equal Secrets of two Applications look different."""
        return digest(self.uid.encode(), body)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def identity(namespace: str, name: str, key: ObjectKey) -> str:
    """The identity of one object under the Application `namespace/name`."""
    parts = (namespace, name, key.group, key.kind, key.namespace, key.name)
    return digest(*(part.encode() for part in parts))


MANAGER_PREFIX = f"{GROUP}/"


def manager_name(namespace: str, name: str) -> str:
    """The field manager of an Application, at most 128 characters by the CRD's limit on names."""
    return f"{MANAGER_PREFIX}{namespace}/{name}"


def applyset_id(namespace: str, name: str) -> str:
    """The id of KEP-3659: `applyset-<base64url(sha256("<name>.<namespace>.<kind>.<group>"))>-v1`."""
    plain = f"{name}.{namespace}.Application.{GROUP}"
    hashed = base64.urlsafe_b64encode(hashlib.sha256(plain.encode()).digest())
    return f"applyset-{hashed.decode().rstrip('=')}-v1"


def application_of(manager: str) -> tuple[str, str] | None:
    """The (namespace, name) of the Application whose field manager this is; None for other managers."""
    if not manager.startswith(MANAGER_PREFIX):
        return None
    namespace, _, name = manager[len(MANAGER_PREFIX) :].partition("/")
    return (namespace, name) if namespace and name else None
