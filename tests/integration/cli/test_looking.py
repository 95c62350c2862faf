"""`gitops render`, and the commands that look: status, tree, events, also as they follow."""

import signal
from contextlib import ExitStack
from pathlib import Path

import yaml

from tests.support.command import Command, read_until
from tests.support.controller import HOME, Controller
from tests.support.manifests import annotated, config_map, job, running, secret, service, thing, to_yaml
from tests.support.site import API, App, Site

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
    assert lines[0].split() == [
        "NAMESPACE",
        "NAME",
        "READY",
        "SYNC",
        "HEALTH",
        "OBJECTS",
        "REVISION",
        "AGE",
        "MESSAGE",
    ]
    rows = [line.split()[1] for line in lines[1:]]
    assert rows.index(bad.name) < rows.index(good.name)
    one = command("status", f"{HOME}/{bad.name}")
    assert "PathNotFound" in one.out
    assert "nowhere" in one.out
    as_json = command("status", good.name, "-n", HOME, "-o", "json").data
    assert as_json[0]["status"]["revision"]["applied"] == good.status["revision"]["applied"]
    as_yaml = command("status", good.name, "-n", HOME, "-o", "yaml")
    assert yaml.safe_load(as_yaml.out) == as_json
    missing = command("status", "none", "-n", HOME)
    assert missing.code == 2
    assert f"there is no Application {HOME}/none" in missing.err
    on_terminal = command.on_terminal("status", "-n", HOME, COLUMNS="80")
    assert "1 in trouble" in on_terminal
    assert "\x1b[31mPathNotFound" in on_terminal


def test_the_tree_goes_down_to_the_pods_and_the_events_come_from_there(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(
        running("web", replicas=2),
        service("web"),
        config_map("a"),
        secret("s", {"k": "planted"}),
        annotated(job("migrate"), hook="PreSync"),
    )
    ran = command("tree", app.name, "-n", HOME)
    assert (ran.code, ran.err) == (0, "")
    assert "planted" not in ran.out
    lines = ran.out.splitlines()
    assert lines[0].split()[:3] == ["✔", "Application", f"{HOME}/{app.name}"]
    at = next(index for index, line in enumerate(lines) if "Deployment web" in line)
    assert lines[at].split()[:5] == ["├─", "✔", "Deployment", "web", "2/2"]
    assert lines[at + 1].split()[:3] == ["│", "└─", "✔"]
    assert "ReplicaSet web-" in lines[at + 1]
    assert ["Pod web-" in line for line in lines[at + 2 : at + 4]] == [True, True]
    assert "bystander" not in ran.out
    assert "EndpointSlice web-" in ran.out

    data = command("tree", f"{HOME}/{app.name}", "-o", "json").data
    assert data["unreadable"] == []
    top = {one["kind"]: one for one in data["tree"]["children"]}
    assert set(top) == {"Deployment", "Service", "ConfigMap", "Secret", "Job"}
    migrate = top["Job"]
    assert (migrate["hook"], migrate["health"]) == ("PreSync", "Healthy")
    assert [one["kind"] for one in migrate["children"]] == ["Pod"]
    assert f"Job {migrate['name']}  (PreSync hook)" in ran.out
    assert top["Deployment"]["children"][0]["children"][0]["health"] == "Healthy"
    assert command("tree", "deployment/web", "-n", site.namespace, "-o", "json").data["tree"]["children"]

    events = command("events", app.name, "-n", HOME, "-o", "json").data["events"]
    about = {one["object"]["kind"] for one in events}
    assert {"Application", "Deployment", "ReplicaSet", "Pod"} <= about
    assert [one["last"] for one in events] == sorted(one["last"] for one in events)
    assert command("events", app.name, "-n", HOME, "--since", "soon").code == 2
    neither = command("tree", "deployment/none", "-n", site.namespace)
    assert neither.code == 2
    assert "no Deployment.apps" in neither.err


def test_an_application_within_the_application_is_opened_as_deep_as_asked(
    controller: Controller, command: Command, site: Site
) -> None:
    site.push({"child/c.yaml": to_yaml(config_map("below"))})
    source = {"repository": site.repository.url, "path": "child"}
    spec = {"source": source, "destination": {"namespace": site.namespace}}
    app = site.synced(thing(API, "Application", f"{site.name}-child", HOME, spec=spec))
    App(site.cluster, HOME, f"{site.name}-child").wait_ready()
    (child,) = command("tree", app.name, "-n", HOME, "-o", "json").data["tree"]["children"]
    assert (child["kind"], child["health"]) == ("Application", "Healthy")
    assert [one["name"] for one in child["children"]] == ["below"]
    (closed,) = command("tree", app.name, "-n", HOME, "--depth", "0", "-o", "json").data["tree"]["children"]
    assert closed["children"] == []


def test_what_may_not_be_read_is_said_and_what_is_missing_is_named(
    controller: Controller, command: Command, site: Site
) -> None:
    refused = config_map("refused")
    refused["metadata"]["labels"] = {"not": "a valid value!"}
    site.push_objects(config_map("fine"), refused)
    app = site.application()
    app.wait(lambda _: app.problems(), "a problem")
    lines = command("tree", app.name, "-n", HOME).out.splitlines()
    assert "∅ ConfigMap refused" in lines[1]
    assert "Missing" in lines[1]
    assert "ConfigMap fine" in lines[2]
    tenant = site.tenant("services")
    group = "rbac.authorization.k8s.io"
    site.cluster.create(
        thing(
            f"{group}/v1",
            "ClusterRoleBinding",
            tenant,
            roleRef={"apiGroup": group, "kind": "ClusterRole", "name": tenant},
            subjects=[{"kind": "User", "name": tenant, "apiGroup": group}],
        )
    )
    only = [{"apiGroups": ["gitops.dev"], "resources": ["applications"], "verbs": ["get", "list"]}]
    site.cluster.create(thing(f"{group}/v1", "ClusterRole", tenant, rules=only))
    limited = command(
        "tree", app.name, "-n", HOME, kubeconfig=site.cluster.control_plane.kubeconfig_for(tenant)
    )
    assert limited.code == 0
    assert "ConfigMap in" in limited.out
    assert "could not be read, and may be there" in limited.out
    assert "Missing" not in limited.out


def test_who_follows_is_told_each_change_and_ends_it_cleanly(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(config_map("a"))
    subjects = {
        "status": ("status", app.name, "-n", HOME, "--watch"),
        "tree": ("tree", app.name, "-n", HOME, "--watch"),
        "events": ("events", app.name, "-n", HOME, "--watch"),
    }
    with ExitStack() as stack:
        running_ones = {
            name: stack.enter_context(command.started(*arguments)) for name, arguments in subjects.items()
        }
        outputs = {name: one.stdout for name, one in running_ones.items()}
        read_until(outputs["tree"], "ConfigMap")
        read_until(outputs["status"], app.name)
        read_until(outputs["events"], "Synced")
        sha = site.push_objects(config_map("a"), config_map("b"))
        read_until(outputs["tree"], f"ConfigMap {site.namespace}/b  Healthy")
        read_until(outputs["status"], sha[:7])
        read_until(outputs["events"], sha[:7])
        for one in running_ones.values():
            one.send_signal(signal.SIGINT)
        for one in running_ones.values():
            _, err = one.communicate(timeout=20)
            assert (one.returncode, err) == (130, "")
