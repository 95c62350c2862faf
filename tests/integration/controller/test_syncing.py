"""The main job: what is in Git comes to be in the cluster, changes with it, and goes with it."""

from gitops.local.gitserver import Service
from tests.support.cluster import Obj
from tests.support.controller import Controller
from tests.support.manifests import config_map, crd, deployment, secret, service, thing, to_yaml
from tests.support.site import Site
from tests.support.wait import stays, wait_for

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"


def test_plain_files_come_to_be(controller: Controller, site: Site) -> None:
    sha = site.push_objects(config_map("a"), secret("b", {"k": "v"}), service("c"), deployment("d"))
    app = site.application()
    status = app.wait_ready(sha)
    assert status["objects"] == {"total": 4, "synced": 4, "healthy": 4, "drifted": 0}
    assert site.data("a") == {"key": "value"}
    assert site.get("Secret", "b")["data"] == {"k": "dg=="}
    assert site.find("Service", "c")
    assert site.find("Deployment", "d", "apps/v1")
    assert controller.metric("gitops_application_objects", name=app.name, state="synced") == 4
    assert [event["type"] for event in app.events("Synced")] == ["Normal"]


def test_a_kustomization_comes_to_be(controller: Controller, site: Site) -> None:
    files = {
        "app/kustomization.yaml": "resources: [../base]\nnamePrefix: prod-\n",
        "base/kustomization.yaml": "resources: [a.yaml]\n",
        "base/a.yaml": to_yaml(config_map("a")),
    }
    app = site.application()
    sha = site.push(files)
    app.wait_ready(sha)
    assert site.data("prod-a") == {"key": "value"}
    sha = site.push({"base/a.yaml": to_yaml(config_map("a", {"key": "from the base"}))})
    app.wait_ready(sha)
    assert site.data("prod-a") == {"key": "from the base"}


def test_a_chart_comes_to_be_with_the_values_of_the_spec(controller: Controller, site: Site) -> None:
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
        "data: {colour: {{ .Values.colour }}, namespace: {{ .Release.Namespace }}}\n"
    )
    files = {
        "app/Chart.yaml": CHART,
        "app/values.yaml": "colour: red\n",
        "app/templates/a.yaml": template,
    }
    sha = site.push(files)
    app = site.application(render={"helm": {"releaseName": "shop"}})
    app.wait_ready(sha)
    assert site.data("shop") == {"colour": "red", "namespace": site.namespace}
    app.patch({"spec": {"render": {"helm": {"values": {"colour": "blue"}}}}})
    site.wait_data("shop", {"colour": "blue", "namespace": site.namespace})
    app.wait_ready(sha)


def test_a_commit_changes_adds_and_removes(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("same"), config_map("changed"), config_map("gone"))
    same = site.get("ConfigMap", "same")["metadata"]
    changed = site.get("ConfigMap", "changed")["metadata"]["uid"]
    sha = site.push_objects(config_map("same"), config_map("changed", {"key": "new"}), config_map("added"))
    app.wait_ready(sha)
    assert site.get("ConfigMap", "same")["metadata"] == same
    assert site.data("changed") == {"key": "new"}
    assert site.get("ConfigMap", "changed")["metadata"]["uid"] == changed
    assert site.data("added") == {"key": "value"}
    assert site.data("gone") is None
    assert controller.metric("gitops_pruned_total", name=app.name, kind="ConfigMap") == 1
    assert "gone" in app.events("Pruned")[0]["message"]


def test_a_field_that_leaves_git_leaves_the_cluster(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a", {"stays": "1", "goes": "2"}))
    app.wait_ready(site.push_objects(config_map("a", {"stays": "1"})))
    assert site.data("a") == {"stays": "1"}


def test_a_kind_and_its_resource_come_in_one_commit(controller: Controller, site: Site) -> None:
    group = f"{site.name}.example.com"
    definition = crd("Widget", group)
    widget = thing(f"{group}/v1", "Widget", "w", spec={"size": 3})
    other = thing(f"{group}/v1", "Widget", "v", spec={"size": 4})
    app = site.synced(widget, definition, config_map("a"))
    try:
        assert site.get("Widget", "w", f"{group}/v1")["spec"] == {"size": 3}
        site.cluster.patch(site.get("Widget", "w", f"{group}/v1"), {"spec": {"size": 5}})
        wait_for(
            lambda: site.get("Widget", "w", f"{group}/v1")["spec"] == {"size": 3}, "the Widget is healed"
        )
        app.wait_ready(site.push_objects(other, definition, config_map("a")))
        assert site.find("Widget", "w", f"{group}/v1") is None
    finally:
        site.cluster.delete(definition)


def test_a_namespace_and_what_is_in_it_come_in_one_commit(controller: Controller, site: Site) -> None:
    inner = thing("v1", "Namespace", f"{site.name}-inner")
    app = site.synced(config_map("b", metadata={"namespace": f"{site.name}-inner"}), inner)
    assert site.cluster.find("v1", "ConfigMap", f"{site.name}-inner", "b")
    assert "Forbidden" not in {one["reason"] for one in app.events()}
    site.cluster.delete(inner)


def many_kinds() -> list[Obj]:
    """One of each kind that needs no Pods to be healthy."""
    rbac = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    pod = {"containers": [{"name": "c", "image": "c:1"}]}
    job = {"spec": {"template": {"spec": {"restartPolicy": "Never", **pod}}}}
    labels = {"app": "set"}
    specs: dict[tuple[str, str], Obj] = {
        ("autoscaling/v2", "HorizontalPodAutoscaler"): {"scaleTargetRef": scaled, "maxReplicas": 3},
        ("networking.k8s.io/v1", "Ingress"): {"rules": [{"host": "a.example.com", "http": http}]},
        ("networking.k8s.io/v1", "NetworkPolicy"): {"podSelector": {}, "policyTypes": ["Ingress"]},
        ("policy/v1", "PodDisruptionBudget"): {"minAvailable": 1, "selector": {"matchLabels": labels}},
        ("v1", "LimitRange"): {"limits": [{"type": "Container", "max": {"cpu": "4"}}]},
        ("v1", "ResourceQuota"): {"hard": {"pods": "10"}},
        ("batch/v1", "CronJob"): {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job},
        ("apps/v1", "StatefulSet"): {
            "replicas": 0,
            "serviceName": "s",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    return [
        deployment("d"),
        service("s"),
        thing("rbac.authorization.k8s.io/v1", "Role", "r", rules=rbac),
        thing("v1", "ServiceAccount", "sa"),
        *(thing(api, kind, "one", spec=spec) for (api, kind), spec in specs.items()),
    ]


def test_objects_of_many_kinds_are_applied_and_stay_quiet(controller: Controller, site: Site) -> None:
    objects = many_kinds()
    app = site.synced(*objects)
    assert app.status["objects"]["healthy"] == len(objects)
    corrected = controller.metric("gitops_drift_corrected_total", name=app.name)
    app.refresh()
    stays(
        lambda: controller.metric("gitops_drift_corrected_total", name=app.name) == corrected,
        "nothing of it is taken for drift",
        seconds=2,
    )


def test_a_deployment_is_not_ready_before_its_pods_are(controller: Controller, site: Site) -> None:
    web = deployment("d", replicas=1)
    web["spec"]["template"]["spec"]["nodeSelector"] = {"nowhere": "yes"}
    site.push_objects(web)
    app = site.application()
    message = app.wait_reason("Progressing", "Reconciling")
    assert "Deployment.apps" in message
    assert app.condition("Ready")["status"] == "False"  # type: ignore[index]
    assert app.condition("Synced")["status"] == "True"  # type: ignore[index]
    app.wait_ready(site.push_objects(deployment("d", replicas=1)))


def test_suspending_stops_everything_and_resuming_catches_up(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"), config_map("b"))
    app.patch({"spec": {"suspend": True}})
    app.wait_reason("Suspended", "Ready")
    sha = site.push_objects(config_map("a", {"key": "new"}))
    site.cluster.patch(site.get("ConfigMap", "b"), {"data": {"key": "edited"}})
    app.refresh()
    stays(
        lambda: site.data("a") == {"key": "value"} and site.data("b") == {"key": "edited"},
        "nothing is applied, healed or pruned",
        seconds=2,
    )
    assert controller.metric("gitops_application_info", name=app.name, suspended="true") == 1
    app.patch({"spec": {"suspend": False}})
    app.wait_ready(sha)
    assert site.data("a") == {"key": "new"}
    assert site.data("b") is None


def test_a_commit_elsewhere_renders_nothing_and_writes_no_status(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    before = app.get()
    renders = controller.metric("gitops_render_seconds_count")
    elsewhere = site.push({"docs/notes.md": "elsewhere\n"})
    polls = site.repository.asked(Service.LIST)
    wait_for(lambda: site.repository.asked(Service.LIST) >= polls + 3, "it was polled again")
    after = app.get()
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert after["status"]["revision"]["applied"] != elsewhere
    assert controller.metric("gitops_render_seconds_count") == renders


def test_fifty_applications_of_one_repository_are_one_poll(controller: Controller, site: Site) -> None:
    count = 50
    site.push({f"apps/{i}/a.yaml": to_yaml(config_map(f"a{i}")) for i in range(count)})
    apps = [site.application(str(i), path=f"apps/{i}", sync={"interval": "1s"}) for i in range(count)]
    for app in apps:
        app.wait_ready(timeout=60)
    fetches = site.repository.asked(Service.FETCH)
    assert fetches <= 3
    before = site.repository.asked(Service.LIST)
    renders = controller.metric("gitops_render_seconds_count")
    sha = site.push({"apps/7/a.yaml": to_yaml(config_map("a7", {"key": "new"}))})
    apps[7].wait_ready(sha)
    wait_for(lambda: site.repository.asked(Service.LIST) >= before + 3, "it was polled again")
    assert site.repository.asked(Service.LIST) - before <= 8  # fifty would ask fifty times as often
    assert site.repository.asked(Service.FETCH) == fetches + 1
    assert controller.metric("gitops_render_seconds_count") == renders + 1


def test_a_shorter_interval_counts_from_now_on(controller: Controller, site: Site) -> None:
    site.push({"app/a.yaml": to_yaml(config_map("a")), "other/b.yaml": to_yaml(config_map("b"))})
    site.application("slow", sync={"interval": "1h"}).wait_ready()
    sha = site.push({"other/b.yaml": to_yaml(config_map("b", {"key": "new"}))})
    site.application("quick", path="other", sync={"interval": "500ms"}).wait_ready(sha, timeout=10)


def test_revisions_can_be_a_full_sha_a_tag_or_a_range(controller: Controller, site: Site) -> None:
    tree = site.repository.tree
    first = site.push_objects(config_map("a", {"key": "1.0.0"}))
    tree.tag("v1.0.0")
    site.push_objects(config_map("a", {"key": "1.1.0"}))
    tree.tag("v1.1.0")
    tree.push()
    site.push_objects(config_map("a", {"key": "main"}))
    app = site.application(revision=first)
    app.wait_ready(first)
    assert site.data("a") == {"key": "1.0.0"}
    app.patch({"spec": {"source": {"revision": "v1.1.0"}}})
    site.wait_data("a", {"key": "1.1.0"})
    app.patch({"spec": {"source": {"revision": ">=1.0 <2"}}})
    app.wait_ready()
    assert site.data("a") == {"key": "1.1.0"}
    site.push_objects(config_map("a", {"key": "1.2.0"}))
    tree.tag("v1.2.0")
    tree.push()
    site.wait_data("a", {"key": "1.2.0"})
    app.patch({"spec": {"source": {"revision": None}}})
    site.wait_data("a", {"key": "1.2.0"})
    app.wait_ready()


def test_history_that_was_rewritten_is_followed(controller: Controller, site: Site) -> None:
    app = site.synced(config_map("a"))
    site.repository.tree.git("commit", "--quiet", "--amend", "--allow-empty", "--message=again")
    site.repository.tree.write({"app/objects.yaml": to_yaml(config_map("a", {"key": "rewritten"}))})
    site.repository.tree.git("add", "--all")
    site.repository.tree.git("commit", "--quiet", "--amend", "--message=again")
    site.repository.tree.force_push()
    app.wait_ready(site.repository.tree.head())
    assert site.data("a") == {"key": "rewritten"}


def test_a_newer_commit_ends_the_wait_for_an_older_one(controller: Controller, site: Site) -> None:
    stuck = deployment("d", replicas=1)
    stuck["spec"]["template"]["spec"]["nodeSelector"] = {"nowhere": "yes"}
    app = site.synced(config_map("old"))
    site.push_objects(stuck)
    app.wait_reason("Progressing", "Reconciling")
    assert site.data("old") == {"key": "value"}  # what runs now goes only when the new one works
    sha = site.push_objects(config_map("new"))
    app.wait_ready(sha)
    assert site.data("old") is None
    assert site.find("Deployment", "d", "apps/v1") is None


def test_a_tenant_acts_as_its_own_account(controller: Controller, site: Site) -> None:
    tenant = site.tenant("configmaps")
    sha = site.push_objects(config_map("a"))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    app.wait_ready(sha)
    assert (
        site.get("ConfigMap", "a")["metadata"]["managedFields"][0]["manager"]
        == f"gitops.dev/{tenant}/{app.name}"
    )
    app.delete()
    app.wait_gone()
    assert site.data("a") is None
