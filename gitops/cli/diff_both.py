"""Two revisions in the eyes of one cluster: what differs is dry-run as both of them say it."""

from collections.abc import Iterator

from gitops.api.application import Application
from gitops.cli.begun import ask
from gitops.cli.diff_revisions import Pair, Sides, body, render_both, report_of
from gitops.cli.diff_values import Report
from gitops.controller.applications import owner_of
from gitops.controller.gather import dry_run, each
from gitops.core.desired import Desired, place
from gitops.core.directives import PruneMode
from gitops.core.identity import Owner
from gitops.core.model import Manifest, ObjectKey
from gitops.core.plan import Verb
from gitops.core.problem import Reason
from gitops.core.resources import Catalog
from gitops.core.rollout import checksum_of, uses_of
from gitops.kube.client import Client
from gitops.render.client import RendererClient


async def compare(client: Client, renderer: RendererClient, app: Application, sides: Sides) -> Report:
    """Render both and dry-run what differs. Raises GitopsError when a source or the cluster fails."""
    asked = await ask(client, app)
    catalog, request = asked.catalog, asked.request
    name = request.application
    before, after = await render_both(renderer, sides, request)
    owner = owner_of(app)
    rollout = app.spec.sync.rollout_on_config_change
    old, new = (
        place(one, owner, app.destination_namespace, catalog, app.spec.ignore, rollout=rollout)
        for one in (before, after)
    )
    notices: list[str] = []
    keys = sorted(_differing(old, new))
    trials = Trials(client, catalog, owner, old, new, notices)
    pairs = await each(keys, trials.pair)
    return report_of(
        name,
        sides,
        pairs,
        hidden=tuple(dict.fromkeys((*before.hidden, *after.hidden))),
        manager=owner.manager,
        live=True,
        problems=new.problems,
        notices=sorted(notices),
        warnings=after.warnings,
    )


def _differing(old: Desired, new: Desired) -> Iterator[ObjectKey]:
    for key in {*old.manifests, *new.manifests}:
        left, right = old.manifests.get(key), new.manifests.get(key)
        if left is None or right is None or left.body != right.body:
            yield key


class Trials:
    """Dry runs of the same objects as two revisions say them."""

    def __init__(
        self,
        client: Client,
        catalog: Catalog,
        owner: Owner,
        old: Desired,
        new: Desired,
        notices: list[str],
    ) -> None:
        self._client, self._catalog, self._owner = client, catalog, owner
        self._old, self._new = old, new
        self._notices = notices
        self._differing = set(_differing(old, new))

    async def pair(self, key: ObjectKey) -> Pair:
        """Both states of an object; as rendered where the server can't be asked yet."""
        left, right = self._old.manifests.get(key), self._new.manifests.get(key)
        plain = Pair(key, body(left), body(right))
        if right is None:
            return self._leaving(plain)
        if key not in self._new.wanted:
            return Pair(key, plain.before, plain.after, why="hook")
        wanted = self._new.wanted[key]
        resource = self._catalog.at_version(wanted.api_version, key.kind)
        if resource is None:
            self._notices.append(f"{key}: its kind comes with this revision; compared as rendered")
            return plain
        tried = await dry_run(self._client, resource, right, wanted, self._owner)
        if tried.problem and tried.problem.reason is Reason.NAMESPACE_NOT_FOUND:
            self._notices.append(f"{key}: its namespace isn't there; compared as rendered")
            return plain
        if tried.problem and tried.replaceable and wanted.directives.force:
            why = "a field of it can't be changed"
            return Pair(key, plain.before, plain.after, tried.before, None, Verb.REPLACE, why)
        if tried.problem or tried.after is None:
            return Pair(key, plain.before, plain.after, tried.before, tried.problem)
        if left is None or key not in self._old.wanted:
            why = "the cluster has one already" if tried.before is not None else ""
            return Pair(key, None, tried.after, tried.before, why=why)
        older = self._old.wanted[key]
        resource = self._catalog.at_version(older.api_version, key.kind)
        former = await dry_run(self._client, resource, left, older, self._owner) if resource else None
        if former is None or former.after is None:
            self._notices.append(f"{key}: the server refuses it as it was; compared as rendered")
            return Pair(key, plain.before, plain.after, tried.before)
        restart = self._restart(key, plain, right)
        return Pair(key, former.after, tried.after, tried.before, restart=restart)

    def _restart(self, key: ObjectKey, plain: Pair, manifest: Manifest) -> tuple[ObjectKey, ...] | None:
        """The changing configuration for which a workload that asks for it restarts."""
        if checksum_of(plain.before or {}) == checksum_of(plain.after or {}):
            return None
        return tuple(sorted(self._differing & uses_of(manifest, key.namespace)))

    def _leaving(self, plain: Pair) -> Pair:
        wanted = self._old.wanted.get(plain.key)
        if wanted and wanted.directives.prune is PruneMode.DISABLED:
            why = "leaves the repository and stays in the cluster: its pruning is disabled"
            return Pair(plain.key, plain.before, None, verb=Verb.KEEP, why=why)
        return plain
