"""100 Applications in one repository, of which a commit touches one."""

import time

from gitops.local.gitserver import Service
from tests.bench.audit import by, is_report
from tests.bench.bed import USER, Bed
from tests.bench.result import Found, Measure, Say, at_most
from tests.bench.workload import config_maps, files

_APPLICATIONS = 100
_TOUCHED = "mono-042"


def monorepo(bed: Bed, say: Say) -> Found:
    """The 99 others may ask Git for their folder, and do nothing else."""
    tree = bed.repository("mono")
    names = [f"mono-{number:03d}" for number in range(_APPLICATIONS)]
    for name in names:
        bed.make_namespace(name)
        tree.write(files(config_maps(3, name), name))
    sha = tree.commit("all")
    tree.push()
    with bed.controller() as running:
        for name in names:
            bed.make_application(name, tree.url, name)
        for name in names:
            bed.wait_synced(name, sha)
        say("monorepo: 100 Applications are synced")
        bed.settle()
        time.sleep(2)
        sha = tree.commit("one", {f"{_TOUCHED}/more.yaml": _more()})
        tree.push()
        bed.audit.skip()
        fetches = bed.git.requests.copy()
        counted = ("gitops_render_seconds_count", "gitops_reconcile_seconds_count")
        before = [running.metric(name) for name in counted]
        cpu = running.cpu_seconds()
        bed.nudge(_TOUCHED)
        bed.wait_synced(_TOUCHED, sha)
        time.sleep(2)
        cpu = running.cpu_seconds() - cpu
        renders, passes = (running.metric(name) - known for name, known in zip(counted, before, strict=True))
        requests = by(USER, bed.audit.settled())
        fetched = bed.git.requests["mono", Service.FETCH] - fetches["mono", Service.FETCH]
    others = [one for one in requests if one.name != _TOUCHED and one.namespace != _TOUCHED]
    others = [one for one in others if one.resource != "events"]
    reports = sum(map(is_report, requests))
    for name in names:
        bed.forget(name)
    return [
        Measure(
            "a commit to one of 100 Applications of a repository: renders",
            renders,
            "renders",
            at_most(1),
            f"{passes:g} passes, {1000 * cpu:.0f} ms of CPU for all, {reports} reports",
        ),
        Measure("… Git fetches", fetched, "fetches", at_most(1)),
        Measure(
            "… requests about the 99 others, status writes included",
            len(others),
            "requests",
            at_most(0),
            "; ".join(map(str, others[:5])),
        ),
    ]


def _more() -> str:
    metadata = f"{{name: more, namespace: {_TOUCHED}}}"
    return f"{{apiVersion: v1, kind: ConfigMap, metadata: {metadata}, data: {{a: b}}}}\n"
