"""`gitops diff`: what it says, its exit codes, and that the next sync does exactly that."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bench.audit import Audit, by
from tests.support.cluster import JSON_PATCH, Cluster, Obj
from tests.support.command import Command, Ran
from tests.support.controller import HOME, Controller
from tests.support.manifests import annotated, config_map, deployment, job, secret, service, thing, to_yaml
from tests.support.site import App, Site
from tests.support.wait import wait_for


def diff(command: Command, app: App, *options: str) -> Ran:
    return command("diff", f"{app.namespace}/{app.name}", *options)


def steps(ran: Ran) -> set[tuple[str, str, str]]:
    """(action, kind, name) of the steps that do something."""
    return {
        (step["action"], step["object"]["kind"], step["object"]["name"])
        for step in ran.data["steps"]
        if step["action"] not in ("keep", "refuse")
    }


def suspended(app: App) -> None:
    app.patch({"spec": {"suspend": True}})
    app.wait_reason("Suspended", "Ready")


def test_no_differences_is_code_0(controller: Controller, command: Command, site: Site) -> None:
    app = site.synced(config_map("a"), secret("s", {"k": "v"}), deployment("d"), service("e"))
    ran = diff(command, app)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.strip() == "no differences"
    thorough = diff(command, app, "--thorough", "-o", "json")
    assert (thorough.code, steps(thorough)) == (0, set())


def test_a_diff_without_differences_asks_for_no_object(
    controller: Controller, cluster: Cluster, command: Command, site: Site, tmp_path: Path
) -> None:
    """Of an Application, types are listed; of a folder that nobody reads, each object is tried once."""
    objects = [config_map(f"m{number:02}") for number in range(30)]
    app = site.synced(*objects)
    plane = cluster.control_plane
    assert plane.audit_log
    audit, mine = Audit(plane.audit_log), plane.kubeconfig_for("counted", ("system:masters",))

    def asked(*words: str) -> Counter[str]:
        audit.skip()
        assert command("diff", *words, kubeconfig=mine).code in (0, 1)
        found = [one for one in by("counted", audit.settled()) if one.resource]
        return Counter(f"{one.verb}{' dry' * one.dry_run} {one.resource}" for one in found)

    assert asked(f"{app.namespace}/{app.name}") == {"list applications": 1, "list configmaps": 1}
    folder = tmp_path / "folder"
    folder.mkdir()
    mine_too = [config_map(f"n{number:02}") for number in range(30)]
    for one in mine_too:
        one["metadata"]["namespace"] = site.namespace
        cluster.create(one, "kubectl")
    (folder / "all.yaml").write_text(to_yaml(*mine_too))
    counted = asked(str(folder), "-n", site.namespace)
    assert counted["patch dry configmaps"] == 30, counted
    assert sum(counted.values()) <= 30 + 6, counted


def test_what_the_server_puts_back_by_itself_is_no_change_of_an_adoption(
    controller: Controller, command: Command, site: Site
) -> None:
    """Whoever makes an object owns its defaults, too; with their owner they go, and come back."""
    app = site.synced(config_map("a"))
    suspended(app)
    made = deployment("made")
    made["metadata"]["namespace"] = site.namespace
    made["spec"]["minReadySeconds"] = 7
    site.cluster.create(made)
    site.push_objects(config_map("a"), deployment("made"))
    ran = diff(command, app, "-o", "json")
    [step] = [one for one in ran.data["steps"] if one["action"] == "adopt"]
    assert [one["path"] for one in step["changes"]] == ["/spec/minReadySeconds"]


def test_differences_are_code_1_and_the_next_sync_does_just_that(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(
        config_map("same"), config_map("changed"), config_map("gone"), deployment("drifted"), service("web")
    )
    suspended(app)
    found = config_map("found", {"key": "kubectl", "old": "1"})
    found["metadata"]["namespace"] = site.namespace
    site.cluster.create(found)
    site.cluster.patch(site.get("Deployment", "drifted", "apps/v1"), {"spec": {"replicas": 2}})
    site.push_objects(
        config_map("same"),
        config_map("changed", {"key": "new"}),
        deployment("drifted"),
        service("web", 80, 81),
        config_map("added"),
        config_map("found"),
    )
    before = state(site)
    ran = diff(command, app, "-o", "json")
    assert state(site) == before
    assert ran.code == 1
    assert steps(ran) == {
        ("create", "ConfigMap", "added"),
        ("update", "ConfigMap", "changed"),
        ("update", "Service", "web"),
        ("adopt", "ConfigMap", "found"),
        ("heal", "Deployment", "drifted"),
        ("delete", "ConfigMap", "gone"),
    }
    as_comment = diff(command, app, "-o", "markdown")
    assert as_comment.code == 1
    assert "**1 to create, 2 to update, 1 drifted, 1 to adopt, 1 to prune**" in as_comment.out
    for mark, key, what in (
        ("+", f"ConfigMap {site.namespace}/added", "create"),
        ("-", f"ConfigMap {site.namespace}/gone", "delete"),
        ("~", f"Deployment.apps {site.namespace}/drifted", "heal"),
    ):
        assert f"| `{mark}` | {key} | {what} |" in as_comment.out
    assert "Drifted in the cluster; a sync puts it back:" in as_comment.out
    assert "(by kubectl-edit, " in as_comment.out
    predicted = {(kind, name): action for action, kind, name in steps(ran)}
    app.patch({"spec": {"suspend": False}})
    app.wait_ready()
    wait_for(lambda: site.data("gone") is None, "it is pruned")
    after = state(site)
    outcome = dict.fromkeys(after.keys() - before.keys(), "create")
    outcome |= dict.fromkeys(before.keys() - after.keys(), "delete")
    outcome |= {key: "update" for key in before.keys() & after.keys() if before[key] != after[key]}
    as_update = {"adopt": "update", "heal": "update"}
    assert outcome == {key: as_update.get(action, action) for key, action in predicted.items()}
    changes = {
        (step["object"]["name"], change["path"]) for step in ran.data["steps"] for change in step["changes"]
    }
    assert ("changed", "/data/key") in changes
    assert ("found", "/data/old") in changes
    assert ("drifted", "/spec/replicas") in changes
    drifted = next(step for step in ran.data["steps"] if step["action"] == "heal")
    assert drifted["drift"]["by"] == "kubectl-edit"


def test_what_kubectl_owns_too_is_shown_to_go_and_what_an_operator_owns_too_to_stay(
    controller: Controller, command: Command, site: Site
) -> None:
    data = {"stays": "1", "goes": "2", "kept": "3"}
    containers = deployment("d")["spec"]["template"]["spec"]["containers"]
    pod = {"spec": {"containers": [*containers, {"name": "more", "image": "more:1"}]}}
    template = {"metadata": {"labels": {"app": "d"}}, **pod}
    app = site.synced(config_map("a", data), deployment("d", template=template))
    suspended(app)
    for manager, obj in (
        ("kubectl", config_map("a", data)),
        ("some-operator", config_map("a", {"kept": "3"})),
        ("kubectl", deployment("d", template=template)),
    ):
        site.cluster.apply({**obj, "metadata": {**obj["metadata"], "namespace": site.namespace}}, manager)
    site.push_objects(config_map("a", {"stays": "1"}), deployment("d"))
    before = state(site)
    ran = diff(command, app, "-o", "json")
    assert state(site) == before
    assert ran.code == 1
    changes = {
        (step["object"]["kind"], change["path"]) for step in ran.data["steps"] for change in step["changes"]
    }
    assert changes == {
        ("ConfigMap", "/data/goes"),
        ("Deployment", "/spec/template/spec/containers[name=more]"),
    }
    assert [one["reason"] for one in ran.data["refused"]] == ["RetainedBy"]
    assert "some-operator" in ran.data["refused"][0]["message"]
    app.patch({"spec": {"suspend": False}})
    app.wait_ready()
    assert site.data("a") == {"stays": "1", "kept": "3"}
    found = site.get("Deployment", "d", "apps/v1")["spec"]["template"]["spec"]["containers"]
    assert [one["name"] for one in found] == ["web"]


def test_what_moves_to_another_application_is_shown_by_both_and_then_moves(
    controller: Controller, command: Command, site: Site
) -> None:
    b = to_yaml(config_map("b", {"stays": "1", "goes": "2"}))
    site.push(
        {"one/a.yaml": to_yaml(config_map("a")), "one/b.yaml": b, "two/c.yaml": to_yaml(config_map("c"))}
    )
    one, two = site.application("one", path="one"), site.application("two", path="two")
    for app in (one, two):
        app.wait_ready()
        suspended(app)
    before = site.get("ConfigMap", "b")["metadata"]["uid"]
    site.push({"one/b.yaml": None, "two/b.yaml": to_yaml(config_map("b", {"stays": "1"}))})
    two.patch({"spec": {"suspend": False}})
    two.wait_reason("OwnedByAnother")
    leaving, coming = diff(command, one, "-o", "json"), diff(command, two, "-o", "json")
    assert (leaving.code, steps(leaving)) == (1, {("hand-over", "ConfigMap", "b")})
    assert f"{HOME}/{two.name}" in str(leaving.data["steps"])
    assert (coming.code, steps(coming)) == (1, {("adopt", "ConfigMap", "b")})
    assert [change["path"] for step in coming.data["steps"] for change in step["changes"]] == ["/data/goes"]
    one.patch({"spec": {"suspend": False}})
    two.wait_ready()
    assert site.get("ConfigMap", "b")["metadata"]["uid"] == before
    assert site.data("b") == {"stays": "1"}


def state(site: Site) -> dict[tuple[str, str], Any]:
    """What the objects of the namespace say, without what the server and its controllers write."""
    kinds = (("v1", "ConfigMap"), ("v1", "Service"), ("apps/v1", "Deployment"))
    return {
        (kind, one["metadata"]["name"]): (one["metadata"]["uid"], one.get("data"), one.get("spec"))
        for api, kind in kinds
        for one in site.cluster.list(api, kind, site.namespace)
        if one["metadata"]["name"] != "kube-root-ca.crt"
    }


def test_the_hooks_that_a_sync_would_run_are_shown(
    controller: Controller, command: Command, site: Site
) -> None:
    before, after = annotated(job("migrate"), hook="PreSync"), annotated(job("notify"), hook="PostSync")
    app = site.synced(before, config_map("a"), after)
    assert diff(command, app).code == 0
    suspended(app)
    site.push_objects(before, config_map("a", {"key": "new"}), after)
    ran = diff(command, app)
    assert ran.code == 1
    assert [line[:1] for line in ran.out.splitlines() if line[:1] in ">~"] == [">", "~", ">"]
    assert f"> Job.batch {site.namespace}/migrate: runs as PreSync hook" in ran.out
    assert "1 to update, 2 hooks to run" in ran.out
    phases = [(one["phase"], one["object"]["name"]) for one in diff(command, app, "-o", "json").data["hooks"]]
    assert phases == [("PreSync", "migrate"), ("PostSync", "notify")]


def test_text_names_object_path_and_values(controller: Controller, command: Command, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    suspended(app)
    site.push_objects(config_map("a", {"key": "new"}), config_map("c"))
    ran = diff(command, app)
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert any(line.startswith(f"~ ConfigMap {site.namespace}/a: update") for line in lines)
    assert '    ~ /data/key: "value" → "new"' in lines
    assert any(line.startswith(f"+ ConfigMap {site.namespace}/c: create") for line in lines)
    assert any(line.startswith(f"- ConfigMap {site.namespace}/b: delete") for line in lines)
    assert lines[-1] == "1 to create, 1 to update, 1 to prune"


def test_yaml_and_json_say_the_same(controller: Controller, command: Command, site: Site) -> None:
    app = site.synced(config_map("a"))
    suspended(app)
    site.push_objects(config_map("a", {"key": "ü 'new' \"\n"}))
    as_json, as_yaml = diff(command, app, "-o", "json"), diff(command, app, "-o", "yaml")
    assert (as_json.code, as_yaml.code) == (1, 1)
    assert as_json.data == yaml.safe_load(as_yaml.out)


def test_thorough_finds_what_the_fingerprint_can_not_see(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(deployment("d"))
    suspended(app)
    live = site.get("Deployment", "d", "apps/v1")
    env = live["spec"]["template"]["spec"]["containers"][0]["env"][::-1]
    change = [{"op": "replace", "path": "/spec/template/spec/containers/0/env", "value": env}]
    site.cluster.patch(live, change, how=JSON_PATCH)
    assert diff(command, app).code == 0
    assert diff(command, app, "--thorough").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("diff", "--no-such-option"),
        ("diff", "no-such-application"),
        ("no-such-command",),
        ("diff", "-o", "xml"),
    ],
)
def test_a_wrong_call_is_code_2(controller: Controller, command: Command, arguments: tuple[str, ...]) -> None:
    ran = command(*arguments)
    assert ran.code == 2
    assert ran.err
    assert "Traceback" not in ran.err


BAD_CONTENT = {
    "broken YAML": ("a: [\n", "objects.yaml"),
    "a field that the schema doesn't know": (to_yaml(deployment("d", replcas=1)), "replcas"),
    "an object that stands twice": (to_yaml(config_map("a"), config_map("a")), "a"),
    "an invalid value": (to_yaml(service("s", 70000)), "70000"),
}


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_bad_content_is_code_3(
    controller: Controller, command: Command, site: Site, tmp_path: Path, case: str
) -> None:
    text, word = BAD_CONTENT[case]
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "objects.yaml").write_text(text)
    ran = command("diff", str(folder), "--namespace", site.namespace)
    assert ran.code == 3, ran
    assert word in ran.out + ran.err
    assert "Traceback" not in ran.err


def test_a_cluster_that_does_not_answer_is_code_4(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(to_yaml(config_map("a")))
    nowhere = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [cluster],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "none"}}],
    }
    nowhere.write_text(json.dumps(config))
    ran = command("diff", str(tmp_path), kubeconfig=nowhere)
    assert ran.code == 4
    assert "127.0.0.1:9" in ran.err
    assert "Traceback" not in ran.err


def test_without_a_kubeconfig_it_is_code_4(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(to_yaml(config_map("a")))
    ran = command("diff", str(tmp_path), kubeconfig=tmp_path / "none")
    assert ran.code == 4
    assert "Traceback" not in ran.err


def test_a_git_server_that_refuses_or_is_not_there_is_code_4(
    cluster: Cluster, command: Command, site: Site
) -> None:
    private = site.new_repository("private", ("ada", "right-password"))
    private.push({"app/a.yaml": to_yaml(config_map("a"))})
    login = {"username": "ada", "password": "wrong-password-4711"}
    cluster.create(thing("v1", "Secret", f"{site.name}-git", HOME, stringData=login))
    named = {"repository": private.url, "credentials": {"secretName": f"{site.name}-git"}}
    app = site.application(source=named)
    refused = diff(command, app)
    assert refused.code == 4, refused
    assert "spec.source.credentials: 127.0.0.1 refuses the credentials" in refused.err
    assert "4711" not in refused.out + refused.err
    missing = site.application("missing", source={**named, "credentials": {"secretName": "none"}})
    unread = diff(command, missing)
    assert (unread.code, f"Secret {HOME}/none" in unread.err) == (4, True), unread
    nowhere = site.application("nowhere", source={"repository": "http://127.0.0.1:9/shop.git"})
    gone = diff(command, nowhere)
    assert (gone.code, "127.0.0.1:9" in gone.err) == (4, True), gone


def test_a_refusal_for_want_of_rights_is_code_4(
    cluster: Cluster, command: Command, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "a.yaml").write_text(to_yaml(config_map("a")))
    nobody = cluster.control_plane.kubeconfig_for("nobody")
    ran = command("diff", str(tmp_path / "deploy"), "--namespace", site.namespace, kubeconfig=nobody)
    assert ran.code == 4, ran
    assert "nobody" in ran.out + ran.err
    assert "Traceback" not in ran.err


def test_an_object_of_another_application_is_code_5(
    controller: Controller, command: Command, site: Site
) -> None:
    site.push({"one/a.yaml": to_yaml(config_map("a")), "two/a.yaml": to_yaml(config_map("a"))})
    one = site.application("one", path="one")
    one.wait_ready()
    two = site.application("two", path="two")
    two.wait_reason("OwnedByAnother")
    ran = diff(command, two)
    assert ran.code == 5
    assert f"{HOME}/{one.name}" in ran.out


def test_a_prune_that_would_be_refused_is_code_5(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(*[config_map(f"m{i}") for i in range(15)])
    suspended(app)
    site.push_objects(config_map("m0"))
    ran = diff(command, app, "-o", "json")
    assert ran.code == 5
    assert {one["reason"] for one in ran.data["refused"]} == {"PruneRefused"}
    assert steps(ran) == set()


def test_a_work_tree_is_compared_for_its_application(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    folder = site.repository.tree.folder
    site.repository.tree.write({"app/objects.yaml": to_yaml(config_map("a", {"key": "not committed"}))})
    ran = command("diff", str(folder / "app"), "--app", f"{HOME}/{app.name}", "-o", "json")
    assert (ran.code, steps(ran)) == (1, {("update", "ConfigMap", "a"), ("delete", "ConfigMap", "b")})
    site.repository.tree.git("remote", "set-url", "origin", site.repository.url)
    assert command("diff", str(folder / "app"), "-o", "json").data == ran.data


def test_a_folder_of_nobody_is_compared_as_a_new_application(
    command: Command, site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "deploy"
    folder.mkdir()
    (folder / "a.yaml").write_text(to_yaml(config_map("a"), config_map("bystander", {"whose": "mine"})))
    ran = command("diff", str(folder), "--namespace", site.namespace)
    assert ran.code == 1
    assert f"as if a new Application {site.namespace}/deploy were made" in ran.out
    assert f"+ ConfigMap {site.namespace}/a: create" in ran.out
    assert '~ /data/whose: "not yours" → "mine"' in ran.out
    site.check_bystanders()


def test_a_folder_whose_remote_is_a_path_is_compared_too(
    command: Command, site: Site, tmp_path: Path
) -> None:
    site.push_objects(config_map("a"))
    ran = command("diff", str(tmp_path / site.name / "app"), "--namespace", site.namespace)
    assert (ran.code, ran.err) == (1, "")
    assert f"+ ConfigMap {site.namespace}/a: create" in ran.out


def test_a_new_kind_and_namespace_are_said_not_to_be_validated(
    command: Command, site: Site, tmp_path: Path
) -> None:
    from tests.support.manifests import crd

    group = f"{site.name}.example.com"
    folder = tmp_path / "deploy"
    folder.mkdir()
    objects: list[Obj] = [
        crd("Widget", group),
        thing(f"{group}/v1", "Widget", "w"),
        thing("v1", "Namespace", f"{site.name}-new"),
        config_map("inner", metadata={"namespace": f"{site.name}-new"}),
    ]
    (folder / "all.yaml").write_text(to_yaml(*objects))
    ran = command("diff", str(folder), "--namespace", site.namespace, "-o", "json")
    assert ran.code == 1, ran
    assert len(steps(ran)) == 4
    assert ran.data["refused"] == []


def test_colours_only_on_a_terminal_and_never_against_no_color(
    controller: Controller, command: Command, site: Site
) -> None:
    app = site.synced(config_map("a"))
    suspended(app)
    site.push_objects(config_map("a", {"key": "new"}))
    name = f"{app.namespace}/{app.name}"
    assert "\x1b[" in command.on_terminal("diff", name)
    assert "\x1b[" not in command.on_terminal("diff", name, NO_COLOR="1")
    assert "\x1b[" not in command.on_terminal("diff", name, "--no-color")
    assert "\x1b[" not in diff(command, app).out


def test_secret_values_are_never_printed(controller: Controller, command: Command, site: Site) -> None:
    app = site.synced(secret("s", {"k": "old-and-secret", "same": "same-and-secret"}))
    suspended(app)
    site.push_objects(
        secret("s", {"k": "new-and-secret", "same": "same-and-secret"}),
        secret("t", {"k": "other-and-secret"}),
    )
    for options in ((), ("-o", "json"), ("-o", "yaml")):
        ran = diff(command, app, *options)
        assert ran.code == 1
        assert "and-secret" not in ran.out + ran.err
        assert "YW5kLXNlY3JldA" not in ran.out
        assert "same" not in ran.out.replace("same-", "") or "/data/same" not in ran.out
        assert "/data/k" in ran.out


def test_the_version_and_the_help_come_at_once(command: Command) -> None:
    for arguments in (("--version",), ("--help",), ("diff", "--help")):
        began = time.monotonic()
        ran = command(*arguments)
        assert ran.code == 0
        assert time.monotonic() - began < 2  # the bench measures; this only notices a heavy import
    assert "Examples:" in command("diff", "--help").out
