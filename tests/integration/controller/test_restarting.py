"""A controller that stops, is killed, or was away: it goes on from what is true now."""

import time

import pytest

from tests.support.cluster import Obj, collection
from tests.support.controller import Controller
from tests.support.manifests import annotated, config_map, deployment, secret, service, thing, to_yaml
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for


@pytest.fixture
def running(controller: Controller) -> Controller:
    """The module's controller, started again if a test before has ended it."""
    if not controller.is_running:
        controller.start()
    return controller


def workload(count: int, size: int = 20) -> list[Obj]:
    """`count` objects of the mix that the benchmark uses, without Pods."""
    found: list[Obj] = []
    for i in range(count):
        match i % 10:
            case 0 | 1 | 2 | 3:
                one = config_map(f"cm-{i:04}", {f"k{j}": f"v{i * j:030x}" for j in range(size)})
            case 4:
                one = secret(f"sec-{i:04}", {"p": f"v{i:030x}"})
            case 5:
                one = service(f"svc-{i:04}", 80, 90)
            case 6 | 7:
                one = deployment(f"dep-{i:04}")
            case 8:
                one = thing("v1", "ServiceAccount", f"sa-{i:04}")
            case _:
                rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
                one = thing("rbac.authorization.k8s.io/v1", "Role", f"role-{i:04}", rules=rules)
        found.append(one)
    return found


KINDS = (
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "Role"),
)


def members(site: Site) -> dict[str, str]:
    """`Kind/name` → uid of the objects that look like the workload's."""
    return {
        f"{kind}/{one['metadata']['name']}": one["metadata"]["uid"]
        for api, kind in KINDS
        for one in site.cluster.list(api, kind, site.namespace)
        if "-0" in one["metadata"]["name"]
    }


def config_maps(site: Site) -> int:
    """How many there are in the namespace, without reading them."""
    path = collection("v1", "ConfigMap", site.namespace)
    page = site.cluster.request("GET", path, limit="1")[1]
    return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))


def names(objects: list[Obj]) -> set[str]:
    return {f"{one['kind']}/{one['metadata']['name']}" for one in objects}


def push(site: Site, objects: list[Obj]) -> str:
    """Push them in files of fifty, and remove the files that are no longer needed."""
    files: dict[str, str | None] = {
        f"app/{start:04}.yaml": to_yaml(*objects[start : start + 50])
        for start in range(0, max(len(objects), 1), 50)
    }
    for old in (site.repository.tree.folder / "app").glob("*.yaml"):
        files.setdefault(f"app/{old.name}", None)
    return site.push(files)


def spent(controller: Controller) -> dict[tuple[str, str], int]:
    """Requests since the start, by verb and resource."""
    found: dict[tuple[str, str], int] = {}
    for (verb, resource, _), count in controller.requests().items():
        found[verb, resource] = found.get((verb, resource), 0) + int(count)
    return found


def pass_over(controller: Controller, app: App) -> None:
    """Wait until the started controller has had a look at it."""
    labels = {"namespace": app.namespace, "name": app.name}
    wait_for(
        lambda: controller.metric("gitops_application_condition", type="Ready", status="True", **labels) == 1,
        "it has been looked at",
    )


def renders(controller: Controller) -> int:
    """How many renders there were since the start."""
    return int(controller.metric("gitops_render_cache_total", result="miss"))


def test_a_restart_with_nothing_changed_renders_nothing_and_asks_for_no_object(
    running: Controller, site: Site
) -> None:
    site.push({"app/a.yaml": to_yaml(*workload(60))})
    app = site.application()
    app.wait_ready()
    before = app.get()
    assert running.terminate(10) == 0
    running.start()
    pass_over(running, app)
    time.sleep(1)
    sent = spent(running)
    for (verb, resource), count in sent.items():
        if resource in ("leases", "discovery", "version"):
            continue
        assert verb == "GET", sent
        assert count <= 2, sent  # its list, and that of the objects that it reads by name: none
    assert app.get() == before
    assert renders(running) == 0
    kinds = ("synced", "drifted", "missing", "degraded", "progressing")
    states = {kind: running.metric("gitops_application_objects", name=app.name, state=kind) for kind in kinds}
    assert states == {"synced": 60, "drifted": 0, "missing": 0, "degraded": 0, "progressing": 0}


def test_after_a_restart_it_renders_when_something_moves(running: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"), deployment("d"))
    running.terminate(10)
    running.start()
    pass_over(running, app)
    # A commit elsewhere in the repository, and a look at it by hand, move nothing.
    site.push({"elsewhere/c.yaml": to_yaml(config_map("c"))})
    app.refresh()
    time.sleep(1)
    assert renders(running) == 0
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    site.wait_data("a", {"key": "value"})
    assert renders(running) == 1
    site.cluster.delete(site.get("ConfigMap", "b"))
    site.wait_data("b", {"key": "value"})
    app.wait_ready()
    assert renders(running) == 1
    app.wait_ready(site.push_objects(config_map("a", {"key": "2"})))
    assert site.data("b") is None


def test_after_a_restart_a_broken_commit_does_not_stop_healing(running: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    running.terminate(10)
    running.start()
    pass_over(running, app)
    site.push({"app/broken.yaml": "a: [\n"})
    app.wait_reason("InvalidManifest")
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
    site.wait_data("a", {"key": "value"})
    site.push({"app/broken.yaml": None})
    app.wait_ready()


def test_health_is_told_after_a_restart_without_a_render(running: Controller, site: Site) -> None:
    balanced = service("s")
    balanced["spec"]["type"] = "LoadBalancer"
    site.push_objects(balanced)
    app = site.application()
    wait_for(lambda: site.find("Service", "s"), "it is there")
    path = f"/api/v1/namespaces/{site.namespace}/services/s/status"

    def give(*addresses: str) -> None:
        status = {"loadBalancer": {"ingress": [{"ip": address} for address in addresses]}}
        merge = "application/merge-patch+json"
        assert site.cluster.request("PATCH", path, {"status": status}, content_type=merge)[0] == 200

    give("192.0.2.1")
    app.wait_ready()
    running.terminate(10)
    running.start()
    pass_over(running, app)
    give()
    app.wait_reason("Progressing", "Healthy")
    give("192.0.2.1")
    app.wait_ready()
    assert renders(running) == 0


def test_a_change_of_what_a_kustomization_refers_to_is_found_at_the_start(
    running: Controller, site: Site
) -> None:
    """The render read more than its own folder; the status tells what."""
    site.push(
        {
            "base/kustomization.yaml": "resources: [a.yaml]\n",
            "base/a.yaml": to_yaml(config_map("a")),
            "app/kustomization.yaml": "resources: [../base]\n",
        }
    )
    app = site.application()
    app.wait_ready()
    reads = app.status["renderReads"]
    assert reads["renderer"] == "kustomize"
    assert {"app", "base"} <= set(reads["paths"])
    running.terminate(10)
    running.start()
    pass_over(running, app)
    assert renders(running) == 0
    running.terminate(10)
    sha = site.push({"base/a.yaml": to_yaml(config_map("a", {"key": "2"}))})
    running.start()
    app.wait_ready(sha)
    assert site.data("a") == {"key": "2"}


def test_what_waits_for_its_wave_after_a_restart_heals_to_what_was_before(
    running: Controller, site: Site
) -> None:
    """What was applied before was not rendered either: it is when it is needed."""
    late = annotated(config_map("late", {"key": "old"}), wave="1")
    app = site.synced(annotated(config_map("first"), wave="0"), late)
    running.terminate(10)
    running.start()
    pass_over(running, app)
    assert renders(running) == 0
    balanced = service("s")
    balanced["spec"]["type"] = "LoadBalancer"  # nobody gives it an address
    site.push_objects(annotated(balanced, wave="0"), annotated(config_map("late", {"key": "new"}), wave="1"))
    wait_for(lambda: site.find("Service", "s"), "the first wave is applied")
    site.cluster.patch(site.get("ConfigMap", "late"), {"data": {"key": "edited"}})
    site.wait_data("late", {"key": "old"})
    assert renders(running) == 2


def test_hooks_of_the_end_are_run_after_a_restart_that_rendered_nothing(
    running: Controller, site: Site
) -> None:
    app = site.synced(annotated(config_map("farewell"), hook="PreDelete"), config_map("a"))
    running.terminate(10)
    running.start()
    pass_over(running, app)
    assert renders(running) == 0
    site.cluster.patch(site.get("ConfigMap", "a"), {"metadata": {"finalizers": ["example.com/hold"]}})
    app.delete()
    wait_for(
        lambda: any(
            one["phase"] == "PreDelete" and one["state"] == "Succeeded" for one in app.status.get("hooks", [])
        ),
        "the hook has run",
        state=lambda: app.status,
    )
    site.cluster.patch(site.get("ConfigMap", "a"), {"metadata": {"finalizers": []}})
    app.wait_gone()


def test_an_application_with_hooks_is_rendered_once_and_runs_none_of_them_again(
    running: Controller, site: Site
) -> None:
    app = site.synced(annotated(config_map("before"), hook="PreSync"), config_map("a"))
    hooks = app.status["hooks"]
    assert [one["state"] for one in hooks] == ["Succeeded"]
    running.terminate(10)
    running.start()
    pass_over(running, app)
    time.sleep(1)
    assert renders(running) == 1
    assert app.status["hooks"] == hooks


def test_a_spec_that_changed_while_it_was_away_is_followed(running: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    other = site.new_namespace("other")
    running.terminate(10)
    app.patch({"spec": {"destination": {"namespace": other}}})
    running.start()
    wait_for(lambda: site.cluster.find("v1", "ConfigMap", other, "a"), "it is in the other namespace")
    wait_for(lambda: site.data("a") is None, "and no longer in the first")
    app.wait_ready()


def test_drift_while_it_was_away_is_found_at_the_start(running: Controller, site: Site) -> None:
    app = site.synced(
        config_map("edited"),
        config_map("deleted"),
        config_map("bare"),
        deployment("scaled"),
        config_map("same"),
    )
    running.terminate(10)
    label = {"metadata": {"labels": {"applyset.kubernetes.io/part-of": None}}}
    site.cluster.patch(site.get("ConfigMap", "bare"), label)
    site.cluster.patch(site.get("ConfigMap", "edited"), {"data": {"key": "away"}})
    site.cluster.delete(site.get("ConfigMap", "deleted"))
    site.cluster.patch(site.get("Deployment", "scaled", "apps/v1"), {"spec": {"replicas": 3}})
    running.start()
    site.wait_data("edited", {"key": "value"})
    site.wait_data("deleted", {"key": "value"})
    wait_for(
        lambda: site.get("Deployment", "scaled", "apps/v1")["spec"]["replicas"] == 0, "it is scaled back"
    )
    wait_for(lambda: "labels" in site.get("ConfigMap", "bare")["metadata"], "it has its label again")
    app.wait_ready()


AWAY: dict[str, Obj | None] = {
    "edited": {"data": {"key": "away"}},
    "deleted": None,
    "without its label": {"metadata": {"labels": {"applyset.kubernetes.io/part-of": None}}},
}


@pytest.mark.parametrize("what", AWAY)
def test_one_object_that_moved_while_it_was_away_is_enough(
    running: Controller, site: Site, what: str
) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    running.terminate(10)
    live, change = site.get("ConfigMap", "a"), AWAY[what]
    if change is None:
        site.cluster.delete(live)
    else:
        site.cluster.patch(live, change)
    running.start()

    def is_back() -> bool:
        found = site.find("ConfigMap", "a") or {}
        return found.get("data") == {"key": "value"} and "labels" in found["metadata"]

    wait_for(is_back, "it is as it was")
    app.wait_ready()
    assert renders(running) == 1


def test_a_commit_while_it_was_away_is_applied_and_pruned_at_the_start(
    running: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    running.terminate(10)
    sha = site.push_objects(config_map("a", {"key": "new"}))
    running.start()
    app.wait_ready(sha)
    assert site.data("a") == {"key": "new"}
    assert site.data("b") is None


def test_with_a_broken_newest_commit_a_restart_heals_to_the_one_applied(
    running: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"))
    good = app.status["revision"]["applied"]
    site.push({"app/broken.yaml": "a: [\n"})
    app.wait_reason("InvalidManifest")
    running.terminate(10)
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "away"}})
    running.start()
    site.wait_data("a", {"key": "value"})
    site.cluster.delete(site.get("ConfigMap", "a"))
    site.wait_data("a", {"key": "value"})
    app.wait_reason("InvalidManifest")
    assert app.status["revision"]["applied"] == good
    site.push({"app/broken.yaml": None})
    app.wait_ready()


def test_an_application_deleted_while_it_was_away_is_finished_at_the_start(
    running: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"))
    running.terminate(10)
    app.delete()
    running.start()
    app.wait_gone()
    assert site.data("a") is None


def test_a_lost_cache_costs_nothing_but_a_fetch(running: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    before = site.get("ConfigMap", "a")
    running.terminate(10)
    running.forget_cache()
    running.start()
    pass_over(running, app)
    assert site.get("ConfigMap", "a") == before
    assert renders(running) == 0
    app.wait_ready(site.push_objects(config_map("a", {"key": "2"})))
    assert site.data("b") is None


def test_killed_in_the_middle_of_a_first_sync_it_finishes_it(running: Controller, site: Site) -> None:
    objects = workload(1000)
    sha = push(site, objects)
    app = site.application()
    wait_for(lambda: config_maps(site) >= 100, "a part of it is there", timeout=60)
    running.kill()
    partly = members(site)
    assert 0 < len(partly) < 1000
    running.start()
    app.wait_ready(sha, timeout=60)
    whole = members(site)
    assert whole.keys() == names(objects)
    assert {name: whole[name] for name in partly} == partly
    assert app.status["objects"]["total"] == 1000

    # And in the middle of a prune.
    less = objects[:400]
    sha = push(site, less)
    app.annotate(approve=sha)
    wait_for(lambda: config_maps(site) <= 350, "a part of it is gone", timeout=60)
    running.kill()
    assert len(members(site)) > 400
    running.start()
    app.wait_ready(sha, timeout=60)
    wait_for(lambda: members(site).keys() == names(less), "exactly the rest is there", timeout=60)
    assert members(site).items() <= whole.items()

    # And in the middle of the end.
    app.delete()
    wait_for(lambda: config_maps(site) <= 120, "a part of it is gone", timeout=60)
    running.kill()
    assert app.find()
    running.start()
    app.wait_gone(timeout=60)
    wait_for(lambda: not members(site), "all is gone", timeout=60)


def test_killed_in_the_middle_of_an_adoption_it_finishes_it(running: Controller, site: Site) -> None:
    objects = workload(300, size=1)
    for one in objects:
        one["metadata"]["namespace"] = site.namespace
    running.terminate(10)
    site.cluster.kubectl("apply", "--server-side", "--filename=-", input=to_yaml(*objects))
    before = members(site)
    for one in objects:
        if one["kind"] == "ConfigMap":
            one["data"] = {"k0": "from Git"}
    sha = push(site, objects)
    app = site.application()
    running.start()

    def taken() -> int:
        return len(
            site.cluster.list(
                "v1", "ConfigMap", site.namespace, labelSelector="applyset.kubernetes.io/part-of"
            )
        )

    wait_for(lambda: taken() >= 10, "a part of it is adopted", timeout=60)
    running.kill()
    running.start()
    app.wait_ready(sha, timeout=60)
    assert members(site) == before
    assert {
        str(one["data"])
        for one in site.cluster.list("v1", "ConfigMap", site.namespace)
        if "cm-" in one["metadata"]["name"]
    } == {"{'k0': 'from Git'}"}


def test_it_ends_within_ten_seconds_in_the_middle_of_a_sync(running: Controller, site: Site) -> None:
    objects = workload(400)
    sha = push(site, objects)
    app = site.application()
    wait_for(lambda: config_maps(site) >= 20, "a part of it is there", timeout=60)
    assert running.terminate(10) == 0
    running.start()
    app.wait_ready(sha, timeout=60)


def test_it_ends_within_ten_seconds_while_a_repository_hangs(running: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    site.git_server.hang(site.repository.name)
    time.sleep(1.5)
    try:
        assert running.terminate(10) == 0
    finally:
        site.git_server.heal(site.repository.name)
    running.start()
    app.wait_ready()


def test_a_repository_that_hangs_holds_up_nobody_else(running: Controller, site: Site) -> None:
    hanging = site.new_repository("hanging")
    hanging.push({"app/a.yaml": to_yaml(config_map("never"))})
    site.git_server.hang(hanging.name)
    stuck = site.application("hanging", repository=hanging)
    try:
        app = site.synced(config_map("a"))
        site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "edited"}})
        site.wait_data("a", {"key": "value"})
        app.wait_ready(site.push_objects(config_map("a", {"key": "2"})))
        stays(lambda: site.data("never") is None, "nothing comes from there", seconds=0.2)
    finally:
        site.git_server.heal(hanging.name)
    stuck.wait_ready(timeout=60)


def test_a_renderer_that_is_killed_is_started_again(running: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    running.kill_renderer()
    app.wait_ready(site.push_objects(config_map("a", {"key": "2"})), timeout=60)
    assert site.data("a") == {"key": "2"}
