"""One Application of 1,000 mixed objects that are there: nothing to do, one change, foreign edits."""

import time

from gitops.local.worktree import WorkTree
from tests.bench.audit import Request, by, is_report
from tests.bench.bed import USER, Bed
from tests.bench.process import ControllerProcess
from tests.bench.result import Found, Measure, Say, at_most, median, spread
from tests.bench.workload import Object, files, mixed

_NAME = "standing"
_OBJECTS = 1000
_PASSES = 20
_EDITS = 50
_EDITED = 10


def standing(bed: Bed, say: Say) -> Found:
    """Needs one sync, so the three share it."""
    tree = bed.repository(_NAME)
    objects = mixed(_OBJECTS, _NAME)
    sha = tree.commit("all", files(objects, _NAME))
    tree.push()
    with bed.controller() as running:
        bed.make_application(_NAME, tree.url, _NAME)
        bed.wait_synced(_NAME, sha)
        bed.settle()
        say("standing: 1,000 objects are synced")
        found = [
            *_no_change(bed, running),
            *_one_change(bed, tree, objects),
            *_heal(bed, [one for one in objects if one["kind"] == "ConfigMap"][1 : _EDITED + 1]),
        ]
    bed.forget(_NAME)
    bed.remove_namespace(_NAME)
    return found


def _no_change(bed: Bed, running: ControllerProcess) -> Found:
    """Passes over an Application of which nothing but an annotation of somebody else has changed."""
    time.sleep(3)  # what follows a sync: status, Events, a last look at the Application
    bed.audit.skip()
    passes = running.metric("gitops_reconcile_seconds_count")
    requests = running.metric("gitops_kube_requests_total")
    cpu = running.cpu_seconds()
    for number in range(_PASSES):
        bed.annotate(_NAME, "bench", str(number))
        time.sleep(0.25)
    time.sleep(0.5)
    used = running.cpu_seconds() - cpu
    passes = running.metric("gitops_reconcile_seconds_count") - passes
    requests = running.metric("gitops_kube_requests_total") - requests
    audited = by(USER, bed.audit.settled())
    if passes < _PASSES / 2:  # two changes during one pass are one more pass
        raise RuntimeError(f"only {passes:g} passes for {_PASSES} changes of an annotation")
    return [
        Measure(
            "reconcile with nothing to do: requests",
            max(requests, len(audited)),
            "requests",
            at_most(0),
            f"{passes:g} passes; {len(audited)} by the audit log, {requests:g} by the metric",
        ),
        Measure("reconcile with nothing to do: CPU", 1000 * used / passes, "ms", at_most(20)),
    ]


def _one_change(bed: Bed, tree: WorkTree, objects: list[Object]) -> Found:
    """One ConfigMap of the 1,000 has another value in Git."""
    target = next(one for one in objects if one["kind"] == "ConfigMap")
    target["data"]["k0"] = "changed"
    sha = tree.commit("one", files(objects, _NAME))
    tree.push()
    bed.audit.skip()
    began = time.time()
    bed.nudge(_NAME)
    bed.wait_synced(_NAME, sha)
    requests = [one for one in by(USER, bed.audit.settled()) if not is_report(one)]
    written = [one for one in requests if one.name == target["metadata"]["name"] and one.verb == "patch"]
    return [
        Measure(
            "one ConfigMap of 1,000 changes in Git: requests besides status",
            len(requests),
            "requests",
            at_most(5),
            "; ".join(map(str, requests[:8])),
        ),
        Measure("… from the annotation to live", max(one.ended for one in written) - began, "s", at_most(1)),
    ]


def _heal(bed: Bed, targets: list[Object]) -> Found:
    """Edits of values by somebody else, each on another object or field: the same would be a fight."""
    seconds: list[float] = []
    requests: list[int] = []
    for number in range(_EDITS):
        target = targets[number % len(targets)]
        name, field = target["metadata"]["name"], f"k{number // len(targets)}"
        time.sleep(0.2)
        bed.audit.skip()
        path = f"/api/v1/namespaces/{_NAME}/configmaps/{name}?fieldManager=somebody"
        bed.api.request("PATCH", path, {"data": {field: "edited"}})
        seen = bed.audit.wait_for(lambda one, name=name: _is_heal(one, name), 30)  # type: ignore[misc]
        seen += bed.audit.settled()
        edit = next(one for one in seen if one.name == name and one.user != USER)
        heal = next(one for one in seen if _is_heal(one, name))
        seconds.append(heal.ended - edit.ended)
        requests.append(sum(not is_report(one) for one in by(USER, seen)))
    ordered = sorted(seconds)
    return [
        Measure(
            "a foreign edit of one of 1,000 objects: healed, 99th percentile of 50",
            1000 * ordered[-(-99 * len(ordered) // 100) - 1],
            "ms",
            at_most(200),
            f"{spread([1000 * one for one in seconds], 'ms')}; the five slowest "
            f"{', '.join(f'{1000 * one:.0f}' for one in ordered[-5:])}",
        ),
        Measure(
            "… requests besides status and Events",
            max(requests),
            "requests",
            at_most(3),
            f"median {median([float(one) for one in requests]):g}",
        ),
    ]


def _is_heal(one: Request, name: str) -> bool:
    return one.user == USER and one.name == name and one.verb == "patch" and not one.dry_run
