"""Finds out whether a render that was made again gives what was applied, and if not, which objects differ."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from gitops.api.application import Application
from gitops.api.status import Status
from gitops.controller.memory import Target
from gitops.controller.recollection import Recollection
from gitops.core.desired import Desired
from gitops.core.fingerprint import mark, unmoved
from gitops.core.model import ObjectKey
from gitops.core.unstable import held, unstable_keys


async def steadied(
    recollection: Recollection,
    app: Application,
    status: Status,
    target: Target,
    desired: Desired,
    again: Callable[[], Awaitable[Desired]],
) -> Target:
    """The target, without what differs from the applied render of the very same input.

    Only where the contents differ is it rendered once more, to tell apart what can't be repeated
    and what is otherwise for another reason, like a kind that is served now.
    """
    same_input = bool(status.contents) and status.render_key == target.render.key
    if not same_input or status.contents == target.contents:
        return target
    members = await recollection.members_now(app)
    marks = {key: mark(seen.digest, seen.content) for key, seen in members.items()}
    untouched = unmoved(status.fingerprint or "", marks)
    keys = unstable_keys(desired, await again(), members, untouched)
    if not keys:
        return target
    return with_held(target, desired, keys, members, status.contents or "")


def with_held(
    target: Target,
    desired: Desired,
    keys: frozenset[ObjectKey],
    members: Collection[ObjectKey],
    contents: str,
) -> Target:
    """The target with these objects left as they are; `contents` are the applied render's."""
    kept = held(desired, keys, members)
    return replace(target, wanted=kept.wanted, left_alone=kept.left_alone, unstable=keys, contents=contents)
