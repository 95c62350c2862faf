"""Repositories that were made for Argo CD, Flux, Helm or kustomize work as they are."""

from typing import Any

from tests.support.controller import Controller
from tests.support.manifests import config_map, running
from tests.support.site import Site
from tests.support.wait import stays, wait_for

ARGO_CD = """
apiVersion: batch/v1
kind: Job
metadata:
  generateName: schema-
  annotations:
    argocd.argoproj.io/hook: PreSync
    argocd.argoproj.io/hook-delete-policy: HookSucceeded
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: "migrate:1"}]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: database
  annotations: {argocd.argoproj.io/sync-wave: "-1"}
spec:
  replicas: 1
  selector: {matchLabels: {app: database}}
  template:
    metadata: {labels: {app: database}, annotations: {gitops.dev/simulate: slow}}
    spec: {containers: [{name: database, image: "database:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
  annotations:
    argocd.argoproj.io/sync-wave: "1"
    argocd.argoproj.io/compare-options: IgnoreExtraneous
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: keeps
  annotations: {argocd.argoproj.io/sync-options: "Prune=false,SkipDryRunOnMissingResource=true"}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: skipped
  annotations: {argocd.argoproj.io/hook: Skip}
data: {key: value}
"""

FLUX = """
apiVersion: v1
kind: ConfigMap
metadata: {name: once, annotations: {kustomize.toolkit.fluxcd.io/ssa: IfNotPresent}}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: keeps, annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: alone, annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ordinary}
data: {key: value}
"""

OTHERS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: chart-keeps, annotations: {helm.sh/resource-policy: keep}}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: detached, annotations: {client.lifecycle.config.k8s.io/deletion: detach}}
data: {key: value}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: local, annotations: {config.kubernetes.io/local-config: "true"}}
data: {key: value}
"""

REST = {"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: value}\n"}


def names(site: Site) -> set[str]:
    found = site.cluster.list("v1", "ConfigMap", site.namespace)
    return {one["metadata"]["name"] for one in found} - {"kube-root-ca.crt"}


def changed(site: Site, name: str) -> dict[str, Any]:
    site.cluster.patch(site.get("ConfigMap", name), {"data": {"key": "edited"}})
    return {"key": "edited"}


def test_a_repository_for_argo_cd(controller: Controller, site: Site) -> None:
    before = names(site)
    sha = site.push({"app/all.yaml": ARGO_CD, **REST})
    app = site.application()
    wait_for(lambda: site.find("Deployment", "database", "apps/v1"), "the first wave")
    stays(lambda: site.find("ConfigMap", "web") is None, "the next wave waits", seconds=1)
    app.wait_ready(sha)
    assert names(site) - before == {"web", "keeps", "a"}
    (hook,) = app.status["hooks"]
    assert (hook["phase"], hook["state"]) == ("PreSync", "Succeeded")
    wait_for(lambda: not site.cluster.list("batch/v1", "Job", site.namespace), "the hook's Job goes")
    app.wait_ready(site.push({"app/all.yaml": None}))
    assert names(site) - before == {"keeps", "a"}


def test_a_repository_for_flux(controller: Controller, site: Site) -> None:
    before = names(site)
    app_sha = site.push({"app/all.yaml": FLUX, **REST})
    app = site.application()
    app.wait_ready(app_sha)
    assert names(site) - before == {"once", "keeps", "ordinary", "a"}
    edited = changed(site, "once")
    changed(site, "ordinary")
    site.wait_data("ordinary", {"key": "value"})
    assert site.data("once") == edited
    app.wait_ready(site.push({"app/all.yaml": None}))
    assert names(site) - before == {"keeps", "a"}


def test_annotations_of_helm_and_kustomize(controller: Controller, site: Site) -> None:
    before = names(site)
    sha = site.push({"app/all.yaml": OTHERS, **REST})
    app = site.application()
    app.wait_ready(sha)
    assert names(site) - before == {"chart-keeps", "detached", "a"}
    app.wait_ready(site.push({"app/all.yaml": None}))
    assert names(site) - before == {"chart-keeps", "detached", "a"}


def test_what_cannot_be_honoured_is_named(controller: Controller, site: Site) -> None:
    options = {"argocd.argoproj.io/sync-options": "Replace=true,Validate=false"}
    app = site.synced(config_map("a", metadata={"annotations": options}))
    wait_for(lambda: app.events("NotHonoured"), "an Event says so")
    text = " ".join(one["message"] for one in app.events("NotHonoured"))
    assert "Replace=true" in text
    assert "Validate=false" in text


def test_health_that_does_not_count_holds_nothing_up(controller: Controller, site: Site) -> None:
    sick = running("sick", "not-ready")
    sick["metadata"]["annotations"] = {"argocd.argoproj.io/ignore-healthcheck": "true"}
    sha = site.push_objects(sick, config_map("a"))
    app = site.application()
    app.wait_ready(sha)
