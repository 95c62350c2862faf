"""A render that differs when it is repeated: charts that make up passwords, or ask for the time.

Applying such a render again would give out new random values with each restart of the controller,
for no change that anybody made. So what can't be repeated stays as it was applied.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from gitops.core.desired import Desired
from gitops.core.directives import ApplyMode
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Wanted
from gitops.core.problem import Blame, Problem, Reason

_NAMED = 5


def unstable_keys(
    first: Desired,
    second: Desired,
    members: Mapping[ObjectKey, Observed],
    untouched: Collection[ObjectKey],
) -> frozenset[ObjectKey]:
    """The objects of `first` that another render of the same input has otherwise, or not at all.

    What is `untouched` since it was applied shows it too: its content is that of an earlier render,
    which a date may tell apart where two renders within a second are equal.
    """
    contents, others = _contents(first), _contents(second)
    found = {key for key, content in contents.items() if others.get(key) != content}
    found |= {
        key
        for key in untouched
        if key in members
        and (wanted := first.wanted.get(key))
        and wanted.directives.apply is ApplyMode.ALWAYS
        and members[key].content != wanted.content
    }
    return frozenset(found)


def held(desired: Desired, keys: Collection[ObjectKey], present: Collection[ObjectKey]) -> Desired:
    """The same, but these objects are made only where they are missing, and otherwise left as they are.

    Where a name itself is made up, the object of the applied render has another one: those of
    `present` that only it can have are kept in place of the new one.
    """
    places = {_place(key) for key in keys if key not in present}
    earlier = {key for key in present if key not in desired.wanted and _place(key) in places}
    replaced = {key for key in keys if key not in present and _place(key) in set(map(_place, earlier))}
    wanted = {
        key: _only_where_missing(one) if key in keys else one
        for key, one in desired.wanted.items()
        if key not in replaced
    }
    return replace(desired, wanted=wanted, left_alone=desired.left_alone | earlier | replaced)


def _only_where_missing(wanted: Wanted) -> Wanted:
    return replace(wanted, directives=replace(wanted.directives, apply=ApplyMode.IF_NOT_PRESENT))


def _place(key: ObjectKey) -> tuple[str, str, str]:
    return key.group, key.kind, key.namespace


def notice(keys: Iterable[ObjectKey], where: str) -> Problem:
    """Names the objects, never what differs."""
    names = sorted(map(str, keys))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Problem(
        Reason.UNSTABLE_RENDER,
        f"each render of the same input gives others of {', '.join(names[:_NAMED])}{more}: "
        "what was applied first stays as it is until the source or the spec changes",
        Blame.REPOSITORY,
        where,
        "set what the chart makes up (a password, a date), for example by spec.render.helm.valuesFrom",
    )


def _contents(desired: Desired) -> dict[ObjectKey, str]:
    contents = {key: one.content for key, one in desired.wanted.items()}
    contents |= {one.key: one.content for one in desired.hooks}
    return contents
