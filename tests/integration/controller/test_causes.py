"""The cause of trouble: read from what the controller writes, and written where objects don't work."""

import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from gitops.api.application import Application
from gitops.core.why.applications import causes_of_application
from gitops.core.why.model import Cause, Depth
from tests.support.cluster import Cluster, Obj
from tests.support.controller import HOME, Controller
from tests.support.manifests import annotated, config_map, deployment, job, service, thing, to_yaml
from tests.support.site import App, Site
from tests.support.wait import stays, wait_for

ADMISSION = "admissionregistration.k8s.io/v1"


def cause(app: App, reason: str) -> Cause:
    """The first cause of an Application whose status tells of this reason."""
    app.wait(lambda status: any(one["reason"] == reason for one in status.get("problems", [])), reason)
    return next(iter(causes_of_application(Application.parse(app.get()))))


def check(found: Cause, identity: str, *words: str, command: str) -> None:
    said = f"{found.key} {found.sentence}"
    assert (found.id, found.depth) == (identity, Depth.ROOT), said
    for word in words:
        assert word in said, said
    assert any(command in one.command for one in found.evidence), found.evidence


def here(site: Site, one: Obj) -> Obj:
    return {**one, "metadata": {**one["metadata"], "namespace": site.namespace}}


def test_what_git_and_rendering_refuse_is_named_with_its_place(controller: Controller, site: Site) -> None:
    private = site.new_repository("private", ("ada", "right"))
    private.push({"app/a.yaml": to_yaml(config_map("a"))})
    login = {"username": "ada", "password": "wrong"}
    site.cluster.create(thing("v1", "Secret", f"{site.name}-git", HOME, stringData=login))
    site.push({"app/a.yaml": to_yaml(config_map("a")), "bad/b.yaml": "kind: X\nmetadata: [\n"})
    credentials = {"repository": private.url, "credentials": {"secretName": f"{site.name}-git"}}
    locked = site.application("locked", repository=private, source=credentials)
    gone = site.application("gone", revision="release-9")
    nowhere = site.application("nowhere", path="nowhere")
    broken = site.application("broken", path="bad")
    later = site.application("later", dependsOn=[{"name": broken.name}])
    found = cause(locked, "AuthenticationFailed")
    check(found, "authentication-failed", command=f"kubectl describe secret/{site.name}-git -n {HOME}")
    check(cause(gone, "RevisionNotFound"), "revision-not-found", "release-9", command="git ls-remote http")
    check(cause(nowhere, "PathNotFound"), "path-not-found", "nowhere", command="gitops render http")
    check(cause(broken, "InvalidManifest"), "invalid-manifest", "bad/b.yaml:", command="--path bad")
    check(
        cause(later, "DependencyNotReady"),
        "dependency-not-ready",
        broken.name,
        command=f"gitops why {broken.name} -n {HOME}",
    )


@contextmanager
def refusing(cluster: Cluster) -> Iterator[int]:
    """A webhook that refuses all it is asked about; its port. It serves with the API server's certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {
                "uid": asked["request"]["uid"],
                "allowed": False,
                "status": {"message": "the label team is missing"},
            }
            body = orjson.dumps({**asked, "response": answer})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    certificate = cluster.control_plane.kubeconfig.with_name("apiserver.crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def webhook(site: Site, name: str, about: str, **client: Any) -> Obj:
    """A webhook that must be asked about ConfigMaps of this site with the label `about`."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    hook = {
        "name": f"{name}.{site.name}.example",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "clientConfig": client,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}},
        "objectSelector": {"matchLabels": {"asks": about}},
        "rules": [rule],
    }
    return thing(ADMISSION, "ValidatingWebhookConfiguration", f"{name}-{site.name}", webhooks=[hook])


def asking(name: str) -> Obj:
    return config_map(name, metadata={"labels": {"asks": name}})


def test_what_the_cluster_refuses_is_named_with_who_refuses_it(controller: Controller, site: Site) -> None:
    cluster = site.cluster
    bundle = base64.b64encode(cluster.control_plane.ca_file.read_bytes()).decode()
    tenant = site.tenant("configmaps")
    cluster.create(here(site, config_map("held", {"key": "theirs"})), "some-operator")
    cluster.create(here(site, deployment("d")), "kubectl-create")
    changed: Obj = deployment("d", selector={"matchLabels": {"app": "other"}})
    changed["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    site.push(
        {
            "denied/a.yaml": to_yaml(asking("denied")),
            "silent/a.yaml": to_yaml(asking("silent")),
            "rights/a.yaml": to_yaml(service("s")),
            "held/a.yaml": to_yaml(config_map("held")),
            "fixed/a.yaml": to_yaml(changed),
            "hook/a.yaml": to_yaml(annotated(job("migrate", "fail"), hook="PreSync"), config_map("after")),
        }
    )
    with refusing(cluster) as port:
        made = [
            webhook(site, "denied", "denied", url=f"https://127.0.0.1:{port}/", caBundle=bundle),
            webhook(site, "silent", "silent", service={"name": "nobody", "namespace": site.namespace}),
        ]
        for one in made:
            cluster.create(one)
        try:
            apps = {
                name: site.application(name, path=name)
                for name in ("denied", "silent", "held", "fixed", "hook")
            }
            rights = site.application(
                "rights", path="rights", namespace=tenant, serviceAccountName="deployer"
            )
            check(
                cause(apps["denied"], "AdmissionDenied"),
                "webhook-denied",
                f"ConfigMap {site.namespace}/denied is refused by the admission webhook denied.{site.name}",
                "the label team is missing",
                command="webhookconfigurations",
            )
            check(
                cause(apps["silent"], "AdmissionUnavailable"),
                "webhook-unreachable",
                f"the Service {site.namespace}/nobody, can't be reached",
                command=f"gitops why service/nobody -n {site.namespace}",
            )
        finally:
            for one in made:
                cluster.delete(one)
    check(
        cause(rights, "Forbidden"),
        "forbidden",
        f"the ServiceAccount {tenant}/deployer may not get services in the namespace {site.namespace}",
        command=f"kubectl auth can-i get services --as=system:serviceaccount:{tenant}:deployer",
    )
    check(
        cause(apps["held"], "FieldConflict"),
        "field-conflict",
        "some-operator",
        ".data.key",
        command="managed",
    )
    check(cause(apps["fixed"], "ImmutableField"), "immutable-field", "spec.selector", command="kubectl get")
    check(
        cause(apps["hook"], "HookFailed"),
        "hook-failed",
        "the PreSync hook failed",
        "work",
        "exit code",
        command="kubectl logs job.batch/migrate-",
    )


def without_room(site: Site) -> Obj:
    """A quota under which the site can have no Pod."""
    quota = thing("v1", "ResourceQuota", "small", site.namespace, spec={"hard": {"pods": "0"}})
    made = site.cluster.create(quota)
    wait_for(
        lambda: "hard" in site.get("ResourceQuota", "small").get("status", {}),
        "the quota is in force",
    )
    return made


def told(app: App) -> list[Obj]:
    return [one for one in app.problems() if one["reason"] == "Degraded"]


def asked(controller: Controller, resource: str, code: str = "") -> float:
    return sum(
        count
        for (verb, what, got), count in controller.requests().items()
        if (verb, what) == ("GET", resource) and code in ("", got)
    )


def test_the_cause_of_a_degraded_application_is_in_its_status_while_it_lasts(
    controller: Controller, site: Site
) -> None:
    quota = without_room(site)
    before = asked(controller, "replicasets")
    site.push_objects(deployment("d", replicas=1), config_map("a"))
    app = site.application()
    [problem] = wait_for(lambda: told(app), "the cause is told", state=lambda: app.status)
    assert problem["object"]["kind"] in ("Deployment", "ReplicaSet")
    assert problem["message"] == (
        "what it makes is refused because the ResourceQuota small is used up: pods=0 of pods=0 is used, "
        "and it needs pods=1"
    )
    assert problem["advice"]
    conditions = {one["type"]: (one["status"], one["reason"]) for one in app.status["conditions"]}
    assert conditions["Ready"] == ("False", "Degraded")
    assert conditions["Synced"] == ("True", "Synced"), "a cause is no reason to try anything again"
    assert "Stalled" not in conditions
    controller.kill()
    controller.start()
    app.refresh()
    stays(lambda: len(told(app)) == 1, "it stays over a restart", seconds=2)
    site.cluster.patch(quota, {"spec": {"hard": {"pods": "100"}}})
    app.wait_ready()
    assert app.problems() == []
    assert asked(controller, "replicasets") - before <= 2, "once for each start"


def test_a_cause_is_looked_for_as_the_account_of_the_application(controller: Controller, site: Site) -> None:
    without_room(site)
    tenant = site.tenant("deployments")
    site.push_objects(deployment("d", replicas=1))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    app.wait_reason("Degraded", "Healthy")
    wait_for(lambda: asked(controller, "replicasets", "403"), "the account may not list what it may not")
    assert {one["object"]["kind"] for one in told(app)} <= {"Deployment"}, "which tells it by itself"
    assert app.wait_reason("Degraded", "Ready")
