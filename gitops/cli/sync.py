"""`gitops sync`: have the controller sync an Application now, or do it here where no controller runs."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gitops.api.application import Application
from gitops.api.group import (
    ANSWER_WANTED,
    APPROVE_ANNOTATION,
    LEASE_NAME,
    RECONCILE_AT_ANNOTATION,
)
from gitops.api.spec import Deploy, Prune
from gitops.cli import application_file, plan
from gitops.cli.applications import change, find, list_applications, require_definition
from gitops.cli.options import Output, Refused
from gitops.cli.saved_plan import SavedPlan, load, moved
from gitops.cli.sync_alone import PREFIX, person_of, sync_alone
from gitops.cli.sync_end import Ended, Watch, as_data
from gitops.cli.sync_follow import Members, follow
from gitops.cli.sync_progress import Progress
from gitops.cli.terminal import print_data
from gitops.controller.one import Wish
from gitops.core.approval import SHORTEST
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.kube import holder
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace
from gitops.kube.holder import Holder

_TOLD = 10  # lines of what has moved since a plan was saved


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asks for; `timeout` in seconds."""

    wait: bool = True
    timeout: float = 600.0
    dry_run: bool = False
    prune: bool | None = None  # None: as the Application says
    allow_prune: str = ""  # a revision
    only: tuple[str, ...] = ()  # KIND/NAME
    plan: Path | None = None
    home: str = "gitops-system"  # where the controller's lease is, where that can't be found out


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the command."""

    client: Client
    access: Access
    target: str
    namespace: str | None
    options: Options
    saved: SavedPlan | None

    @property
    def file(self) -> Path | None:
        path = Path(self.target)
        return path if application_file.is_application_file(path) else None

    @property
    def home(self) -> str:
        return self.namespace or context_namespace(self.access)


async def run(
    target: str | None,
    *,
    access: Access,
    namespace: str | None,
    options: Options,
    output: Output,
    color: bool,
) -> int:
    """Sync, and tell how it went by the exit code."""
    _check(options)
    saved = load(options.plan) if options.plan else None
    if not target and saved is None:
        raise _usage("no Application is named", "name one, a file with one, or a plan with --plan")
    client = await Client.connect(access)
    try:
        call = _Call(
            client, access, target or (saved.application if saved else ""), namespace, options, saved
        )
        if options.dry_run:
            return await _dry_run(call, output, color=color)
        return await _run(call, output, color=color)
    finally:
        await client.close()


def _check(options: Options) -> None:
    if options.plan and (options.only or options.prune is not None or options.allow_prune):
        raise _usage("--plan carries out one whole plan", "leave out --only, --prune and --allow-prune")
    if options.only and (options.prune or options.allow_prune):
        raise _usage("with --only nothing is pruned", "leave out --prune and --allow-prune")
    if options.prune is False and options.allow_prune:
        raise _usage("--no-prune and --allow-prune contradict each other", "leave out one of them")
    if options.allow_prune and len(options.allow_prune) < SHORTEST:
        raise _usage("--allow-prune names too little of a revision", f"give {SHORTEST} digits or more")
    for one in options.only:
        _chosen(one)


def _chosen(text: str) -> Callable[[ObjectKey], bool]:
    """`KIND/NAME` or `KIND.GROUP/NAME` as a condition."""
    kind, _, name = text.partition("/")
    kind, _, group = kind.partition(".")
    if not (kind and name):
        raise _usage(f"--only {text} names no object", "write KIND/NAME, like Deployment/web")
    return lambda key: (
        key.kind.lower() == kind.lower() and key.name == name and (not group or key.group == group)
    )


async def _dry_run(call: _Call, output: Output, *, color: bool) -> int:
    shown = await plan.work_out(call.client, call.access, call.target, call.namespace)
    if call.saved:
        _compare(call.saved, plan.saved_of(shown))
    plan.show(shown, output, color=color)
    return plan.exit_code(shown)


async def _run(call: _Call, output: Output, *, color: bool) -> int:
    await require_definition(call.client)
    lease = await holder.find(call.client, LEASE_NAME, call.options.home)
    alone = lease is None or not lease.alive
    if lease and lease.alive and lease.identity.startswith(PREFIX):
        raise _refused(
            f"{person_of(lease.identity)} is syncing an Application of this cluster right now",
            "wait till that is over",
        )
    options, progress = call.options, Progress(color=color)
    members = None if alone else Members(call.client, progress)
    app = await _application(call, members)
    progress.begin(app)
    app, token = await _asked(call, app, alone=alone)
    watch = Watch(options.wait, "" if alone else token, alone)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with progress:
        if members is None:
            found = await sync_alone(
                app,
                _wish(call),
                access=call.access,
                namespace=await _lease_namespace(call, lease, app),
                watch=watch,
                progress=progress,
                stop=stop,
                timeout=options.timeout,
            )
        else:
            assert lease is not None  # noqa: S101 (for the type checker: it is alive)
            found = await follow(
                call.client,
                call.access,
                app,
                lease=lease,
                name=LEASE_NAME,
                watch=watch,
                members=members,
                stop=stop,
                timeout=options.timeout,
            )
    return _tell(*found, progress, output, options=options, alone=alone)


async def _application(call: _Call, members: Members | None) -> Application:
    """The Application, in the cluster by then; nothing is written before all that can be refused is."""
    if call.file:
        app = application_file.read_application(call.file, call.home)
        app = application_file.with_what_is_there(app, await list_applications(call.client, call.home))
    else:
        app = await find(call.client, call.access, call.target, call.namespace)
    _refuse(call, app, alone=members is None)
    if call.saved:
        applications = await list_applications(call.client, call.home)
        _compare(call.saved, plan.saved_of(await plan.of_application(call.client, app, applications)))
    if members:
        await members.look(app)
    if call.file:
        app = await application_file.put(call.client, call.file, call.home)
    return app


def _refuse(call: _Call, app: Application, *, alone: bool) -> None:
    name, options = f"{app.metadata.namespace}/{app.metadata.name}", call.options
    if app.spec.suspend:
        raise _refused(f"{name} is suspended", "`gitops resume` ends that")
    if call.saved and call.saved.application != name:
        raise _usage(f"the plan is for {call.saved.application}, not for {name}", "name another file")
    if alone:
        return
    is_pruned = app.spec.sync.prune is not Prune.DISABLED
    by_us_alone = [
        *(["--only"] if options.only else []),
        *(["--no-prune"] if options.prune is False and is_pruned else []),
        *(["--prune"] if options.prune and not is_pruned else []),
    ]
    if by_us_alone:
        raise _usage(
            f"a controller runs in this cluster, and {' and '.join(by_us_alone)} can't be asked of it: "
            "it would sync the rest right after",
            "set spec.sync.prune, or annotate objects with gitops.dev/prune; `gitops suspend` stops it",
        )


async def _asked(call: _Call, app: Application, *, alone: bool) -> tuple[Application, str]:
    """The Application with what asks for a sync and approves it, and the value that its status will tell."""
    token = f"{datetime.now(UTC).isoformat()}{ANSWER_WANTED}"
    approved = call.options.allow_prune
    if call.saved and call.saved.digest:
        approved = call.saved.digest
        if not call.saved.uid:  # the digests are salted with what the Application has got only now
            now = await plan.of_application(call.client, app, await list_applications(call.client, call.home))
            approved = now.proposal.digest if now.proposal else ""
    annotations = {
        **({} if alone else {RECONCILE_AT_ANNOTATION: token}),
        **({APPROVE_ANNOTATION: approved} if approved else {}),
    }
    if annotations:
        app = await change(call.client, app, {"metadata": {"annotations": annotations}})
    return app, token


def _wish(call: _Call) -> Wish:
    options = call.options
    chosen = [_chosen(one) for one in options.only]
    return Wish(
        prune={None: None, True: Prune.ENABLED, False: Prune.DISABLED}[options.prune],
        approved_only=call.saved is not None,
        only=(lambda key: any(one(key) for one in chosen)) if chosen else None,
    )


async def _lease_namespace(call: _Call, lease: Holder | None, app: Application) -> str:
    """Where a controller that is started meanwhile looks; without such a place the Application's own."""
    if lease:
        return lease.namespace
    reply = await call.client.request("GET", f"/api/v1/namespaces/{call.options.home}", label="namespaces")
    return call.options.home if reply.ok else app.metadata.namespace


def _compare(saved: SavedPlan, now: SavedPlan) -> None:
    changes = moved(saved, now)
    if not changes:
        return
    more = [f"and {len(changes) - _TOLD} more"] if len(changes) > _TOLD else []
    what = "\n  ".join(["the plan isn't valid any more:", *changes[:_TOLD], *more])
    raise _refused(what, "look at the new one: `gitops plan`")


def _usage(what: str, advice: str) -> GitopsError:
    return fail(Reason.INVALID_OBJECT, what, Blame.SPEC, advice=advice)


def _refused(what: str, advice: str) -> GitopsError:
    return Refused(fail(Reason.APPROVAL_REQUIRED, what, Blame.SPEC, advice=advice).problem)


def _tell(
    app: Application, ended: Ended, progress: Progress, output: Output, *, options: Options, alone: bool
) -> int:
    if ended.result == "Synced" and options.only:
        ended = replace(ended, message="only what was named was synced; nothing was pruned, no hook was run")
    if output is not Output.TEXT:
        print_data(as_data(app, ended, progress.steps, alone=alone), output)
        return ended.code
    name = f"{app.metadata.namespace}/{app.metadata.name}"
    if ended.result == "Synced":
        print(f"{name} is {summary(app, progress.steps, ended, options)}")
    else:
        print(f"error: {name}: {ended.message}{_hint(app, ended)}", file=sys.stderr)
    return ended.code


def _hint(app: Application, ended: Ended) -> str:
    name = f"{app.metadata.namespace}/{app.metadata.name}"
    synced = next((one for one in app.status.conditions if one.type == "Synced"), None)
    revision = app.status.revision.attempted if app.status.revision else None
    if revision and any(one.reason == Reason.PRUNE_REFUSED for one in app.status.problems):
        return f"\nto delete them all the same: gitops sync {name} --allow-prune={revision[:SHORTEST]}"
    if ended.result != "Refused" or synced is None or synced.reason != Reason.APPROVAL_REQUIRED:
        return ""
    return f"\nto approve it: gitops plan {name} --save plan.json && gitops sync {name} --plan plan.json"


def summary(app: Application, steps: list[tuple[str, str]], ended: Ended, options: Options) -> str:
    """`synced at abc1234: 3 created, 1 deleted; 7 of 7 objects healthy`."""
    counts = Counter(action for action, _ in steps)
    what = ", ".join(f"{number} {word}" for word, number in counts.items()) or "nothing to change"
    objects, revision = app.status.objects, app.status.revision
    health = f"; {objects.healthy} of {objects.total} objects healthy" if objects else ""
    if options.only:
        return f"synced in part: {what}{health}; {ended.message}"
    short = f" at {revision.short}" if revision and revision.short else ""
    manual = " as approved" if options.plan and app.spec.sync.deploy is Deploy.MANUAL else ""
    return f"synced{manual}{short}: {what}{health}"
