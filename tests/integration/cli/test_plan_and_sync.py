"""`gitops plan` and `gitops sync`, first without a controller in the cluster, then with one."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitops.api.group import LEASE_NAME
from tests.support.cluster import Cluster
from tests.support.command import Command, Ran, read_until
from tests.support.controller import COMMAND, HOME, Controller
from tests.support.manifests import annotated, config_map, job, running, secret, thing, to_yaml
from tests.support.site import API, App, Site
from tests.support.wait import wait_for

PLANTED = "planted-4711-value"


def sync(command: Command, app: App, *options: str) -> Ran:
    return command("sync", f"{app.namespace}/{app.name}", "--timeout", "60s", *options)


def plan(command: Command, app: App, *options: str) -> Ran:
    return command("plan", f"{app.namespace}/{app.name}", *options)


@contextlib.contextmanager
def begun(command: Command, app: App) -> Iterator["subprocess.Popen[str]"]:
    """A sync under way, ended at the latest here."""
    process = subprocess.Popen(
        [COMMAND, "sync", f"{app.namespace}/{app.name}"],
        env=command.environment(),
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def actions(ran: Ran) -> list[tuple[str, str]]:
    """(what was done, to which name), of a sync's JSON."""
    return [(one["action"], one["object"].rpartition("/")[2]) for one in ran.data["steps"]]


def planned(ran: Ran) -> list[tuple[str, int | None, str, str]]:
    """(phase, wave, action, name), of a plan's JSON."""
    return [
        (group["phase"], group.get("wave"), step["action"], step["object"]["name"])
        for group in ran.data["groups"]
        for step in group["steps"]
    ]


def application_file(site: Site, folder: Path, **spec: Any) -> Path:
    """A manifest of an Application of this site."""
    source = {"repository": site.repository.url, "path": "app"}
    spec = {"source": source, "destination": {"namespace": site.namespace}, **spec}
    file = folder / "application.yaml"
    file.write_text(to_yaml(thing(API, "Application", site.name, HOME, spec=spec)))
    return file


def jobs(site: Site) -> list[dict[str, Any]]:
    return site.cluster.list("batch/v1", "Job", site.namespace)


def waves(site: Site) -> list[dict[str, Any]]:
    return [
        annotated(job("migrate"), hook="PreSync"),
        config_map("first"),
        secret("login", {"password": PLANTED}),
        annotated(running("web"), wave="0"),
        annotated(config_map("last"), wave="1"),
        annotated(job("notify"), hook="PostSync"),
    ]


def test_a_plan_tells_the_order_and_a_sync_without_a_controller_keeps_it(
    command: Command, site: Site, tmp_path: Path
) -> None:
    site.push_objects(*waves(site))
    app = site.application()
    ran = plan(command, app, "-o", "json", "--save", "plan.json")
    assert ran.code == 0, ran
    assert planned(ran) == [
        ("PreSync", None, "run", "migrate"),
        ("Sync", 0, "create", "first"),
        ("Sync", 0, "create", "login"),
        ("Sync", 0, "create", "web"),
        ("Sync", 1, "create", "last"),
        ("PostSync", None, "run", "notify"),
    ]
    saved = tmp_path / "plan.json"
    text = plan(command, app).out
    assert text.index("Before the sync") < text.index("Wave 0 (1 of 2)") < text.index("After the sync")
    assert PLANTED not in saved.read_text() + text + ran.out

    done = sync(command, app, "--plan", str(saved))
    assert done.code == 0, done
    lines = done.err.splitlines()
    created = [line for line in lines if line.startswith("created")]
    assert created[-1] == f"created ConfigMap {site.namespace}/last"
    assert len(created) == 4
    assert any(line.startswith("PreSync hook Job") and line.endswith("succeeded") for line in lines)
    assert "4 created; 4 of 4 objects healthy" in done.out
    assert PLANTED not in done.out + done.err

    again = sync(command, app, "-o", "json")
    assert (again.code, again.data["result"], again.data["steps"]) == (0, "Synced", [])
    assert again.data["by"] == "command"
    assert again.err == ""
    manager = site.get("ConfigMap", "first")["metadata"]["managedFields"][0]["manager"]
    assert manager == f"gitops.dev/{HOME}/{app.name}"
    site.push_objects(config_map("first"))
    outdated = sync(command, app, "--plan", str(saved))
    assert outdated.code == 5
    assert "no longer to do: create ConfigMap" in outdated.err
    assert f"new: delete Secret {site.namespace}/login" in outdated.err
    pruned = sync(command, app, "--no-wait", "-o", "json")
    assert pruned.code == 0, pruned
    assert actions(pruned)[0] == ("deleted", "last"), "later waves first"
    assert sorted(actions(pruned)) == [("deleted", name) for name in ("last", "login", "web")]


def test_a_file_is_applied_and_synced_and_only_what_is_asked_for(
    command: Command, site: Site, tmp_path: Path
) -> None:
    site.push_objects(config_map("a"), config_map("b"), config_map("c"))
    file = application_file(site, tmp_path)
    app = App(site.cluster, HOME, site.name)
    dry = command("sync", str(file), "--dry-run")
    assert dry.code == 0, dry
    assert "3 to create" in dry.out
    assert app.find() is None

    part = command("sync", str(file), "--only", "ConfigMap/a", "--only", "configmap/b", "-o", "json")
    assert part.code == 0, part
    assert sorted(actions(part)) == [("created", "a"), ("created", "b")]
    assert site.data("c") is None
    assert "contents" not in app.status  # nothing that could be taken for the whole

    site.push_objects(config_map("a"), config_map("c"))
    kept = command("sync", str(file), "--no-prune", "-o", "json")
    assert (kept.code, actions(kept)) == (0, [("created", "c")]), kept
    assert site.data("b") is not None
    whole = command("sync", str(file))
    assert whole.code == 0, whole
    assert f"deleted ConfigMap {site.namespace}/b" in whole.err
    assert site.data("b") is None
    app.delete()


def test_after_an_interrupt_and_after_a_kill_the_next_run_goes_on(
    cluster: Cluster, command: Command, site: Site
) -> None:
    site.push_objects(
        annotated(job("migrate"), hook="PreSync"),
        config_map("first"),
        annotated(running("web", "not-ready"), wave="0"),
        annotated(config_map("last"), wave="1"),
    )
    app = site.application()
    with begun(command, app) as process:
        wait_for(lambda: site.find("Deployment", "web", "apps/v1"), "the first wave is applied")
        process.kill()
    made = [
        site.get("ConfigMap", "first")["metadata"]["uid"],
        *(one["metadata"]["uid"] for one in jobs(site)),
    ]
    assert len(made) == 2
    with begun(command, app) as process:
        read_until(process.stderr, "waiting for wave 0 (1 of 2)")
        assert holder_of_lease(cluster).startswith("cli:")
        second = sync(command, app)
        assert (second.code, "is syncing an Application" in second.err) == (5, True), second
        assert [one["metadata"]["uid"] for one in jobs(site)] == made[1:], "the hook ran once"
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "2 of 3 objects applied, wave 1 of 2; run it again to go on; nothing is locked" in rest
    assert holder_of_lease(cluster) == ""
    site.push_objects(
        annotated(job("migrate"), hook="PreSync"),
        config_map("first"),
        annotated(running("web"), wave="0"),
        annotated(config_map("last"), wave="1"),
    )
    last = sync(command, app, "-o", "json")
    assert last.code == 0, last
    assert actions(last) == [("updated", "web"), ("created", "last")]
    assert site.get("ConfigMap", "first")["metadata"]["uid"] == made[0]
    assert len(jobs(site)) == 1, "once for the new revision, in place of the old one's"


def holder_of_lease(cluster: Cluster) -> str:
    """Wherever the Lease is: in gitops-system if there is such a namespace, else with the Application."""
    leases = cluster.list("coordination.k8s.io/v1", "Lease")
    found = [one["spec"].get("holderIdentity") for one in leases if one["metadata"]["name"] == LEASE_NAME]
    return "".join(filter(None, found))


def test_what_stands_in_the_way_decides_the_exit_code(
    cluster: Cluster, command: Command, site: Site, tmp_path: Path
) -> None:
    app = site.application()
    site.push_objects(config_map("a"), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"nam": "b"}})
    broken = sync(command, app)
    assert (broken.code, "InvalidManifest" in broken.err) == (3, True), broken
    site.push_objects(config_map("a"), annotated(job("migrate", "fail"), hook="PreSync"))
    hook = sync(command, app, "-o", "json")
    assert (hook.code, hook.data["result"], hook.data["hooks"][0]["state"]) == (3, "Failed", "Failed")
    assert site.data("a") is None
    site.push_objects(config_map("a"))
    app.patch({"spec": {"sync": {"deploy": "Manual"}}})
    waits = sync(command, app)
    assert (waits.code, "gitops sync" in waits.err) == (5, True), waits
    assert plan(command, app, "--save", "plan.json").code == 0
    site.push_objects(config_map("a", {"key": "meanwhile"}))
    moved = sync(command, app, "--plan", "plan.json")
    assert (moved.code, "other content: create ConfigMap" in moved.err) == (5, True), moved
    assert site.data("a") is None
    assert plan(command, app, "--save", "plan.json").code == 0
    done = sync(command, app, "--plan", "plan.json")
    assert (done.code, "synced as approved" in done.out) == (0, True), done
    assert "Traceback" not in broken.err + hook.err + waits.err + moved.err


def test_the_controller_is_asked_and_followed(
    controller: Controller, cluster: Cluster, command: Command, site: Site, tmp_path: Path
) -> None:
    site.push_objects(*waves(site))
    file = application_file(site, tmp_path, sync={"interval": "1h"})
    app = App(site.cluster, HOME, site.name)
    first = command("sync", str(file))
    assert first.code == 0, first
    assert f"created ConfigMap {site.namespace}/last" in first.err
    assert "4 of 4 objects healthy" in first.out
    site.push_objects(config_map("first", {"key": "new"}), config_map("more"))
    second = sync(command, app, "-o", "json")
    assert (second.code, second.data["by"]) == (0, "controller"), second
    assert sorted(actions(second)) == sorted(
        [("updated", "first"), ("created", "more"), *(("deleted", one) for one in ("last", "login", "web"))]
    )
    assert sync(command, app, "-o", "json").data["steps"] == []
    assert "a controller runs" in (refused := sync(command, app, "--only", "ConfigMap/first")).err
    assert refused.code == 2
    assert app.get()["metadata"]["annotations"]["gitops.dev/reconcile-at"] == app.status["handledReconcileAt"]

    app.patch({"spec": {"sync": {"deploy": "Manual"}}})
    site.push_objects(config_map("first", {"key": "newer"}), config_map("more"))
    waits = sync(command, app)
    assert waits.code == 5, waits
    assert plan(command, app, "--save", "plan.json").code == 0
    approved = sync(command, app, "--plan", "plan.json")
    assert approved.code == 0, approved
    assert site.data("first") == {"key": "newer"}
    app.delete()


def test_a_controller_takes_over_what_was_synced_without_one(
    controller: Controller, cluster: Cluster, command: Command, site: Site
) -> None:
    controller.terminate(20)
    sha = site.push_objects(config_map("a"), config_map("b"))
    app = site.application()
    assert sync(command, app).code == 0
    before = [site.get("ConfigMap", name)["metadata"]["resourceVersion"] for name in "ab"]
    controller.start()
    app.wait_ready(sha)
    site.push_objects(config_map("a"))
    wait_for(lambda: site.data("b") is None, "the controller prunes it")
    assert site.get("ConfigMap", "a")["metadata"]["resourceVersion"] == before[0]
