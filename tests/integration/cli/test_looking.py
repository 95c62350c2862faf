"""`gitops render` and `gitops status`."""

from pathlib import Path

import yaml

from tests.support.command import Command
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, secret, to_yaml
from tests.support.site import Site

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"


def test_render_prints_what_kubectl_can_apply(command: Command, site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "a.yaml").write_text(to_yaml(config_map("a"), secret("s", {"k": "planted-and-secret"})))
    ran = command("render", str(folder))
    assert (ran.code, ran.err) == (0, "")
    kinds = [one["kind"] for one in yaml.safe_load_all(ran.out)]
    assert kinds == ["ConfigMap", "Secret"]
    assert "planted" not in ran.out
    assert "cGxhbnRlZC1hbmQtc2VjcmV0" not in ran.out
    open_one = command("render", str(folder), "--with-secrets")
    assert "cGxhbnRlZC1hbmQtc2VjcmV0" in open_one.out
    site.cluster.kubectl("apply", f"--namespace={site.namespace}", "--filename=-", input=open_one.out)
    assert site.get("Secret", "s")["data"] == {"k": "cGxhbnRlZC1hbmQtc2VjcmV0"}


def test_render_takes_a_revision_of_a_repository(command: Command, site: Site) -> None:
    first = site.push_objects(config_map("a", {"key": "first"}))
    site.push_objects(config_map("a", {"key": "second"}))
    newest = command("render", site.repository.url, "--path", "app", "-o", "json")
    assert newest.data[0]["data"] == {"key": "second"}
    older = command("render", f"{site.repository.url}@{first}", "--path", "app", "-o", "json")
    assert older.data[0]["data"] == {"key": "first"}
    missing = command("render", f"{site.repository.url}@nowhere", "--path", "app")
    assert missing.code == 3
    assert "nowhere" in missing.err


def test_render_of_a_chart_needs_no_cluster(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "web"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(CHART)
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-{{ .Release.Namespace }}}\n"
    )
    (folder / "templates" / "a.yaml").write_text(template)
    ran = command("render", str(folder), "-n", "prod", "-o", "json", kubeconfig=tmp_path / "none")
    assert ran.code == 0, ran.err
    assert ran.data[0]["metadata"]["name"] == "web-prod"
    (folder / "templates" / "a.yaml").write_text('{{ fail "no such colour" }}')
    failed = command("render", str(folder), kubeconfig=tmp_path / "none")
    assert failed.code == 3
    assert "no such colour" in failed.err


def test_status_shows_trouble_first_and_one_in_full(
    controller: Controller, command: Command, site: Site
) -> None:
    good = site.synced(config_map("a"))
    bad = site.application("bad", path="nowhere")
    bad.wait_reason("PathNotFound")
    table = command("status", "-n", HOME)
    assert table.code == 0
    lines = table.out.splitlines()
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "SYNC", "HEALTH", "OBJECTS", "REVISION", "AGE"]
    rows = [line.split()[1] for line in lines[1:]]
    assert rows.index(bad.name) < rows.index(good.name)
    one = command("status", f"{HOME}/{bad.name}")
    assert "PathNotFound" in one.out
    assert "nowhere" in one.out
    as_json = command("status", good.name, "-n", HOME, "-o", "json").data
    assert as_json[0]["status"]["revision"]["applied"] == good.status["revision"]["applied"]
    as_yaml = command("status", good.name, "-n", HOME, "-o", "yaml")
    assert yaml.safe_load(as_yaml.out) == as_json
    assert command("status", "none", "-n", HOME).code == 2
