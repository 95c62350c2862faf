"""Every metric of gitops: the one place that names them and builds their labels.

Labels are bounded: never a revision, a message or an object's name. Seconds everywhere.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

import gitops
from gitops.observe.families import Description, Families
from gitops.observe.managers import manager_class

ObjectState: TypeAlias = Literal["synced", "drifted", "missing", "degraded", "progressing"]
SyncResult: TypeAlias = Literal["succeeded", "failed", "superseded"]
Trigger: TypeAlias = Literal["revision", "drift", "manual", "start"]
Phase: TypeAlias = Literal["resolve", "render", "plan", "apply", "prune", "wait"]
PollResult: TypeAlias = Literal["unchanged", "changed", "failed"]
ReconcileResult: TypeAlias = Literal["done", "waiting", "stalled", "failed"]

OBJECT_STATES: tuple[ObjectState, ...] = ("synced", "drifted", "missing", "degraded", "progressing")

_APPLICATION = ("namespace", "name")
_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class Metrics:
    """All metrics of one process in a registry of their own; the controller makes one.

    Safe to use from several threads. Nothing here raises for any label value.
    """

    def __init__(self) -> None:
        # A `_created` series beside each counter and histogram makes scrapes longer; no query asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._families = Families(self._registry)
        ProcessCollector(registry=self._registry)
        self._define_applications(self._families)
        self._define_work(self._families)
        self._define_controller(self._families)

    def _define_applications(self, make: Families) -> None:
        app = _APPLICATION
        self._info = make.gauge(
            "gitops_application_info",
            "Always 1; sync and health are the reasons of the conditions Synced and Healthy.",
            *app,
            "sync",
            "health",
            "suspended",
        )
        self._condition = make.gauge(
            "gitops_application_condition",
            "Always 1; a series for each condition that is present, with its status True, False or Unknown.",
            *app,
            "type",
            "status",
        )
        self._objects = make.gauge(
            "gitops_application_objects",
            "Managed objects, by state; an object can be in several.",
            *app,
            "state",
        )
        self._last_success = make.gauge(
            "gitops_application_last_success_timestamp_seconds",
            "When the Application was last found or made synced, in seconds since 1970.",
            *app,
        )
        self._last_commit_to_applied = make.gauge(
            "gitops_application_commit_to_applied_seconds",
            "From the commit to all of it being applied, at the last sync of a new revision.",
            *app,
        )
        self._syncs = make.counter(
            "gitops_sync_total", "Syncs that ended, by result and cause.", *app, "result", "trigger"
        )
        self._drift_detected = make.counter(
            "gitops_drift_detected_total",
            "Objects found changed by somebody else, by kind and class of who did it.",
            *app,
            "kind",
            "manager",
        )
        self._drift_corrected = make.counter(
            "gitops_drift_corrected_total",
            "Objects brought back, by kind and class of who had changed them.",
            *app,
            "kind",
            "manager",
        )
        self._fights = make.counter(
            "gitops_fights_total",
            "Objects that somebody began to change again after each heal, by kind and class of who does it.",
            *app,
            "kind",
            "manager",
        )
        self._verification_found = make.counter(
            "gitops_verification_found_total",
            "Objects whose drift only the background verification saw, by kind; should stay 0.",
            "kind",
        )
        self._pruned = make.counter(
            "gitops_pruned_total", "Objects deleted because Git no longer has them.", *app, "kind"
        )
        self._prune_refused = make.counter(
            "gitops_prune_refused_total", "Deletions that a guard refused, by reason.", *app, "reason"
        )

    def _define_work(self, make: Families) -> None:
        self._phase = make.histogram(
            "gitops_sync_duration_seconds", "How long the phases of a sync take.", _SLOW, "phase"
        )
        self._commit_to_applied = make.histogram(
            "gitops_commit_to_applied_seconds", "From a commit to all of it being applied.", _SLOW
        )
        self._commit_to_healthy = make.histogram(
            "gitops_commit_to_healthy_seconds", "From a commit to everything being healthy with it.", _SLOW
        )
        self._correction = make.histogram(
            "gitops_drift_correction_seconds",
            "From the watch event of a foreign change to the reply to the write that undid it.",
            _QUICK,
        )
        self._polls = make.counter(
            "gitops_git_poll_total", "Questions for new revisions, by Git host.", "host", "result"
        )
        self._git = make.histogram(
            "gitops_git_operation_seconds", "How long Git operations take.", _SLOW, "operation"
        )
        self._render = make.histogram(
            "gitops_render_seconds", "How long renders take that were not in the cache.", _SLOW, "renderer"
        )
        self._render_cache = make.counter(
            "gitops_render_cache_total", "Renders asked for; a hit is one that was not needed.", "result"
        )

    def _define_controller(self, make: Families) -> None:
        self._requests = make.counter(
            "gitops_kube_requests_total",
            "Requests to the Kubernetes API; code 0 is one without an answer.",
            "verb",
            "resource",
            "code",
        )
        self._request_seconds = make.histogram(
            "gitops_kube_request_seconds",
            "How long requests to the Kubernetes API take.",
            _QUICK,
            "verb",
            "resource",
        )
        self._watch_restarts = make.counter(
            "gitops_watch_restarts_total", "Watches that had to begin again with a list.", "resource"
        )
        self._watched = make.gauge("gitops_watched_objects", "Objects in the watches' memory.", "resource")
        self._queue_depth = make.gauge(
            "gitops_queue_depth", "Applications that are due and wait for a worker."
        )
        self._queue_wait = make.histogram(
            "gitops_queue_wait_seconds", "From being due to being picked up by a worker.", _QUICK
        )
        self._reconcile = make.histogram(
            "gitops_reconcile_seconds", "How long a reconcile of one Application takes.", _SLOW, "result"
        )
        self._leader = make.gauge("gitops_leader", "1 if this process holds the lease, else 0.")
        make.gauge("gitops_build_info", "Always 1; the label names the version.", "version")(
            gitops.__version__
        ).set(1)

    # -- Applications

    def application(self, namespace: str, name: str, *, sync: str, health: str, suspended: bool) -> None:
        """State now: `sync` and `health` are the reasons of the conditions Synced and Healthy."""
        self._info.drop(namespace, name)
        self._info(namespace, name, sync, health, "true" if suspended else "false").set(1)

    def conditions(self, namespace: str, name: str, statuses: Mapping[str, str]) -> None:
        """All conditions that are present, as type → status; the others' series go away."""
        self._condition.drop(namespace, name)
        for kind, status in statuses.items():
            self._condition(namespace, name, kind, status).set(1)

    def objects(self, namespace: str, name: str, counts: Mapping[ObjectState, int]) -> None:
        """Numbers of managed objects; a state that isn't named has none."""
        for state in OBJECT_STATES:
            self._objects(namespace, name, state).set(counts.get(state, 0))

    def succeeded(self, namespace: str, name: str, at: float) -> None:
        """The Application is synced as of `at`, in seconds since 1970."""
        self._last_success(namespace, name).set(at)

    def sync(self, namespace: str, name: str, result: SyncResult, trigger: Trigger) -> None:
        self._syncs(namespace, name, result, trigger).inc()

    def phase(self, phase: Phase, seconds: float) -> None:
        self._phase(phase).observe(seconds)

    def commit_applied(self, namespace: str, name: str, seconds: float) -> None:
        """All of a new commit is applied, `seconds` after it was made."""
        self._commit_to_applied().observe(seconds)
        self._last_commit_to_applied(namespace, name).set(seconds)

    def commit_healthy(self, seconds: float) -> None:
        """Everything is healthy with a new commit, `seconds` after it was made."""
        self._commit_to_healthy().observe(seconds)

    def drift_detected(self, namespace: str, name: str, kind: str, manager: str) -> None:
        """`manager` is the name in `managedFields`, or empty; only its class becomes a label."""
        self._drift_detected(namespace, name, kind, manager_class(manager)).inc()

    def drift_corrected(
        self, namespace: str, name: str, kind: str, manager: str, seconds: float | None = None
    ) -> None:
        """`seconds` since the foreign write's watch event, if it was seen (it isn't before a start)."""
        self._drift_corrected(namespace, name, kind, manager_class(manager)).inc()
        if seconds is not None:
            self._correction().observe(seconds)

    def fight(self, namespace: str, name: str, kind: str, manager: str) -> None:
        """A fight over fields of an object has begun."""
        self._fights(namespace, name, kind, manager_class(manager)).inc()

    def verification_found(self, kind: str) -> None:
        """The background verification found drift that nothing else showed."""
        self._verification_found(kind).inc()

    def pruned(self, namespace: str, name: str, kind: str) -> None:
        self._pruned(namespace, name, kind).inc()

    def prune_refused(self, namespace: str, name: str, reason: str) -> None:
        self._prune_refused(namespace, name, reason).inc()

    def forget(self, namespace: str, name: str) -> None:
        """Remove every series of a deleted Application; call it after its last reconcile has ended."""
        self._families.drop(_APPLICATION, (namespace, name))

    # -- Sources

    def git_poll(self, host: str, result: PollResult) -> None:
        self._polls(host, result).inc()

    def git_operation(self, operation: str, seconds: float) -> None:
        """`operation` is a Git command: `ls-remote`, `fetch`, ..."""
        self._git(operation).observe(seconds)

    def rendered(self, renderer: str, seconds: float) -> None:
        """A render that was needed, by `kustomize`, `helm` or `plain`."""
        self._render(renderer).observe(seconds)
        self._render_cache("miss").inc()

    def render_cached(self) -> None:
        """A render that was not needed."""
        self._render_cache("hit").inc()

    # -- The controller itself

    def kube_request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """`resource` is `deployments.apps`; `code` the HTTP status, 0 if no answer came."""
        self._requests(verb, resource, str(code)).inc()
        self._request_seconds(verb, resource).observe(seconds)

    def watch_restarted(self, resource: str) -> None:
        self._watch_restarts(resource).inc()

    def watched(self, resource: str, count: int) -> None:
        self._watched(resource).set(count)

    def queue_depth(self, waiting: int) -> None:
        self._queue_depth().set(waiting)

    def queue_waited(self, seconds: float) -> None:
        self._queue_wait().observe(seconds)

    def reconciled(self, result: ReconcileResult, seconds: float) -> None:
        self._reconcile(result).observe(seconds)

    def leader(self, leading: bool) -> None:
        self._leader().set(leading)

    # -- Output

    def describe(self) -> Iterator[Description]:
        """Every metric of ours, in the order of the documentation; `process_*` come on top."""
        return self._families.descriptions()

    def exposition(self) -> tuple[bytes, str]:
        """The answer to GET /metrics: body and content type.

        0.2 s of CPU with 1,000 Applications: call it in a thread, not in the event loop.
        """
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4
