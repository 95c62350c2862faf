"""Two writers that undo each other: we give way slowly, say with whom, and go on with everything else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.controller.told import told
from tests.support.cluster import Cluster, Obj
from tests.support.controller import Controller
from tests.support.manifests import config_map, deployment
from tests.support.site import Site
from tests.support.wait import stays, wait_for

OTHER = "other-operator"


@contextmanager
def undoing(site: Site, obj: Obj, change: Obj | None, pause: float = 1.0) -> Iterator[list[bool]]:
    """A controller that makes its change (None: deletes) again and again; the list grows each time."""
    stop = threading.Event()
    writes: list[bool] = []
    cluster = Cluster(site.cluster.control_plane)

    def work() -> None:
        while not stop.is_set():
            if change is None:
                cluster.delete(obj)
            else:
                cluster.patch(obj, change, manager=OTHER)
            writes.append(True)
            stop.wait(pause)
        cluster.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield writes
    finally:
        stop.set()
        thread.join()


def applies(controller: Controller) -> float:
    return sum(
        count
        for (verb, resource, _), count in controller.requests().items()
        if (verb, resource) == ("PATCH", "configmaps")
    )


def test_a_fight_is_healed_less_and_less_often_and_ends_by_itself(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"), config_map("old"))
    labels = {"namespace": app.namespace, "name": app.name}
    with undoing(site, site.get("ConfigMap", "a"), {"data": {"key": "theirs"}}) as writes:
        told(controller, app, "Fighting", "ConfigMap", "/data/key", OTHER, advice=OTHER)
        assert app.status["objects"]["drifted"] == 1
        healed = controller.metric("gitops_drift_corrected_total", **labels)
        assert healed == 5
        requests, count = applies(controller), len(writes)

        # Others are healed at once, and a new revision is applied and pruned, this object's part too.
        site.cluster.patch(site.get("ConfigMap", "b"), {"data": {"key": "edited"}})
        site.wait_data("b", {"key": "value"})
        sha = site.push_objects(config_map("a", {"key": "new", "more": "new"}), config_map("b", {"key": "2"}))
        site.wait_data("b", {"key": "2"})
        app.wait(lambda status: status["revision"]["applied"] == sha, "the revision counts as applied")
        wait_for(lambda: (site.data("a") or {}).get("more") == "new", "the fought over object is updated")
        site.wait_data("old", None)

        wait_for(lambda: len(writes) > count + 12, "the other one goes on")
        assert controller.metric("gitops_drift_corrected_total", **labels) <= healed + 3
        assert applies(controller) <= requests + 12
        assert len(app.events("Fighting")) == 1
        assert controller.metric("gitops_fights_total", kind="ConfigMap", manager="other", **labels) == 1
        assert (app.condition("Stalled") or {}).get("reason") == "Fighting"
    site_is = {"key": "new", "more": "new"}
    wait_for(lambda: site.data("a") == site_is, "it is healed", timeout=60, state=lambda: site.data("a"))
    app.wait_ready(timeout=60)
    assert app.problems() == []
    assert app.status["objects"]["drifted"] == 0
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "once more"}})
    wait_for(lambda: site.data("a") == site_is, "the next edit is healed at once", timeout=5)


TAKEN: dict[str, Obj | None] = {
    "the object itself": None,
    "its label": {"metadata": {"labels": {"applyset.kubernetes.io/part-of": None}}},
    "its annotation": {"metadata": {"annotations": {"gitops.dev/applied": None}}},
}


@pytest.mark.parametrize("what", TAKEN)
def test_who_takes_away_what_makes_an_object_ours_is_in_a_fight_too(
    controller: Controller, site: Site, what: str
) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    before = applies(controller)
    with undoing(site, site.get("ConfigMap", "a"), TAKEN[what], pause=0.3) as writes:
        app.wait_reason("Fighting")
        wait_for(lambda: len(writes) > 30, "it goes on")
        assert applies(controller) - before <= 30
        site.cluster.patch(site.get("ConfigMap", "b"), {"data": {"key": "edited"}})
        site.wait_data("b", {"key": "value"})
    wait_for(lambda: (site.data("a") or {}) == {"key": "value"}, "it is there", timeout=60)
    app.wait_ready(timeout=60)
    assert app.problems() == []


def test_generations_that_move_all_the_time_cause_no_storm(controller: Controller, site: Site) -> None:
    """An autoscaler, whose field the repository doesn't name, and a writer of an unknown part."""
    scaled = deployment("d")
    del scaled["spec"]["replicas"]
    app = site.synced(scaled)
    site.cluster.patch(site.get("Deployment", "d", "apps/v1"), {"spec": {"replicas": 0}})
    wait_for(lambda: not app.problems(), "it is calm")
    before = controller.requests()
    live = site.get("Deployment", "d", "apps/v1")
    for number in range(60):
        site.cluster.patch(live, {"spec": {"minReadySeconds": number + 1}}, manager=OTHER)
    stays(lambda: not app.problems(), "it is ready", seconds=2)
    after = controller.requests()
    sent = sum(
        count - before.get(key, 0)
        for key, count in after.items()
        if key[1] in ("deployments", "applications/status")
    )
    assert sent <= 10  # one dry run: compared at one version, it is tried four times while the object moves
    assert site.get("Deployment", "d", "apps/v1")["spec"]["minReadySeconds"] == 60


def test_a_fight_runs_the_hooks_of_a_new_revision_and_not_those_for_failure(
    controller: Controller, site: Site
) -> None:
    """The hooks are ConfigMaps: they succeed at once."""

    def hook(name: str, phase: str) -> Obj:
        return config_map(name, metadata={"annotations": {"argocd.argoproj.io/hook": phase}})

    hooks = [hook("after", "PostSync"), hook("failed", "SyncFail")]
    app = site.synced(config_map("a"), *hooks)
    with undoing(site, site.get("ConfigMap", "a"), {"data": {"key": "theirs"}}, pause=0.5):
        app.wait_reason("Fighting")
        sha = site.push_objects(config_map("a", {"key": "value", "more": "1"}), *hooks)
        app.wait(lambda status: status["revision"]["applied"] == sha, "the revision counts as applied")
        assert site.data("failed") is None
        assert {one["state"] for one in app.status["hooks"]} == {"Succeeded"}
        assert all(one["run"].endswith(sha[:7]) for one in app.status["hooks"])
