"""Secret values are planted wherever they occur, and looked for in everything that is put out."""

import base64
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitops.local.gitserver import GitServer
from tests.security.needles import ProcessWatch, found_in, new_value, spellings, texts_of
from tests.support.cluster import Cluster, Obj
from tests.support.command import Command
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, secret, thing, to_yaml
from tests.support.site import App, Site, new_site
from tests.support.wait import wait_for


@dataclass(slots=True)
class Planted:
    """All values, and all that was put out while they went through."""

    values: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        return self.values.setdefault(name, new_value())

    def encoded(self, name: str) -> str:
        return base64.b64encode(self.value(name).encode()).decode()

    def note(self, channel: str, text: str) -> None:
        self.outputs[channel] = self.outputs.get(channel, "") + "\n" + text


class Story:
    """What happens to Secrets in the life of a cluster, good and bad."""

    def __init__(self, planted: Planted, site: Site, command: Command) -> None:
        self.planted = planted
        self.site = site
        self.cluster = site.cluster
        self.command = command

    def good(self) -> App:
        """First sync, update, drift, a diff of each, and adoption of what kubectl made."""
        site, planted = self.site, self.planted
        applied = {
            **thing("v1", "Secret", "adopted", site.namespace),
            "stringData": {"k": planted.value("made by kubectl")},
        }
        self.cluster.kubectl("apply", "--filename=-", input=to_yaml(applied))
        app = site.application()
        app.wait_reason("RevisionNotFound", "Ready")
        site.push_objects(config_map("a"))
        app.wait_ready()
        app.patch({"spec": {"suspend": True}})
        sha = site.push_objects(
            secret("s", {"k": planted.value("in Git")}), secret("adopted", {"k": planted.value("adopting")})
        )
        self.look(app)
        app.patch({"spec": {"suspend": False}})
        app.wait_ready(sha)
        live = site.get("Secret", "s")
        assert live["data"] == {"k": planted.encoded("in Git")}
        app.patch({"spec": {"suspend": True}})
        app.wait_reason("Suspended", "Ready")
        self.cluster.patch(
            live, {"data": {"k": planted.encoded("edited by hand"), "more": planted.encoded("added by hand")}}
        )
        self.look(app)
        app.patch({"spec": {"suspend": False}})
        wait_for(lambda: site.get("Secret", "s")["data"]["k"] == planted.encoded("in Git"), "it is healed")
        app.wait_ready()
        return app

    def look(self, app: App) -> None:
        """All that the command says of it now."""
        name = f"{app.namespace}/{app.name}"
        self.ask("diff", name)
        self.ask("diff", name, "-o", "json")
        self.ask("diff", name, "-o", "yaml", "--thorough")
        self.ask("status", name)
        self.ask("render", self.site.repository.url, "--path", "app")

    def ask(self, *arguments: str) -> None:
        ran = self.command(*arguments)
        assert "Traceback" not in ran.err, ran.err
        self.planted.note("the command", ran.out + ran.err)

    def bad(self, app: App) -> None:
        """Secrets that the server or the renderer refuses, with values in what they complain about."""
        site, value = self.site, self.planted.value
        fixed = {**secret("fixed", {"k": value("immutable")}), "immutable": True}
        app.wait_ready(site.push_objects(fixed))
        tls, docker = "kubernetes.io/tls", "kubernetes.io/dockerconfigjson"
        by_server = [
            {**thing("v1", "Secret", "field"), "dta": {"k": value("an unknown field")}},
            {**secret("tls", {"tls.crt": value("a wrong TLS type")}), "type": tls},
            {**secret("docker", {".dockerconfigjson": value("a wrong docker type")}), "type": docker},
            secret("key", {"bad key!": value("a bad key")}),
            {**secret("fixed", {"k": value("changed though immutable")}), "immutable": True},
        ]
        site.push_objects(*by_server)
        names = {one["metadata"]["name"] for one in by_server}
        self.refused(
            app, lambda problems: {(one.get("object") or {}).get("name") for one in problems} == names
        )
        by_renderer = {
            "not base64": to_yaml(
                {**thing("v1", "Secret", "x"), "data": {"k": f"%%{value('not base64')}%%"}}
            ),
            "a list": to_yaml({**thing("v1", "Secret", "x"), "stringData": {"k": [value("a list")]}}),
            "a map": to_yaml({**thing("v1", "Secret", "x"), "data": {"k": {"deep": value("a map")}}}),
            "no object": to_yaml({**thing("v1", "Secret", "x"), "data": value("no object")}),
            "broken YAML": f"kind: Secret\nstringData:\n  k: 'it is {value('broken YAML')}\n",
            "a key twice": "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n"
            + f"  k: '{value('a key twice')}'\n" * 2,
            "no name": to_yaml({"apiVersion": "v1", "kind": "Secret", "stringData": {"k": value("no name")}}),
        }
        files = {f"app/x{number}.yaml": text for number, text in enumerate(by_renderer.values())}
        site.push(files)
        self.refused(
            app, lambda problems: files.keys() <= {one["where"].partition(":")[0] for one in problems}
        )

    def refused(self, app: App, fits: Callable[[list[Obj]], bool]) -> None:
        """Wait for these problems, and let the command tell them too."""
        app.wait(lambda status: fits(status.get("problems", [])), "it is refused")
        for output in ("text", "json", "yaml"):
            self.ask("diff", f"{app.namespace}/{app.name}", "-o", output)

    def values(self) -> None:
        """A chart's values from a Secret: good, changed, quoted by Helm and by the server, and no YAML."""
        site, value = self.site, self.planted.value
        mark = f"{value('in a Secret of values')}".replace("'", "''")

        def held(text: str) -> Obj:
            return {"stringData": {"values.yaml": f"login: {{password: '{text}'}}\n"}}

        made = self.cluster.create({**thing("v1", "Secret", f"{site.name}-values", HOME), **held(mark)})
        chart = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n"}
        good = (
            "apiVersion: v1\nkind: %s\nmetadata: {name: c}\n%s: {k: {{ .Values.login.password | quote }}}\n"
        )
        chart["chart/templates/a.yaml"] = good % ("Secret", "stringData")
        chart["chart/templates/b.yaml"] = good % ("ConfigMap", "data")
        site.push(chart)
        given = [{"kind": "Secret", "name": f"{site.name}-values"}]
        app = site.application("values", path="chart", render={"helm": {"valuesFrom": given}})
        app.wait_ready()
        assert site.data("c") == {"k": value("in a Secret of values")}
        app.patch({"spec": {"suspend": True}})
        app.wait_reason("Suspended", "Ready")
        self.cluster.patch(made, held(value("in changed values")))
        self.look_at(app)
        app.patch({"spec": {"suspend": False}})
        wait_for(lambda: site.data("c") == {"k": value("in changed values")}, "the new value is applied")
        app.wait_ready()
        for name, template in (
            ("Helm", "{{ fail .Values.login.password }}"),
            ("renderer", "{{ .Values.login | toYaml }}"),
            ("server", (good % ("Service", "spec")).replace("k:", "clusterIP:")),
        ):
            self.cluster.patch(made, held(value(f"quoted by the {name}")))
            site.push({"chart/templates/bad.yaml": template})
            app.wait(lambda status: status.get("problems"), f"the {name} refuses it")
            self.look_at(app)
            site.push({"chart/templates/bad.yaml": None})
            app.wait(lambda status: not status.get("problems"), "it is well again")
        self.cluster.patch(made, {"stringData": {"values.yaml": f"a: [{value('in broken values')}\n"}})
        app.wait_reason("InvalidValues")
        self.look_at(app)

    def look_at(self, app: App) -> None:
        for output in ("text", "json"):
            self.ask("diff", f"{app.namespace}/{app.name}", "-o", output)

    def credentials(self) -> None:
        """A wrong Git password, the right one, and one that is rotated."""
        planted, site = self.planted, self.site
        private = site.new_repository("private", ("ada", planted.value("Git password")))
        sha = private.push({"app/a.yaml": to_yaml(config_map("private"))})
        made = self.cluster.create(
            thing(
                "v1",
                "Secret",
                f"{site.name}-git",
                HOME,
                stringData={"username": "ada", "password": planted.value("wrong Git password")},
            )
        )
        source = {"repository": private.url, "credentials": {"secretName": f"{site.name}-git"}}
        app = site.application("private", source=source)
        app.wait_reason("AuthenticationFailed")
        self.ask("diff", f"{app.namespace}/{app.name}")
        self.ask("status", f"{app.namespace}/{app.name}")
        self.cluster.patch(made, {"stringData": {"password": planted.value("Git password")}})
        app.wait_ready(sha)
        site.git_server.fail_with(private.name, 500)
        app.wait_reason("RepositoryUnreachable", "Reconciling")
        site.git_server.heal(private.name)
        app.wait_ready()
        self.ask("diff", f"{app.namespace}/{app.name}")
        self.ask("status", f"{app.namespace}/{app.name}")


@pytest.fixture(scope="module")
def planted(
    cluster: Cluster,
    git_server: GitServer,
    tools: Mapping[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Planted:
    """The whole story once, with the most talkative logs."""
    folder = tmp_path_factory.mktemp("planted")
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    controller = Controller(
        cluster.control_plane.kubeconfig, folder, tools, ("--log-level=debug",), environment
    )
    planted, watch = Planted(), ProcessWatch()
    controller.start()
    watch.start(controller.pid)
    try:
        with new_site(cluster, git_server, folder / "site") as site:
            story = Story(planted, site, Command(cluster.control_plane.kubeconfig, folder, tools))
            app = story.good()
            story.bad(app)
            story.values()
            story.credentials()
            time.sleep(0.5)
            planted.note("metrics", controller.exposition())
            for namespace in (HOME, site.namespace):
                planted.note("Events", json.dumps(cluster.list("v1", "Event", namespace)))
            applications = cluster.list("gitops.dev/v1alpha1", "Application", HOME)
            planted.note("Applications", json.dumps(applications))
            planted.note("temporary files", texts_of(temporary))
            controller.kill()
            time.sleep(1)  # its child notices, and ends
            planted.note("temporary files", texts_of(temporary))
            planted.note("logs", controller.logs())
            controller.start()
            controller.stop()
            planted.note("logs", controller.logs())
    finally:
        watch.stop()
        controller.stop()
    planted.note("processes", "\n".join(watch.texts))
    return planted


CHANNELS = ("logs", "Events", "Applications", "metrics", "the command", "processes", "temporary files")


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_planted_value_is_put_out(planted: Planted, channel: str) -> None:
    assert found_in(planted.outputs[channel], planted.values) == []


@pytest.mark.parametrize("channel", [one for one in CHANNELS if one != "temporary files"])
def test_every_channel_was_really_read(planted: Planted, channel: str) -> None:
    word = {
        "logs": '"event": "healed"',
        "Events": "DriftHealed",
        "Applications": "AuthenticationFailed",
        "metrics": "gitops_drift_corrected_total",
        "the command": "Secret",
        "processes": "gitops.render",
    }[channel]
    if channel == "Applications":
        word = "renderKey"
    assert word in planted.outputs[channel]


def test_the_search_finds_every_spelling() -> None:
    value = new_value()
    for text in (
        value,
        json.dumps({"k": value}),
        json.dumps(json.dumps({"k": value})),
        repr(value),
        base64.b64encode(value.encode()).decode(),
        base64.b64encode(f"password={value}\n".encode()).decode(),
        base64.b64encode(f"ada:{value}".encode()).decode(),
    ):
        assert found_in(f"before {text} after", {"it": value})
    assert len(spellings(value)) > 5
    assert found_in("nothing of that kind", {"it": value}) == []
