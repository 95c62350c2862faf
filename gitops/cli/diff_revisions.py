"""`gitops diff --rev A..B`: what one revision changes against another, apart from what drifted."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from gitops.cli.diff_values import Entry, Field, Report, in_numbers
from gitops.cli.show import changes_between, readable
from gitops.cli.sources import Place
from gitops.core.diff import Change, differences, without_noise
from gitops.core.drift import writer_of
from gitops.core.impact import immutable_advice, impacts
from gitops.core.model import Manifest, ObjectKey, Rendered
from gitops.core.plan import Verb
from gitops.core.problem import Blame, Problem, Reason, fail
from gitops.core.renames import renames
from gitops.core.revision_range import RevisionRange
from gitops.git.checkout import Checkout
from gitops.git.folder import FolderTree
from gitops.observe.hiding import without
from gitops.render.client import RendererClient
from gitops.render.closure import render_tree
from gitops.render.protocol import RenderRequest

_NAMES = (("metadata", "name"), ("metadata", "namespace"))


@dataclass(frozen=True, slots=True)
class Sides:
    """Both revisions of one path; None where a revision has no such path."""

    before: Place | None
    after: Place | None
    since: str
    revision: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One object in both revisions, as rendered or as the server would have it."""

    key: ObjectKey
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    live: Mapping[str, Any] | None = None
    problem: Problem | None = None  # why the server refuses the newer one
    verb: Verb | None = None  # where it isn't told by what is there
    why: str = ""
    restart: tuple[ObjectKey, ...] | None = None  # the configuration for which its Pods restart


def of_checkout(folder: Path, wanted: RevisionRange) -> Sides:
    """The sides in a local checkout: `A..` ends at the work tree, `..B` begins at HEAD.

    Raises GitopsError where a revision or the path isn't there.
    """
    checkout = Checkout(folder)
    first = wanted.before or "HEAD"
    start = checkout.fork(first, wanted.after or "HEAD") if wanted.from_fork else first
    before, since = _at(checkout, start)
    if wanted.after:
        after, revision = _at(checkout, wanted.after)
    else:
        revision = "work tree"
        there = os.path.lexists(checkout.root / checkout.path)
        after = Place(FolderTree(checkout.root), checkout.path, revision) if there else None
    return checked(Sides(before, after, since, revision), str(folder))


def _at(checkout: Checkout, revision: str) -> tuple[Place | None, str]:
    tree = checkout.tree(revision)
    there = tree.digest(checkout.path) is not None
    return Place(tree, checkout.path, tree.sha) if there else None, tree.sha


def checked(sides: Sides, where: str) -> Sides:
    """The sides, if any of them has the path. Raises GitopsError PATH_NOT_FOUND."""
    if sides.before is None and sides.after is None:
        raise fail(
            Reason.PATH_NOT_FOUND,
            f"there is no such folder in {sides.since[:7]} or {sides.revision[:9]}",
            Blame.SPEC,
            where=where,
            advice="correct the path",
        )
    return sides


async def render_both(
    renderer: RendererClient, sides: Sides, request: RenderRequest
) -> tuple[Rendered, Rendered]:
    """Both renders, in the renderer's process; a path that isn't there wants nothing."""

    async def one(side: Place | None) -> Rendered:
        if side is None:
            return Rendered(())
        return (await render_tree(side.tree, replace(request, path=side.path), renderer)).rendered

    before, after = await asyncio.gather(one(sides.before), one(sides.after))
    return before, after


def as_rendered(before: Rendered, after: Rendered) -> Iterator[Pair]:
    """The objects that differ, without a cluster: a namespace is the one that the manifest names."""
    old, new = _keyed(before.manifests), _keyed(after.manifests)
    for key in sorted({*old, *new}):
        left, right = old.get(key), new.get(key)
        if left is None or right is None or left.body != right.body:
            yield Pair(key, body(left), body(right))


def body(manifest: Manifest | None) -> dict[str, Any] | None:
    """The object as the repository has it."""
    found: dict[str, Any] | None = orjson.loads(manifest.body) if manifest else None
    return found


def _keyed(manifests: Iterable[Manifest]) -> dict[ObjectKey, Manifest]:
    return {ObjectKey(one.group, one.kind, one.namespace, one.name): one for one in manifests}


def report_of(
    name: str,
    sides: Sides,
    pairs: Iterable[Pair],
    *,
    hidden: tuple[str, ...],
    manager: str = "",
    live: bool,
    problems: Iterable[Problem] = (),
    notices: Iterable[str] = (),
    warnings: Iterable[str] = (),
) -> Report:
    """What is said of the pairs that differ; values of Secrets and `hidden` ones are in none of it."""
    listed = list(pairs)
    gone = {one.key: readable(one.before, hidden) for one in listed if one.before and not one.after}
    come = {
        one.key: readable(one.after, hidden)
        for one in listed
        if one.after and not one.before and not one.problem
    }
    moved = renames(gone, come)
    back = {old: new for new, old in moved.items()}
    raw = {one.key: one.before for one in listed if one.before is not None}
    found = [_entry(one, gone, come, moved, back, raw, hidden, manager) for one in listed]
    entries = tuple(one for one in found if one is not None)
    refused = [*problems, *(one.problem for one in listed if one.problem)]
    shown = tuple(dict.fromkeys(without(hidden, refused)))
    parts = in_numbers([one.verb for one in entries])
    if shown:
        parts.append(f"{len(shown)} refused")
    return Report(
        application=name,
        revision=sides.revision,
        since=sides.since,
        entries=entries,
        summary=", ".join(parts) or "no differences",
        live=live,
        new=False,
        problems=shown,
        notices=tuple(notices),
        warnings=tuple(warnings),
    )


def _entry(
    pair: Pair,
    gone: Mapping[ObjectKey, dict[str, Any]],
    come: Mapping[ObjectKey, dict[str, Any]],
    moved: Mapping[ObjectKey, ObjectKey],
    back: Mapping[ObjectKey, ObjectKey],
    raw: Mapping[ObjectKey, Mapping[str, Any]],
    hidden: tuple[str, ...],
    manager: str,
) -> Entry | None:
    """None where both are the same but for what nobody asks for."""
    key = pair.key
    renamed = moved.get(key) or back.get(key)
    verb = pair.verb or _verb(pair)
    fields: tuple[Field, ...] = ()
    if pair.before is not None and pair.after is not None:
        changes = changes_between(pair.before, pair.after, hidden)
        if not changes and not pair.problem and pair.restart is None:
            return None
        fields = (*(Field(one) for one in changes), *_drifted(pair, hidden, manager))
    elif key in moved and pair.after is not None:
        changes = changes_between(raw[moved[key]], pair.after, hidden)
        fields = tuple(Field(one) for one in changes if one.path not in _NAMES)
    whole = gone.get(key) or come.get(key)
    told = [field.change for field in fields if not field.drift]
    found = impacts(key, verb, pair.before, pair.after, told)
    if pair.problem and pair.problem.reason is Reason.IMMUTABLE_FIELD:
        found = (*found, immutable_advice())
    return Entry(verb, key, pair.why, fields, whole, found, renamed, pair.restart)


def _verb(pair: Pair) -> Verb:
    if pair.before is None:
        return Verb.CREATE
    return Verb.DELETE if pair.after is None else Verb.UPDATE


def _drifted(pair: Pair, hidden: tuple[str, ...], manager: str) -> Iterator[Field]:
    """What others changed of an object in the cluster, against the older revision."""
    if pair.live is None or pair.before is None:
        return
    raw: list[Change] = differences(without_noise(pair.live), without_noise(pair.before))
    writers = {one.pointer: writer_of(pair.live, one, manager) for one in raw}
    for change in changes_between(pair.live, pair.before, hidden):
        by, at = writers.get(change.pointer, ("", ""))
        if by:
            yield Field(change, drift=True, by=by, at=at)
