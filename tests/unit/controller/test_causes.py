"""Which objects are asked about, and what a status may tell of the answer."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from gitops.api.application import Application
from gitops.controller.causes import Causes, in_trouble, problems_of
from gitops.controller.cluster import Cluster
from gitops.core.health import HEALTHY, Health, degraded, progressing
from gitops.core.model import ObjectKey
from gitops.core.problem import Reason
from gitops.core.resources import NEEDED_VERBS, Catalog, Resource
from gitops.core.why.model import Cause, Depth, Evidence
from gitops.kube.client import Access, Client
from gitops.local.credentials import write_kubeconfig

WEB = ObjectKey("apps", "Deployment", "shop", "web")
DB = ObjectKey("apps", "StatefulSet", "shop", "db")


def test_what_is_broken_is_asked_about_and_what_is_late_only_after_its_deadline() -> None:
    broken, late = {WEB: degraded("crashes")}, {DB: progressing("0 of 1 are ready")}
    assert in_trouble(broken | late, deadline_exceeded=False) == (broken, Reason.DEGRADED)
    assert in_trouble(late, deadline_exceeded=False)[0] == {}
    assert in_trouble(late, deadline_exceeded=True) == (late, Reason.PROGRESS_DEADLINE_EXCEEDED)
    assert in_trouble({WEB: HEALTHY}, deadline_exceeded=True)[0] == {}


def test_a_status_has_the_roots_and_each_kind_of_cause_once() -> None:
    oom = Cause("oom-killed", WEB, "is killed", Depth.ROOT)
    other, full = Cause("oom-killed", DB, "is killed too", Depth.ROOT), Cause("quota", DB, "full", Depth.ROOT)
    effect = Cause("service-pods-not-ready", WEB, "has no endpoints", Depth.EFFECT)
    told = problems_of([oom, full, other, effect], Reason.DEGRADED)
    assert [one.message for one in told] == ["is killed", "full"]


def test_a_status_has_the_sentence_and_nothing_that_was_logged() -> None:
    seen = (Evidence("password=hunter2", "kubectl logs web", log=True), Evidence("exit code 1"))
    cause = Cause("crash", WEB, "its container web ends with exit code 1", Depth.STATE, seen, ("look",))
    [problem] = problems_of([cause, cause], Reason.DEGRADED)
    assert (problem.key, problem.message, problem.advice) == (WEB, cause.sentence, "look")
    assert "hunter2" not in repr(problem)


DEPLOYMENTS = Resource("apps", "v1", "Deployment", "deployments", namespaced=True, verbs=NEEDED_VERBS)
REPORTED = {"reason": "Degraded", "message": "what was found before the start"}


def application(*problems: Mapping[str, str]) -> Application:
    return Application.parse(
        {
            "apiVersion": "gitops.dev/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop", "namespace": "team"},
            "spec": {"source": {"repository": "https://git.example/shop.git"}},
            "status": {"problems": [*problems]},
        }
    )


class Asking:
    """Causes with an API server that nobody answers for; `asked` counts its requests."""

    def __init__(self, causes: Causes, asked: list[str]) -> None:
        self.causes, self.asked = causes, asked

    async def look(self, trouble: Mapping[ObjectKey, Health], app: Application) -> list[str]:
        """What a pass is told, once what it started is over."""
        found = self.causes.of(app, trouble, Reason.DEGRADED)
        started = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*started)
        return [one.message for one in found]


async def asking(folder: Path) -> tuple[Asking, Client]:
    (folder / "ca.crt").write_text("")
    kubeconfig = write_kubeconfig(folder / "kubeconfig", "http://127.0.0.1:9", folder / "ca.crt", "token")
    asked: list[str] = []
    client = await Client.connect(Access(kubeconfig), lambda verb, what, *_: asked.append(f"{verb} {what}"))
    cluster = Cluster(client, lambda: None)
    cluster.catalog = Catalog([DEPLOYMENTS])
    return Asking(Causes(client, cluster, lambda _: None), asked), client


def test_the_same_trouble_is_asked_about_once_and_another_one_not_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        here, client = await asking(tmp_path)
        app = application()
        await here.look({WEB: degraded("crashes")}, app)
        assert here.asked == ["GET deployments"]
        await here.look({WEB: degraded("crashes")}, app)
        await here.look({WEB: degraded("crashes again")}, app)
        await here.look({}, app)
        await here.look({WEB: degraded("crashes")}, app)
        assert here.asked == ["GET deployments"], "not twice within half a minute"
        await here.causes.close()
        await client.close()

    asyncio.run(work())


def test_what_was_found_before_a_start_holds_while_the_trouble_lasts(tmp_path: Path) -> None:
    async def work() -> None:
        here, client = await asking(tmp_path)
        told = application(REPORTED)
        for _ in range(2):  # before and after a diagnosis that could read nothing
            assert await here.look({WEB: degraded("crashes")}, told) == [REPORTED["message"]]
        assert await here.look({}, told) == []
        await here.causes.close()
        await client.close()

    asyncio.run(work())
