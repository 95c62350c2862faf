"""`gitops diff --rev A..B`, drift apart from the change, and the exit codes of what goes wrong there."""

from pathlib import Path

from tests.support.command import Command, Ran
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, deployment, secret, service, to_yaml
from tests.support.site import App, Site


def preview(command: Command, site: Site, app: App, *options: str) -> Ran:
    folder = site.repository.tree.folder / "app"
    return command("diff", str(folder), "--app", f"{HOME}/{app.name}", *options)


def causes(ran: Ran) -> set[tuple[str, str, str]]:
    """(name, path, cause) of every change."""
    return {
        (step["object"]["name"], change["path"], change["cause"])
        for step in ran.data["steps"]
        for change in step["changes"]
    }


def test_drift_stands_apart_from_what_the_revision_changes(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(
        config_map("a"),
        deployment("d"),
        config_map("old", {"x": "1", "z": "2"}),
        secret("s", {"k": "old-hush"}),
    )
    before = site.repository.tree.git("rev-parse", "HEAD")
    app.patch({"spec": {"suspend": True}})
    app.wait_reason("Suspended", "Ready")
    site.cluster.patch(site.get("Deployment", "d", "apps/v1"), {"spec": {"replicas": 2}})
    site.cluster.patch(site.get("ConfigMap", "a"), {"data": {"key": "by hand"}})
    site.push_objects(
        config_map("a"),
        deployment("d", "web:2"),
        config_map("new", {"x": "1", "z": "2"}),
        secret("s", {"k": "new-hush"}),
    )
    image = "/spec/template/spec/containers[name=web]/image"

    # Against the cluster: both, told apart.
    name = f"{app.namespace}/{app.name}"
    live = command("diff", name, "-o", "json")
    assert live.code == 1
    assert {
        ("d", image, "revision"),
        ("d", "/spec/replicas", "drift"),
        ("a", "/data/key", "drift"),
    } <= causes(live)
    steps = {step["object"]["name"]: step for step in live.data["steps"]}
    (drift,) = (one for one in steps["d"]["changes"] if one["cause"] == "drift")
    assert drift["by"] == "kubectl-edit"
    assert drift["at"]
    assert steps["new"]["renamedFrom"]["name"] == "old"
    assert steps["old"]["manifest"]["data"] == {"x": "1", "z": "2"}
    assert {one["kind"] for one in steps["d"]["impact"]} == {"restart", "scale-to-zero"}
    text = command("diff", name).out
    assert 0 < text.find("the revision changes:") < text.rfind("drifted in the cluster")
    assert "2 → 0  (by kubectl-edit, " in text

    # Between the revisions: the drift of an object that isn't changed is left out.
    both = preview(command, site, app, "--rev", f"{before}..HEAD", "-o", "json")
    assert (both.code, both.data["comparedBy"]) == (1, "dry-run")
    assert {("d", image, "revision"), ("d", "/spec/replicas", "drift")} <= causes(both)
    assert "a" not in {step["object"]["name"] for step in both.data["steps"]}
    of_repository = command("diff", name, "--rev", f"{before}..main", "-o", "json")
    assert of_repository.data["steps"] == both.data["steps"]
    assert preview(command, site, app, "--rev", "HEAD..HEAD").code == 0

    # As rendered, in every format: no cluster, no drift, no values.
    for output in ("text", "markdown", "json", "yaml"):
        ran = preview_offline(command, site, f"{before}..HEAD", "-o", output)
        assert ran.code == 1, ran
        assert "hush" not in ran.out + ran.err + both.out + live.out + text
        assert "aHVzaA" not in ran.out + both.out + live.out
        assert image in ran.out
        assert "kubectl-edit" not in ran.out
    assert "renamed from ConfigMap old" in preview_offline(command, site, f"{before}..").out

    # What the server refuses, and what the older revision has nothing to do with.
    site.push_objects(config_map("a"), deployment("d", selector={"matchLabels": {"app": "else"}}))
    refused = preview(command, site, app, "--rev", "HEAD~1..HEAD", "-o", "json")
    assert refused.code == 3
    (step,) = (one for one in refused.data["steps"] if one["object"]["name"] == "d")
    assert refused.data["refused"]
    assert step["changes"]


def preview_offline(command: Command, site: Site, revisions: str, *options: str) -> Ran:
    folder = site.repository.tree.folder / "app"
    return command("diff", str(folder), "--rev", revisions, "--offline", *options)


def test_every_class_of_error_has_its_exit_code_and_none_is_1(
    controller: Controller, command: Command, site: Site, tmp_path: Path
) -> None:
    site.push_objects(config_map("a"), service("s"))
    site.push({"app/objects.yaml": "a: [\n"})
    folder = str(site.repository.tree.folder / "app")
    for arguments in (
        (folder, "--rev", "nowhere..HEAD"),
        (folder, "--rev", "HEAD"),
        (folder, "--offline"),
        (str(tmp_path / "none"), "--rev", "HEAD..", "--offline"),
        (f"{folder}/none", "--rev", "HEAD..", "--offline"),
        (folder, "--rev", "HEAD~1..HEAD", "-o", "xml"),
    ):
        ran = command("diff", *arguments)
        assert ran.code == 2, (arguments, ran)
        assert ran.err
        assert "Traceback" not in ran.err
    for options in ((), ("--offline",)):
        broken = command("diff", folder, "--rev", "HEAD~1..HEAD", "--namespace", site.namespace, *options)
        assert broken.code == 3, broken
        assert "objects.yaml:" in broken.err

    # No kubeconfig at all: the renders are compared; one that leads nowhere: an error.
    none = command("diff", folder, "--rev", "HEAD~1..HEAD~1", kubeconfig=tmp_path / "none")
    assert none.code == 0, none
    assert "no kubeconfig" in none.out
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(
        to_yaml(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {"token": "none"}}],
            }
        )
    )
    lost = command("diff", folder, "--rev", "HEAD~1..HEAD~1", kubeconfig=nowhere)
    assert lost.code == 4, lost
    assert "--offline" in lost.err

    # A Git server that isn't there is of the same class.
    gone = site.application("gone", source={"repository": "http://127.0.0.1:9/gone.git", "path": "app"})
    ran = command("diff", f"{gone.namespace}/{gone.name}")
    assert ran.code == 4, ran
    assert "127.0.0.1" in ran.err
