"""Values that a chart gets from ConfigMaps and Secrets: what is taken of them, and what is missing."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitops.api.render import ValuesKind, ValuesReference
from gitops.core.problem import Blame, Reason, fail
from gitops.core.render_options import GivenValues


@dataclass(frozen=True, slots=True)
class Holder:
    """A ConfigMap or Secret as it was read."""

    uid: str
    data: Mapping[str, bytes] = field(repr=False)


def where_of(index: int) -> str:
    """The place in the spec of one reference."""
    return f"spec.render.helm.valuesFrom[{index}]"


def given(
    references: Sequence[ValuesReference], namespace: str, holders: Sequence[Holder | None]
) -> tuple[GivenValues, ...]:
    """What the references mean, `holders` being what each one names; None: it is not there.

    Raises GitopsError VALUES_NOT_FOUND or INVALID_VALUES, for the first that can't be used.
    """
    found = (
        _one(reference, namespace, holder, where_of(index))
        for index, (reference, holder) in enumerate(zip(references, holders, strict=True))
    )
    return tuple(one for one in found if one)


def _one(reference: ValuesReference, namespace: str, holder: Holder | None, where: str) -> GivenValues | None:
    key = reference.values_key
    name = f"the {reference.kind} {namespace}/{reference.name}"
    content = holder.data.get(key) if holder else None
    if holder is None or content is None:
        if reference.optional:
            return None
        raise fail(
            Reason.VALUES_NOT_FOUND,
            f"{name} has no key {key}" if holder else f"there is no {name.removeprefix('the ')}",
            Blame.SPEC,
            where=where,
            advice="add it, correct the reference, or set optional: true",
        )
    origin = f"key {key} of {name}"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # Without the cause: it holds the content.
        raise fail(Reason.INVALID_VALUES, f"{origin} is not UTF-8 text", Blame.SPEC, where=where) from None
    secret = reference.kind is ValuesKind.SECRET
    return GivenValues(where, origin, text, reference.target_path or "", secret, _mark(holder, content))


def _mark(holder: Holder, content: bytes) -> str:
    """What stands for the content in the render key, which everybody sees who sees the status.

    A plain digest would let them try out guesses at a weak password; who may not read the Secret
    doesn't know its uid, either, and that has 122 random bits. An object that is made anew has
    another one: then a chart is rendered once more than it has to be.
    """
    digest = hmac.digest(holder.uid.encode(), content, hashlib.sha256)
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()
