"""Replacement: an object whose field can't be changed is deleted and created anew where it says so itself."""

import json
import os
import subprocess

from tests.support.cluster import Obj
from tests.support.controller import COMMAND, Controller
from tests.support.manifests import annotated, config_map, deployment, thing
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for

DEPLOYMENT = ("Deployment", "d", "apps/v1")


def labelled(label: str) -> Obj:
    """A Deployment whose selector, which can't be changed, has this value."""
    obj = deployment("d")
    obj["spec"]["selector"]["matchLabels"] = {"app": label}
    obj["spec"]["template"]["metadata"]["labels"] = {"app": label}
    return obj


def uid(site: Site) -> str:
    return str(site.get(*DEPLOYMENT)["metadata"]["uid"])


def diff(site: Site, app: App, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "diff", f"{app.namespace}/{app.name}", *options],
        env={**os.environ, "KUBECONFIG": str(site.cluster.control_plane.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_annotation_the_message_names_it_and_the_object_stays(
    controller: Controller, site: Site
) -> None:
    app = site.synced(labelled("one"))
    before = uid(site)
    site.push_objects(labelled("two"))
    message = app.wait_reason("ImmutableField")
    assert "spec.selector" in message
    assert "gitops.dev/force: Enabled" in message
    assert uid(site) == before


def test_with_the_annotation_it_is_created_anew_and_the_diff_says_so_before(
    controller: Controller, site: Site
) -> None:
    app = site.synced(labelled("one"), config_map("a"))
    before = uid(site)
    app.patch({"spec": {"suspend": True}})
    sha = site.push_objects(annotated(labelled("two"), force="Enabled"), config_map("a"))
    shown = diff(site, app)
    assert shown.returncode == 1, shown
    assert "Deployment.apps" in shown.stdout
    assert "replace (a field of it can't be changed)" in shown.stdout
    assert "1 to delete and create anew" in shown.stdout
    steps = json.loads(diff(site, app, "-ojson").stdout)["steps"]
    assert [(step["action"], step["object"]["kind"]) for step in steps] == [("replace", "Deployment")]
    assert steps[0]["manifest"]["spec"]["selector"] == {"matchLabels": {"app": "two"}}
    app.patch({"spec": {"suspend": False}})
    app.wait_ready(sha)
    assert uid(site) != before
    assert site.get(*DEPLOYMENT)["spec"]["selector"] == {"matchLabels": {"app": "two"}}
    wait_for(lambda: app.events("Replaced"), "an Event")


def test_any_other_error_deletes_nothing(controller: Controller, site: Site) -> None:
    app = site.synced(labelled("one"))
    before = uid(site)
    wrong = annotated(labelled("two"), force="Enabled")
    wrong["spec"]["template"]["spec"]["containers"][0]["image"] = ""
    site.push_objects(wrong)
    app.wait(lambda status: status["problems"], "it is refused")
    stays(lambda: uid(site) == before, "it stays", seconds=1)
    wrong = annotated(labelled("one"), force="Enabled")
    wrong["spec"]["strategy"] = {"type": "Nonsense"}
    site.push_objects(wrong)
    app.wait(lambda status: "Nonsense" in str(status["problems"]), "it is refused")
    stays(lambda: uid(site) == before, "it stays", seconds=1)


def test_an_object_of_another_is_never_replaced(controller: Controller, site: Site) -> None:
    theirs = labelled("one")
    theirs["metadata"] |= {"namespace": site.namespace, "labels": {"argocd.argoproj.io/instance": "other"}}
    site.cluster.create(theirs)
    before = uid(site)
    site.push_objects(annotated(labelled("two"), force="Enabled"))
    app = site.application()
    app.wait_reason("OwnedByAnother")
    app.patch({"spec": {"sync": {"adopt": "Always"}}})
    app.wait_reason("ImmutableField")
    assert uid(site) == before


def test_what_waits_for_a_finalizer_is_created_when_it_is_gone(controller: Controller, site: Site) -> None:
    app = site.synced(labelled("one"))
    before = uid(site)
    site.cluster.patch(site.get(*DEPLOYMENT), {"metadata": {"finalizers": ["example.com/hold"]}})
    sha = site.push_objects(annotated(labelled("two"), force="Enabled"))
    wait_for(lambda: "deletionTimestamp" in site.get(*DEPLOYMENT)["metadata"], "it is being deleted")
    controller.kill()
    controller.start()
    app.wait(lambda status: "example.com/hold" in str(status["problems"]), "what holds it is named")
    site.cluster.patch(site.get(*DEPLOYMENT), {"metadata": {"finalizers": None}})
    app.wait_ready(sha)
    assert uid(site) != before


def test_a_job_is_replaced(controller: Controller, site: Site) -> None:
    def job(image: str) -> Obj:
        pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}
        return annotated(
            thing("batch/v1", "Job", "j", spec={"suspend": True, "template": {"spec": pod}}), force="Enabled"
        )

    app = site.synced(job("a:1"))
    app.wait_ready(site.push_objects(job("a:2")))
    found = site.get("Job", "j", "batch/v1")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert found == "a:2"
